//! wrk: the load, and what it measured.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::proc;
use super::target::{CONNECTIONS, LOAD_CORE};
use crate::{process, project};

/// One measurement of one server under one workload.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    requests: f64,
    seconds: f64,
    cpu: Duration,
    /// Median latency, in microseconds.
    pub(crate) p50: f64,
    /// The latency that one request in a hundred exceeds, in microseconds.
    pub(crate) p99: f64,
}

impl Sample {
    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.seconds
    }

    /// The server's processor time, in microseconds a request.
    pub(crate) fn cpu_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests
    }
}

/// What is sent, and to whom.
pub(crate) struct Load<'a> {
    /// What the server is called.
    pub(crate) server: &'a str,
    /// The server's process.
    pub(crate) process: Process,
    pub(crate) url: &'a str,
    /// The headers of every request, its session apart.
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    /// The body of every request.
    pub(crate) body: Value,
    /// The sessions that the requests belong to, in turn; none for requests without one.
    pub(crate) sessions: &'a [String],
}

/// What of the processor's time is the server's.
#[derive(Clone, Copy)]
pub(crate) enum Process {
    /// What this process takes.
    One(u32),
    /// What all workerd of this group take.
    Workerd(u32),
}

impl Process {
    fn cpu_time(self) -> Result<Duration> {
        match self {
            Self::One(process) => proc::cpu_time(process),
            Self::Workerd(group) => proc::cpu_time_of_group(group, "workerd"),
        }
    }
}

/// Puts a server under load for some seconds.
///
/// # Errors
/// When wrk fails, or any answer was not a success.
pub(crate) fn measure(load: &Load<'_>, seconds: u32) -> Result<Sample> {
    let before = load.process.cpu_time()?;
    let mut wrk = Command::new("taskset");
    wrk.args([
        "--cpu-list",
        LOAD_CORE,
        "wrk",
        "--threads",
        "1",
        "--connections",
        &CONNECTIONS.to_string(),
    ]);
    wrk.args([
        "--duration",
        &format!("{seconds}s"),
        "--timeout",
        "5s",
        "--script",
    ]);
    wrk.arg(project::root().join("xtask/bench.lua"))
        .arg(load.url);
    let headers: String = load
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    wrk.env("BENCH_BODY", load.body.to_string())
        .env("BENCH_HEADERS", headers);
    wrk.env("BENCH_SESSIONS", load.sessions.join(" "));
    let log = project::target().join("bench.log");
    let status = process::run_logged(&mut wrk, &log, Duration::from_secs(u64::from(seconds) + 20))?;
    let text = fs::read_to_string(&log)?;
    ensure!(status.success(), "wrk failed: {text}");
    let cpu = load.process.cpu_time()?.saturating_sub(before);
    let line = text
        .lines()
        .find(|line| line.starts_with('{'))
        .context("wrk gave no result")?;
    let result: Value = serde_json::from_str(line)?;
    let number = |name: &str| {
        result[name]
            .as_f64()
            .with_context(|| format!("wrk gave no {name}"))
    };
    ensure!(
        number("errors")? == 0.0,
        "{} answered some requests wrongly: {text}",
        load.server
    );
    Ok(Sample {
        requests: number("requests")?,
        seconds: number("microseconds")? / 1e6,
        cpu,
        p50: number("p50")?,
        p99: number("p99")?,
    })
}
