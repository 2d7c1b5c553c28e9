//! `cargo xtask clients`: real MCP clients from npm against the fixture server, and signing in.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::fixture::{self, Fixture};
use crate::setup::{self, Node};
use crate::steps::Outcome;
use crate::{process, project};

/// Every script of `tests/node` that is a client's test.
const SCRIPTS: [&str; 9] = [
    "sdk1.test.mjs",
    "client2.test.mjs",
    "mcp-remote.test.mjs",
    "farport-connect.test.mjs",
    // From here on, with a browser.
    "sign-in.test.mjs",
    "providers.test.mjs",
    "farport-sign-in.test.mjs",
    "pages.test.mjs",
    "authorization.test.mjs",
];

/// How many of them have no use for a browser.
const PLAIN: usize = 4;

/// The longest all scripts together may take.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs real MCP clients from npm against the fixture server, over /mcp and /sse, and lets them
/// sign in.
///
/// The scripts are in tests/node: `@modelcontextprotocol/sdk` 1.x, `@modelcontextprotocol/client`
/// 2.x, `mcp-remote` and `farport connect`, which is also tested with a server of the Python SDK.
/// rmcp's own client is tested in farport-testkit, with `cargo test`.
///
/// Signing in is tested against `farport demo`, through headless Chromium: the one that
/// FARPORT_CHROMIUM names, or one on the PATH, or with --install Debian's. Without any, these tests
/// are skipped. Pictures of the pages are written to target/screenshots.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Run only the tests whose name matches this regular expression, for example `resumes`.
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    #[command(flatten)]
    fixture: fixture::Which,
    /// Only those that need nothing but the fixture server.
    #[arg(skip)]
    without_sign_in: bool,
}

impl Args {
    /// Against a Worker.
    pub(crate) fn of_worker(fixture: fixture::Which) -> Self {
        Self {
            fixture,
            without_sign_in: true,
            ..Self::default()
        }
    }
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
        // A test keeps tokens in the keyring of a desktop.
        "--features",
        "keyring",
    ]);
    process::run(&mut build, process::BUILD).context("farport does not build")?;
    // The Python servers belong to the tests that sign in.
    let python = if args.without_sign_in {
        None
    } else {
        Some(setup::python()?)
    };
    let (chromium, missing) = if args.without_sign_in {
        (None, Vec::new())
    } else {
        for_sign_in()?
    };
    let mut command = node.command("node");
    command
        .env("FARPORT_BIN", project::target().join("debug/farport"))
        .env("FARPORT_MCP_URL", &server.url)
        .env("FARPORT_SSE_URL", server.sse_url())
        .env(
            "FARPORT_PYTHON_SERVER",
            project::root().join("tests/python/server.py"),
        )
        .env("FARPORT_SCREENSHOTS", project::target().join("screenshots"));
    if let Some(python) = python {
        command.env("FARPORT_PYTHON", python);
    }
    if let Some(chromium) = &chromium {
        command.env("FARPORT_CHROMIUM", chromium);
    }
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
    let scripts: Vec<_> = SCRIPTS
        .into_iter()
        .take(if args.without_sign_in {
            PLAIN
        } else {
            SCRIPTS.len()
        })
        .collect();
    process::run(command.args(&scripts), LIMIT).context("a client's test failed")?;
    let scripts = scripts.len();
    let passed = format!("{scripts} scripts of tests/node");
    if missing.is_empty() {
        return Outcome::passed(passed);
    }
    let missing = missing.join("; ");
    Ok(Outcome::Skipped(format!(
        "tests that need more than this machine has: {missing}; the other tests of {passed} passed"
    )))
}

/// Returns the browser of the tests that sign in, and why some of them are skipped.
fn for_sign_in() -> Result<(Option<PathBuf>, Vec<String>)> {
    let mut missing = Vec::new();
    let keyring = [
        ("dbus-daemon", "dbus-daemon"),
        ("gnome-keyring-daemon", "gnome-keyring"),
    ];
    // Their tests report that they were skipped.
    if let Err(why) = setup::optional(setup::programs(&keyring))? {
        missing.push(why);
    }
    let chromium = match setup::optional(setup::chromium())? {
        Ok(chromium) => Some(chromium),
        Err(why) => {
            missing.push(why);
            None
        }
    };
    Ok((chromium, missing))
}
