//! `cargo xtask bench`: throughput, latency and memory beside two other servers.

mod connect;
mod inspect;
mod load;
mod memory;
mod proc;
mod report;
mod sign_in;
mod target;
mod workers;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use self::load::{Load, Process};
use self::report::Report;
use self::target::{SERVERS, Target, WORKLOADS};
use crate::process::{self, BUILD};
use crate::steps::Outcome;
use crate::{console, project, setup};

/// The page that the tables are written into, between its markers.
const PAGE: &str = "docs/performance.md";

/// Measures farport beside a raw axum handler and rmcp's own HTTP service.
///
/// Every server is pinned to one core and the load generator, wrk, to another; rounds are
/// interleaved, so that what disturbs the machine disturbs all alike, and the median of the rounds
/// counts. The tables go into docs/performance.md with the machine named. Run nothing else on the
/// machine at the same time.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each server is measured with each workload.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 4, value_name = "N")]
    seconds: u32,
    /// How many idle sessions, and then streams, are held for the memory figures.
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    sessions: usize,
    /// Measure this alone, and leave the other tables as they are.
    #[arg(long)]
    only: Option<Part>,
    /// Print the tables and leave docs/performance.md as it is.
    #[arg(long)]
    dry_run: bool,
    /// Also measure `connect` of this program, such as a farport built from an earlier commit. Only printed.
    #[arg(long, value_name = "PROGRAM", requires = "dry_run")]
    earlier: Option<PathBuf>,
}

/// What to measure, each with its own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// farport beside axum and rmcp: throughput, latency, memory.
    Servers,
    /// What a sign-in costs.
    SignIn,
    /// `farport connect` beside mcp-remote.
    Proxies,
    /// farport in workerd beside npm agents.
    Workers,
    /// `farport inspect` and `farport call` beside the npm inspector.
    Inspect,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Servers,
        Self::SignIn,
        Self::Proxies,
        Self::Workers,
        Self::Inspect,
    ];

    /// What it is called in the page's markers.
    fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::SignIn => "sign-in",
            Self::Proxies => "proxies",
            Self::Workers => "workers",
            Self::Inspect => "inspect",
        }
    }

    /// Measures it, and gives its tables as Markdown.
    fn measure(self, args: &Args) -> Result<String> {
        match self {
            Self::Servers => servers(args),
            Self::SignIn => sign_in::measure(args.rounds, args.seconds)?.table(),
            Self::Proxies => connect::measure(args.earlier.as_deref())?.table(),
            Self::Workers => workers::measure(args.rounds, args.seconds)?.table(),
            Self::Inspect => inspect::measure()?.table(),
        }
    }
}

/// Measures everything.
///
/// # Errors
/// When a server does not build, start or answer rightly, or there are fewer than two cores.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(
        cores >= 2,
        "two cores are needed: one for the server, one for the load"
    );
    setup::programs(&[("wrk", "wrk"), ("taskset", "util-linux")])?;
    memory::raise_limits(args.sessions)?;
    match args.only {
        Some(Part::Workers) => {}
        Some(Part::Inspect) => build(&["farport-cli"])?,
        _ => build(&["farport-bench", "farport-cli"])?,
    }
    let mut tables = Vec::new();
    for part in Part::ALL {
        if args.only.is_none_or(|only| only == part) {
            console::heading(part.name());
            let table = part.measure(args)?;
            console::note(&table);
            tables.push((part, table));
        }
    }
    if args.dry_run {
        return Outcome::passed("measured");
    }
    let page = project::root().join(PAGE);
    let mut text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    for (part, table) in tables {
        text = report::put(&text, part.name(), &table)
            .with_context(|| format!("{PAGE} has lost its markers of {}", part.name()))?;
    }
    fs::write(&page, text)?;
    Outcome::passed(format!("written into {PAGE}"))
}

/// Builds the programs of `packages` as they are shipped.
fn build(packages: &[&str]) -> Result<()> {
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--profile", "dist"]);
    for package in packages {
        build.args(["--package", package]);
    }
    process::run(&mut build, BUILD)
}

/// Throughput, then memory and start.
fn servers(args: &Args) -> Result<String> {
    let mut report = Report::default();
    {
        let targets = SERVERS
            .iter()
            .map(Target::start)
            .collect::<Result<Vec<_>>>()?;
        for round in 0..args.rounds {
            for workload in &WORKLOADS {
                for target in &targets {
                    let Some(ready) = target.prepare(workload)? else {
                        continue;
                    };
                    let load = Load {
                        server: target.name(),
                        process: Process::One(target.process()),
                        url: &ready.url,
                        headers: workload.headers(),
                        body: workload.body(),
                        sessions: &ready.sessions,
                    };
                    let sample = load::measure(&load, args.seconds)?;
                    let line = format!(
                        "{:18} {:8} {:>8.0} req/s",
                        workload.name,
                        target.name(),
                        sample.rate()
                    );
                    console::note(&format!("round {} of {}: {line}", round + 1, args.rounds));
                    report.add(workload, target.name(), sample);
                }
            }
        }
    }
    for server in &SERVERS {
        let start = memory::first_answer(server)?;
        let memory = memory::idle(server, args.sessions)?;
        report.add_memory(server.name, start, memory);
    }
    report.tables(args.rounds, args.seconds, args.sessions)
}
