//! `cargo xtask ui`: the page of `farport inspect`, as modules and in a browser.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::setup::{self, Node};
use crate::steps::Outcome;
use crate::{process, project};

/// The longest one of the tests in a browser may take.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Tests the page of `farport inspect`: its modules with `node --test`, and the whole page in
/// headless Chromium, against the fixture server, npm `server-everything`, the Python SDK, npm
/// `oidc-provider`, and servers that break rules or send hostile text. Tests the chat with models that are
/// played, on the command line and on the page.
///
/// The browser is the one that FARPORT_CHROMIUM names, or one on the PATH, or with --install Debian's.
/// Pictures of the page are written to target/screenshots/inspect.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Replace the pictures of the page in docs/images.
    #[arg(long)]
    picture: bool,

    /// Run only these tests in the browser
    #[arg(long, value_name = "NAME", value_parser = BROWSER)]
    only: Vec<String>,
}

/// Pictures for the docs: the file that the test writes, and its name in docs/images.
const PICTURES: [(&str, &str); 8] = [
    ("inspect/form-top-light.png", "inspect-light.png"),
    ("inspect/form-top-dark.png", "inspect-dark.png"),
    ("chat/chat-answer-light.png", "playground-light.png"),
    ("chat/chat-answer-dark.png", "playground-dark.png"),
    (
        "inspect/app-server-basic-vanillajs-light.png",
        "inspect-app-light.png",
    ),
    (
        "inspect/app-server-basic-vanillajs-dark.png",
        "inspect-app-dark.png",
    ),
    ("inspect/revisions-light.png", "inspect-revisions-light.png"),
    ("inspect/revisions-dark.png", "inspect-revisions-dark.png"),
];

/// The tests in the browser.
const BROWSER: [&str; 8] = [
    "browser.mjs",
    "apps.mjs",
    "extensions.mjs",
    "views.mjs",
    "connections.mjs",
    "during.mjs",
    "signing-in.mjs",
    "hostile.mjs",
];

/// Runs the tests.
///
/// # Errors
/// When a program does not build, or a test fails.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let node = Node::ready()?;
    let tests = project::root().join("crates/farport-ui/ui/tests");
    let mut modules = node.command("node");
    modules
        .env("FARPORT_NODE_MODULES", node.folder.join("node_modules"))
        .arg("--test")
        .args(module_tests(&tests)?);
    process::run(&mut modules, LIMIT).context("a test of the page's modules failed")?;
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--package", "farport-cli", "--package"]);
    build.args([
        "farport-testkit",
        "--bin",
        "farport",
        "--bin",
        "farport-fixture",
    ]);
    process::run(&mut build, process::BUILD).context("farport does not build")?;
    let programs = project::target().join("debug");
    let chromium = setup::optional(setup::chromium())?;
    let python = setup::python()?;
    let mut chat = node.command("node");
    chat.env("FARPORT_PYTHON", &python);
    if let Ok(chromium) = &chromium {
        chat.env("FARPORT_CHROMIUM", chromium);
    }
    chat.arg(tests.join("chat.mjs"))
        .arg(programs.join("farport"))
        .arg(node.folder.join("node_modules"))
        .arg(project::target().join("screenshots/chat"));
    process::run(&mut chat, LIMIT).context("a test of the chat failed")?;
    let chromium = match chromium {
        Ok(chromium) => chromium,
        Err(why) => {
            let why = format!("the page was not opened: {why}; its modules passed");
            return Ok(Outcome::Skipped(why));
        }
    };
    let apps = Node::with("tests/inspector", project::target().join("inspector"))?;
    let chosen = |name: &&&str| args.only.is_empty() || args.only.iter().any(|one| one == *name);
    for name in BROWSER.iter().filter(chosen) {
        let mut browser = node.command("node");
        browser
            .env("FARPORT_CHROMIUM", &chromium)
            .env("FARPORT_APPS", &apps.folder)
            .env("FARPORT_PYTHON", &python)
            .env(
                "FARPORT_PYTHON_SERVER",
                project::root().join("tests/python/server.py"),
            )
            .arg(tests.join(name))
            .arg(programs.join("farport"))
            .arg(programs.join("farport-fixture"))
            .arg(node.folder.join("node_modules"))
            .arg(project::target().join("screenshots/inspect"));
        process::run(&mut browser, LIMIT).with_context(|| format!("the test {name} failed"))?;
    }
    if args.picture {
        for (from, to) in PICTURES {
            let from = project::target().join("screenshots").join(from);
            let to = project::root().join("docs/images").join(to);
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Outcome::passed("the page's modules, and the page in Chromium")
}

/// The tests of the page's modules, which need no browser.
fn module_tests(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut tests = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            tests.push(path);
        }
    }
    tests.sort();
    Ok(tests)
}
