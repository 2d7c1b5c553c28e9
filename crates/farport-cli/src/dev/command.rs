//! `farport dev`.

use std::io;
use std::net::TcpListener;
use std::path::Path;

use clap::ColorChoice;

use super::driver::{self, Options};
use super::inspect::InspectOptions;
use super::{listen, worker};
use crate::cli::DevArgs;
use crate::error::Error;
use crate::project::{Platform, Project};
use crate::settings::Listen;
use crate::worker::tools::Needs;
use crate::worker::{Config, Tools};

/// Serves the crate in the current folder until a signal arrives.
pub(crate) fn run(args: DevArgs, color: ColorChoice) -> Result<(), Error> {
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    if args.worker && args.inspect {
        let Listen { port, .. } = Listen::of_project(args.listen, root)?;
        return Err(super::Error::InspectWorker { port }.into());
    }
    // Open the port before running cargo, to report a used port immediately.
    let Listen { host, port } = Listen::of_project(args.listen, root)?;
    let sockets = listen::bind(&host, port)?;
    if args.worker {
        // The port is free. wrangler opens it itself.
        drop(sockets);
        let listen = Listen { host, port };
        let needs = Needs {
            build: true,
            wrangler: true,
            account: false,
        };
        let (config, tools) = (Config::load(root)?, Tools::find(root, needs)?);
        let project = Project::load(root, None, Platform::Worker)?;
        return block_on(worker::run(project, config, tools, listen, args.release));
    }
    let project = Project::load(root, args.bin.as_deref(), Platform::Host)?;
    let inspect = args.inspect.then(|| {
        Ok::<_, Error>(InspectOptions {
            url: url_of(&sockets).map_err(Error::Runtime)?,
            open: !args.no_open,
        })
    });
    let options = Options {
        binary: args.bin,
        release: args.release,
        color,
        inspect: inspect.transpose()?,
    };
    block_on(driver::run(project, sockets, options))
}

/// The URL at which a server with these sockets serves MCP.
fn url_of(sockets: &[TcpListener]) -> io::Result<String> {
    let first = sockets.first().ok_or(io::ErrorKind::NotFound)?;
    let address = first.local_addr()?;
    let (ip, port) = (address.ip(), address.port());
    Ok(if ip.is_loopback() || ip.is_unspecified() {
        format!("http://localhost:{port}/mcp")
    } else {
        format!("http://{address}/mcp")
    })
}

/// Runs a future on the current thread, because child processes end with the thread that started them (see
/// `driver::run`).
fn block_on(serving: impl Future<Output = Result<(), super::Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(serving).map_err(Error::Dev)
}
