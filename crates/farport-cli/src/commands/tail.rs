//! `farport tail`.

use std::path::Path;

use crate::error::Error;
use crate::project::Project;
use crate::worker::args::TailArgs;
use crate::worker::tools::Needs;
use crate::worker::{Config, Tools, wrangler};

/// Streams the log of the Worker in the current folder until a signal arrives.
pub(crate) fn run(args: TailArgs) -> Result<(), Error> {
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    Config::load(root)?;
    let needs = Needs {
        build: false,
        wrangler: true,
        account: true,
    };
    let tools = Tools::find(root, needs)?;
    let mut tail = tools.wrangler();
    tail.arg("tail").arg("--format");
    tail.arg(if args.json { "json" } else { "pretty" });
    tail.arg("--env").arg(args.env.unwrap_or_default());
    Ok(wrangler::exec(tail)?)
}
