//! `farport dev`.

use std::path::Path;

use clap::ColorChoice;

use crate::cli::DevArgs;
use crate::dev::{self, Options};
use crate::error::Error;
use crate::listen;
use crate::project::Project;
use crate::settings::Listen;
use crate::worker::tools::Needs;
use crate::worker::{Config, Tools};

/// Serves the crate in the current folder until it is told to stop.
pub(crate) fn run(args: DevArgs, color: ColorChoice) -> Result<(), Error> {
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    // Before cargo, which may take its time: a port that is taken is told at once.
    let Listen { host, port } = Listen::of_project(args.listen, root)?;
    let sockets = listen::bind(&host, port)?;
    if args.worker {
        // The port is free, or somebody has been told who has it; now it is wrangler's.
        drop(sockets);
        let listen = Listen { host, port };
        let needs = Needs {
            build: true,
            account: false,
        };
        let (config, tools) = (Config::load(root)?, Tools::find(root, needs)?);
        let project = Project::load(root, None)?;
        return block_on(dev::worker::run(
            project,
            config,
            tools,
            listen,
            args.release,
        ));
    }
    let project = Project::load(root, args.bin.as_deref())?;
    let options = Options {
        binary: args.bin,
        release: args.release,
        color,
    };
    block_on(dev::run(project, sockets, options))
}

/// On one thread, this one: what it starts ends with it (see `dev::run`).
fn block_on(serving: impl Future<Output = Result<(), dev::Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(serving).map_err(Error::Dev)
}
