//! Creates a crate from a template.
//!
//! A template is a crate that compiles. farport reads the whole template ([`source`]), renames it ([`rename`],
//! [`manifest`]), and moves it to its target in one step ([`place`]). An error before that step leaves no
//! files behind. farport runs no code from a template.

mod builtin;
mod button;
mod ci;
mod crate_name;
mod error;
mod files;
mod git;
mod git_source;
mod manifest;
mod place;
mod rename;
mod source;
mod workspace;

use std::path::{Path, PathBuf};

pub(crate) use ci::Ci;
pub(crate) use error::Error;
pub(crate) use source::Target;

use crate::file_error::FileError;
use crate_name::CrateName;
use manifest::Dependencies;
use place::Place;
use source::Source;
use workspace::Around;

/// The options of a new crate.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The crate's folder; the last part is the crate's name.
    pub(crate) path: &'a Path,
    /// The name of a built-in template, a folder, or a git URL.
    pub(crate) template: &'a str,
    /// The variant of a built-in template.
    pub(crate) target: Target,
    /// The CI service to add a workflow for.
    pub(crate) ci: Option<Ci>,
    /// Whether to create a git repository, unless the folder is already in one.
    pub(crate) git: bool,
    /// The source of the farport crates.
    pub(crate) farport: Farport,
}

/// The source of the farport crates that a new crate depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Farport {
    /// The checkout that this command was built from if it exists, else the registry.
    #[default]
    Auto,
    /// The checkout that this command was built from.
    Checkout,
    /// The registry.
    Registry,
}

/// A new crate.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Generated {
    /// The crate's name.
    pub(crate) name: String,
    /// The crate's folder, absolute.
    pub(crate) path: PathBuf,
    /// The requested template, without credentials.
    pub(crate) template: String,
    /// The git repository of the crate.
    pub(crate) git: Repository,
    /// Whether the crate got its own workspace, because the workspace around it does not list it.
    pub(crate) own_workspace: bool,
    /// The `crates` folder of the checkout that the crate depends on, unless it depends on a release.
    #[serde(rename = "checkout", skip_serializing_if = "Option::is_none")]
    pub(crate) checkout: Option<PathBuf>,
    /// Whether the crate is a Cloudflare Worker.
    #[serde(skip)]
    pub(crate) is_worker: bool,
}

/// The git repository of a new crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Repository {
    /// farport created a repository.
    New,
    /// The folder is already in a repository.
    Around,
    /// The `git` program is not installed.
    NoProgram,
    /// The user passed `--no-git`.
    Unwanted,
}

/// Creates a crate.
pub(crate) fn generate(request: &Request<'_>) -> Result<Generated, Error> {
    let path = std::path::absolute(request.path).map_err(FileError::of("find", request.path))?;
    let name = CrateName::of(&path)?;
    let place = Place::check(&path)?;
    let dependencies = match request.farport {
        Farport::Auto => Dependencies::on_checkout().unwrap_or(Dependencies::Released),
        Farport::Checkout => Dependencies::on_checkout()?,
        Farport::Registry => Dependencies::Released,
    };
    let source = Source::parse(request.template, request.target)?;

    let around = workspace::around(place.target())?;
    let mut files = source.read()?;
    let old = manifest::name(&files, &source.to_string())?;
    rename::rename(&mut files, &old, &name);
    manifest::adapt(&mut files, &old, &name, &dependencies, around)?;

    let is_worker = ci::is_worker(&files);
    if is_worker {
        button::fill(&mut files, name.as_str(), place.around(), place.target());
    }
    if let Some(ci) = request.ci {
        ci::add(&mut files, ci)?;
    }

    let staged = place.stage(&files)?;
    let git = if !request.git {
        Repository::Unwanted
    } else {
        git::init(staged.folder(), place.around())?
    };
    staged.put()?;
    Ok(Generated {
        name: name.to_string(),
        path: place.target().to_owned(),
        template: source.to_string(),
        git,
        own_workspace: around == Around::Unlisted,
        is_worker,
        checkout: match dependencies {
            Dependencies::Released => None,
            Dependencies::Checkout(crates) => Some(crates),
        },
    })
}
