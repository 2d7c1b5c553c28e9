//! `cargo xtask bench`: throughput, latency and memory beside two other servers.

mod connect;
mod load;
mod memory;
mod proc;
mod report;
mod sign_in;
mod target;
mod workers;

use std::fs;

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
/// counts. The tables go into docs/performance.md with the machine named. Nothing else should run
/// meanwhile.
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
    /// Print the tables and leave docs/performance.md as it is.
    #[arg(long)]
    dry_run: bool,
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
    setup::apt(&["wrk", "util-linux"])?;
    memory::raise_limits(args.sessions)?;
    let mut build = project::cargo();
    build.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "farport-bench",
        "--package",
        "farport-cli",
    ]);
    process::run(&mut build, BUILD)?;

    console::heading("throughput");
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

    console::heading("memory and start");
    for server in &SERVERS {
        let start = memory::first_answer(server)?;
        let memory = memory::idle(server, args.sessions)?;
        report.add_memory(server.name, start, memory);
    }

    console::heading("sign-in");
    let sign_in = sign_in::measure(args.rounds, args.seconds)?;

    console::heading("proxies");
    let connect = connect::measure()?;

    console::heading("workers");
    let workers = workers::measure(args.rounds, args.seconds)?;

    let mut tables = report.tables(args.rounds, args.seconds, args.sessions)?;
    tables.push('\n');
    tables.push_str(&sign_in.table()?);
    tables.push('\n');
    tables.push_str(&connect.table()?);
    tables.push('\n');
    tables.push_str(&workers.table()?);
    console::heading("result");
    console::note(&tables);
    if args.dry_run {
        return Outcome::passed("measured");
    }
    let page = project::root().join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    fs::write(
        &page,
        report::put(&text, &tables).with_context(|| format!("{PAGE} has lost its markers"))?,
    )?;
    Outcome::passed(format!("written into {PAGE}"))
}
