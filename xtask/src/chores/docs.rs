//! `cargo xtask docs`: checks the documents, and builds `docs/` as a book with mdBook.

mod check;
mod picture;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process::{self, BUILD};
use crate::steps::{Outcome, Steps};
use crate::{console, project};

/// The mdBook that is installed under target/ when the machine has another version or none.
const MDBOOK: &str = "0.5.4";

/// Checks links, anchors and code blocks of all documents, and builds target/book.
///
/// The first run builds mdBook under target/tools, which takes some minutes.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only check, in a second; do not build the book.
    #[arg(long)]
    check: bool,
    /// Record the terminal sessions in docs/images again, with the `farport` command that is built.
    #[arg(long, conflicts_with = "check")]
    picture: bool,
}

impl Args {
    /// The checks alone.
    pub(crate) fn check() -> Self {
        Self {
            check: true,
            ..Self::default()
        }
    }
}

/// Runs the checks, then mdBook.
///
/// # Errors
/// When a check or the build of the book failed.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    if args.picture {
        return picture::run();
    }
    if args.check {
        return check::run();
    }
    let mut steps = Steps::default();
    steps.step("documents", "cargo xtask docs --check", check::run);
    steps.step("examples", "cargo test -p farport-testkit --doc", || {
        let args = ["test", "--quiet", "--package", "farport-testkit", "--doc"];
        process::run(project::cargo().args(args), BUILD)?;
        Outcome::passed("every Rust block of the documents compiles")
    });
    steps.step("book", "cargo xtask docs", book);
    steps.finish()
}

fn book() -> Result<Outcome> {
    let mdbook = match mdbook() {
        Ok(mdbook) => mdbook,
        Err(error) => {
            let why = format!("mdBook {MDBOOK} cannot be installed here: {error:#}");
            return Ok(Outcome::Skipped(why));
        }
    };
    let mut build = Command::new(mdbook);
    build.arg("build").arg(project::root().join("docs"));
    process::run(&mut build, Duration::from_secs(120))?;
    let page = project::target().join("book/index.html");
    console::note(&format!("open {}", page.display()));
    Outcome::passed("target/book")
}

/// mdBook of the wanted version: the machine's, or else one installed under target/.
fn mdbook() -> Result<PathBuf> {
    let folder = project::target().join("tools/mdbook");
    let installed = folder.join("bin/mdbook");
    for program in [PathBuf::from("mdbook"), installed.clone()] {
        let version = process::output(Command::new(&program).arg("--version"));
        if version.is_ok_and(|version| version.trim().ends_with(MDBOOK)) {
            return Ok(program);
        }
    }
    fs::create_dir_all(&folder)?;
    let mut install = project::cargo();
    install.args(["install", "--quiet", "--locked", "--root"]);
    install.arg(&folder).args(["--version", MDBOOK, "mdbook"]);
    install.args(["--no-default-features", "--features", "search"]);
    process::run(&mut install, BUILD)?;
    Ok(installed)
}
