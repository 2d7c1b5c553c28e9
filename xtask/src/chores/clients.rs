//! `cargo xtask clients`: real MCP clients from npm against the fixture server, and signing in.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::fixture::{self, Fixture};
use crate::setup::Node;
use crate::steps::Outcome;
use crate::{process, project};

/// Every script of `tests/node` that is a client's test.
const SCRIPTS: [&str; 4] = [
    "sdk1.test.mjs",
    "client2.test.mjs",
    "mcp-remote.test.mjs",
    "farport-connect.test.mjs",
];

/// The longest all scripts together may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Runs real MCP clients from npm against the fixture server, over /mcp and /sse.
///
/// The scripts are in tests/node: `@modelcontextprotocol/sdk` 1.x, `@modelcontextprotocol/client`
/// 2.x, `mcp-remote` and `farport connect`. rmcp's own client is tested in farport-testkit, with `cargo test`.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Run only the tests whose name matches this regular expression, for example `resumes`.
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    #[command(flatten)]
    fixture: fixture::Which,
}

/// Runs the scripts, one after the other.
///
/// # Errors
/// When the fixture does not start, or a test fails.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let node = Node::ready()?;
    let server = Fixture::start(&args.fixture)?;
    let mut build = project::cargo();
    build.args([
        "build",
        "--quiet",
        "--package",
        "farport-cli",
        "--bin",
        "farport",
    ]);
    process::run(&mut build, process::BUILD).context("farport does not build")?;
    let mut command = node.command("node");
    command
        .env("FARPORT_BIN", project::target().join("debug/farport"))
        .env("FARPORT_MCP_URL", &server.url)
        .env("FARPORT_SSE_URL", server.sse_url());
    command.args([
        "--test",
        "--test-concurrency=1",
        "--test-timeout=60000",
        "--test-reporter=spec",
    ]);
    command.args(
        args.only
            .iter()
            .map(|pattern| format!("--test-name-pattern={pattern}")),
    );
    process::run(command.args(SCRIPTS), LIMIT).context("a client's test failed")?;
    let scripts = SCRIPTS.len();
    Outcome::passed(match chromium {
        Some(_) => format!("{scripts} scripts of tests/node"),
        None => format!("{scripts} scripts of tests/node; no Chromium, so nobody signed in"),
    })
}

/// Builds the `farport` command.
fn farport() -> Result<PathBuf> {
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--package", "farport-cli"]);
    build.args(["--bin", "farport"]);
    process::run(&mut build, BUILD).context("the farport command does not build")?;
    Ok(project::target().join("debug/farport"))
}
