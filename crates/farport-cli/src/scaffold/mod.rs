//! Generating a crate from a template.
//!
//! A template is a crate that compiles as it stands. It is read whole ([`source`]), given its
//! new name ([`rename`], [`manifest`]) and put in place in one move ([`place`]): whatever fails
//! before that move leaves nothing behind. Nothing of a template is executed.

mod builtin;
mod ci;
mod crate_name;
mod error;
mod files;
mod git;
mod manifest;
mod place;
mod rename;
mod source;
mod workspace;

use std::path::{Path, PathBuf};

pub(crate) use ci::Ci;
pub(crate) use error::Error;
pub(crate) use source::Target;

use crate::error::FileError;
use crate_name::CrateName;
use manifest::Dependencies;
use place::Place;
use source::Source;

/// What to generate.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// Where to; the last part is the crate's name.
    pub(crate) path: &'a Path,
    /// The name of a built-in template, a folder, or a git address.
    pub(crate) template: &'a str,
    /// Where the server is to run, if a built-in template has a form for it.
    pub(crate) target: Target,
    /// Who is to test and deploy it on each push.
    pub(crate) ci: Option<Ci>,
    /// Whether to make a git repository of it, unless it is inside one already.
    pub(crate) git: bool,
    /// Whether to depend on the checkout of farport this command was built from.
    pub(crate) path_deps: bool,
}

/// What was generated.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Generated {
    /// The crate's name.
    pub(crate) name: String,
    /// The crate's folder, absolute.
    pub(crate) path: PathBuf,
    /// The template, as it was asked for; without credentials.
    pub(crate) template: String,
    /// What came of git.
    pub(crate) git: Repository,
    /// Whether the crate was made a workspace of its own, because the one around it does not
    /// take it in.
    pub(crate) own_workspace: bool,
    /// Whether it depends on a released farport, although the checkout this command was built
    /// from is there.
    #[serde(skip)]
    pub(crate) released_beside_checkout: bool,
    /// Whether it can be a worker of Cloudflare's.
    #[serde(skip)]
    pub(crate) is_worker: bool,
}

/// What came of git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Repository {
    /// A new repository was made.
    New,
    /// The crate is inside a repository already.
    Around,
    /// There is no `git` program here.
    NoProgram,
    /// None was wanted.
    Unwanted,
}

/// Generates a crate.
pub(crate) fn generate(request: &Request<'_>) -> Result<Generated, Error> {
    let path = std::path::absolute(request.path).map_err(FileError::of("find", request.path))?;
    let name = CrateName::of(&path)?;
    let place = Place::survey(&path)?;
    let dependencies = match request.path_deps {
        true => Dependencies::on_checkout()?,
        false => Dependencies::Released,
    };
    let source = Source::parse(request.template, request.target)?;

    let own_workspace = workspace::is_left_out(place.target())?;
    let mut files = source.read()?;
    let old = manifest::name(&files, &source.to_string())?;
    rename::rename(&mut files, &old, &name);
    manifest::adapt(&mut files, &old, &name, &dependencies, own_workspace)?;

    let is_worker = ci::is_worker(&files);
    if let Some(ci) = request.ci {
        ci::add(&mut files, ci)?;
    }

    let staged = place.stage(&files)?;
    let git = match request.git {
        false => Repository::Unwanted,
        true => git::init(staged.folder(), place.around())?,
    };
    staged.put()?;
    Ok(Generated {
        name: name.to_string(),
        path: place.target().to_owned(),
        template: source.to_string(),
        git,
        own_workspace,
        is_worker,
        released_beside_checkout: !request.path_deps && Dependencies::on_checkout().is_ok(),
    })
}
