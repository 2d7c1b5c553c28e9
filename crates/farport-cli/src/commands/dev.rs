//! `farport dev`.

use std::path::Path;

use clap::ColorChoice;

use crate::cli::DevArgs;
use crate::dev::{self, Options};
use crate::error::Error;
use crate::listen;
use crate::project::Project;
use crate::settings::Listen;

/// Serves the crate in the current folder until it is told to stop.
pub(crate) fn run(args: DevArgs, color: ColorChoice) -> Result<(), Error> {
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    // Before cargo, which may take its time: a port that is taken is told at once.
    let Listen { host, port } = Listen::of_project(args.listen, root)?;
    let sockets = listen::bind(&host, port)?;
    let project = Project::load(root, args.bin.as_deref())?;
    let options = Options {
        binary: args.bin,
        release: args.release,
        color,
    };
    // One thread, this one: what it starts ends with it (see `dev::run`).
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime
        .block_on(dev::run(project, sockets, options))
        .map_err(Error::Dev)
}
