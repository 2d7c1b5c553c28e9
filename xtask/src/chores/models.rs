//! `cargo xtask models`: `farport chat` with a real model.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{self, Child, Server};
use crate::steps::Outcome;
use crate::{project, setup};

/// How long the demo may take to start.
const START: Duration = Duration::from_secs(20);

/// Lets a small real model call a tool of `farport demo`, offline.
///
/// The model is Needle 3, which only calls tools. Its weights are in a wheel that is pinned by its hash, for
/// Linux on x86-64.
#[derive(clap::Args, Default)]
pub(crate) struct Args {}

/// Runs the model, the demo and the chat.
///
/// # Errors
/// When the model does not call the tool, or its result is not the answer.
pub(crate) fn run(_: &Args) -> Result<Outcome> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Outcome::passed("no model for this system");
    }
    let python = setup::python_with("models", "tests/python/models.txt")?;
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--package", "farport-cli"]);
    process::run(&mut build, process::BUILD).context("farport does not build")?;
    let farport = project::target().join("debug/farport");

    let mut wrapper = Command::new(python);
    wrapper.arg(project::root().join("tests/python/needle.py"));
    let mut model = Child::spawn(wrapper.stdout(Stdio::piped()))?;
    let printed = model.stdout().context("a piped standard output")?;
    let mut base = String::new();
    BufReader::new(printed).read_line(&mut base)?;
    ensure!(base.starts_with("http://"), "the model did not start");

    let mut demo = Command::new(&farport);
    let demo = Server::start(demo.args(["demo", "--port", "0"]), START)?;
    let mut chat = Command::new(&farport);
    chat.args(["chat", &demo.url, "--base-url", base.trim()]);
    chat.args(["--allow", "add", "add 23 and 19"]);
    let answer = process::output(&mut chat)?;
    ensure!(answer.contains("42"), "the model answered: {answer}");
    Outcome::passed("a real model called `add`, and 23 + 19 is 42")
}
