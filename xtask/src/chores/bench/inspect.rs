//! `farport inspect` and `farport call` beside the npm inspector, in front of one server.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

use super::target::{DEMO, SERVERS, Target};
use crate::setup::{self, Node};
use crate::{console, process, project};

/// How often each is started; the median counts.
const ROUNDS: usize = 7;
/// The npm inspector, as users install it.
const INSPECTOR: &str = "@modelcontextprotocol/inspector@2.12.0";

/// What both were measured at.
pub(crate) struct Inspect {
    farport: Inspector,
    inspector: Inspector,
}

/// Times in milliseconds, sizes in bytes.
struct Inspector {
    /// From the command to the address of the page, and to the tools in the browser.
    ready: f64,
    listed: f64,
    /// Resident memory of its processes, without the browser.
    memory: f64,
    /// One tool call from the command line, from start to end.
    call: f64,
    download: f64,
    installed: f64,
    /// What the installation takes, and its packages.
    seconds: Option<f64>,
    packages: Option<u64>,
}

impl Inspector {
    fn read(value: &Value) -> Result<Self> {
        let number = |name: &'static str| value[name].as_f64().context(name);
        Ok(Self {
            ready: number("ready")?,
            listed: number("listed")?,
            memory: number("memory")?,
            call: number("call")?,
            download: number("download")?,
            installed: number("installed")?,
            seconds: value["seconds"].as_f64(),
            packages: value["packages"].as_u64(),
        })
    }
}

/// Measures both.
///
/// # Errors
/// When there is no Chromium, or a program fails.
pub(crate) fn measure() -> Result<Inspect> {
    let node = Node::ready()?;
    let chromium = setup::chromium().context("the page needs a browser")?;
    let kind = SERVERS.iter().find(|kind| kind.name == DEMO);
    let server = Target::start(kind.context("the demo is among the servers")?)?;
    let mut command = node.command("node");
    command
        .arg(project::root().join("bench/inspector/inspect.mjs"))
        .arg(project::target().join("dist/farport"))
        .arg(node.folder.join("node_modules"))
        .arg(chromium)
        .arg(server.url())
        .args(["add", &ROUNDS.to_string(), INSPECTOR]);
    let text = process::output(&mut command)?;
    let line = text.lines().last().context("the script printed nothing")?;
    let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let measured = Inspect {
        farport: Inspector::read(&value["farport"])?,
        inspector: Inspector::read(&value["inspector"])?,
    };
    for (name, one) in measured.both() {
        console::note(&format!(
            "{name:16} address {:.0} ms, tools {:.0} ms, call {:.1} ms",
            one.ready, one.listed, one.call
        ));
    }
    Ok(measured)
}

impl Inspect {
    fn both(&self) -> [(&'static str, &Inspector); 2] {
        [
            ("farport", &self.farport),
            ("npm inspector 2.12", &self.inspector),
        ]
    }

    /// The table as Markdown.
    ///
    /// # Errors
    /// Never: text takes all that is written to it.
    pub(crate) fn table(&self) -> Result<String> {
        let mut out = String::new();
        writeln!(
            out,
            "`farport inspect` beside `@modelcontextprotocol/inspector` 2.12 (already installed, and started without `npx`), in front of the same server, in a Chromium that is already open: from the command to the page's address, and to the tools on the page; the memory of its processes without the browser; one `farport call` beside `inspector --cli`, from start to end (medians of {ROUNDS} starts, in turns). The download is the compressed program, or npm's packages; Node is not counted.\n"
        )?;
        writeln!(
            out,
            "| | address | tools on the page | memory | one call | download | installed |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|")?;
        let mebibytes = |bytes: f64| bytes / (1024.0 * 1024.0);
        for (name, one) in self.both() {
            writeln!(
                out,
                "| {name} | {:.0} ms | {:.0} ms | {:.1} MiB | {:.1} ms | {:.1} MiB | {:.1} MiB |",
                one.ready,
                one.listed,
                mebibytes(one.memory),
                one.call,
                mebibytes(one.download),
                mebibytes(one.installed),
            )?;
        }
        if let (Some(seconds), Some(packages)) = (self.inspector.seconds, self.inspector.packages) {
            writeln!(
                out,
                "\nThe first `npx {INSPECTOR}` installs {packages} packages, in {seconds:.0} s on this machine with an empty cache. `farport call` is {:.0} times faster than `inspector --cli`.",
                self.inspector.call / self.farport.call
            )?;
        }
        Ok(out)
    }
}
