//! farport in workerd beside npm `agents`, the platform's own way.

use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::load::{self, Load, Process, Sample};
use super::report::median;
use super::target::{MODERN, SERVER_CORE, post};
use crate::chores::worker::{self, Workerd};
use crate::setup::Node;
use crate::{console, project};

/// How often each is started; the median counts.
const STARTS: usize = 5;
/// The longest that a start may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// What one of the two was measured at.
struct Measured {
    name: &'static str,
    samples: Vec<Sample>,
    /// From the start of `wrangler dev` to the first answer, in milliseconds.
    starts: Vec<f64>,
    /// How long that first answer itself took, in milliseconds.
    firsts: Vec<f64>,
}

/// Both of them.
pub(crate) struct Workers([Measured; 2]);

/// Measures both under `wrangler dev`.
///
/// # Errors
/// When a tool cannot be installed, or one of them does not build, start or answer rightly.
pub(crate) fn measure(rounds: u32, seconds: u32) -> Result<Workers> {
    let (tools, calculator) = worker::calculator()?;
    let agents = Node::with("bench/agents", project::target().join("bench-agents"))?;
    let mut all = ["farport", "agents"].map(|name| Measured {
        name,
        samples: Vec::new(),
        starts: Vec::new(),
        firsts: Vec::new(),
    });
    let spawn = |name: &str| match name {
        "farport" => Workerd::spawn(&tools, &calculator, pinned(&tools)),
        _ => Workerd::spawn(&agents, &agents.folder, pinned(&agents)),
    };
    for _ in 0..STARTS {
        for one in &mut all {
            let began = Instant::now();
            let (_workerd, first) = answering(spawn(one.name)?, began)?;
            one.starts.push(began.elapsed().as_secs_f64() * 1e3);
            one.firsts.push(first.as_secs_f64() * 1e3);
        }
    }
    let mut running = Vec::new();
    for one in &all {
        running.push(answering(spawn(one.name)?, Instant::now())?.0);
    }
    for round in 1..=rounds {
        for (one, workerd) in all.iter_mut().zip(&running) {
            let load = Load {
                server: one.name,
                process: Process::Workerd(workerd.group()),
                url: &workerd.url,
                headers: MODERN.headers(),
                body: MODERN.body(),
                sessions: &[],
            };
            let sample = load::measure(&load, seconds)?;
            console::note(&format!(
                "round {round} of {rounds}: {:8} {:>8.0} req/s",
                one.name,
                sample.rate()
            ));
            one.samples.push(sample);
        }
    }
    Ok(Workers(all))
}

fn pinned(node: &Node) -> Command {
    let mut command = node.command("taskset");
    command.args(["--cpu-list", SERVER_CORE, "node"]);
    command
}

/// Waits for the first right answer. Gives how long that one took, too.
fn answering(workerd: Workerd, began: Instant) -> Result<(Workerd, Duration)> {
    loop {
        let asked = Instant::now();
        // Until workerd is ready, connections fail, or wrangler responds instead.
        if let Ok((200, text)) = post(&workerd.url, &MODERN.headers(), &MODERN.body())
            && text.contains(r#""text":"5""#)
        {
            return Ok((workerd, asked.elapsed()));
        }
        if began.elapsed() > PATIENCE {
            bail!("{} does not answer", workerd.url);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Workers {
    /// The table as Markdown.
    ///
    /// # Errors
    /// Never: text takes all that is written to it.
    pub(crate) fn table(&self) -> Result<String> {
        let mut out = String::new();
        writeln!(
            out,
            "The calculator as a Worker beside npm `agents` (`createMcpHandler`), each in workerd under `wrangler dev` on one core: `tools/call add` of 2026-07-28, the processor time of workerd, and the first call (median of {STARTS} starts): from the start of wrangler, and alone.\n"
        )?;
        writeln!(
            out,
            "| Worker | req/s | CPU µs/request | p50 µs | p99 µs | start to first answer | first call |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|")?;
        for one in &self.0 {
            let of = |value: fn(&Sample) -> f64| median(one.samples.iter().map(value).collect());
            writeln!(
                out,
                "| {} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} ms | {:.1} ms |",
                one.name,
                of(Sample::rate),
                of(Sample::cpu_per_request),
                of(|sample| sample.p50),
                of(|sample| sample.p99),
                median(one.starts.clone()),
                median(one.firsts.clone()),
            )?;
        }
        Ok(out)
    }
}
