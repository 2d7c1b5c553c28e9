//! What a sign-in costs: to check a token, to renew it, and to get one in the first place.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::load::{self, Load, Process, Sample};
use super::report::median;
use super::target::{LOAD_CORE, MODERN, SERVER_CORE, post};
use crate::process::{self, Server};
use crate::{console, project};

/// What was measured.
pub(crate) struct SignIn {
    /// Calls without a sign-in.
    public: Vec<Sample>,
    /// The same with an access token, to a server that asks for one.
    authenticated: Vec<Sample>,
    flows: Pace,
    renewals: Pace,
}

/// How fast something goes, with how long it takes in microseconds.
struct Pace {
    rate: f64,
    p50: f64,
    p99: f64,
}

impl Pace {
    fn read(value: &Value) -> Result<Self> {
        let number = |name: &str| value[name].as_f64().with_context(|| format!("no {name}"));
        Ok(Self {
            rate: number("rate")?,
            p50: number("p50")?,
            p99: number("p99")?,
        })
    }
}

/// Measures all three, over a database on disk.
///
/// # Errors
/// When a server or the load fails.
pub(crate) fn measure(rounds: u32, seconds: u32) -> Result<SignIn> {
    let folder = tempfile::tempdir_in(project::target())?;
    // The stand-in of the provider shares the load's core: it is no part of what is measured.
    let upstream = start(LOAD_CORE, "bench-upstream", |_| {})?;
    let public = start(SERVER_CORE, "bench-farport", |command| {
        let path = folder.path().join("public.db");
        command.env("FARPORT_STORE", format!("sqlite:{}", path.display()));
    })?;
    let protected = start(SERVER_CORE, "bench-farport", |command| {
        let path = folder.path().join("protected.db");
        command.env("FARPORT_STORE", format!("sqlite:{}", path.display()));
        // So that the load can come from many addresses: each has its limits.
        command.env("FARPORT_BEHIND_PROXY", "true");
        command.args(["--upstream", upstream.url.trim_end_matches("/mcp")]);
    })?;
    let origin = protected.url.trim_end_matches("/mcp");
    let mut people = pinned(LOAD_CORE, "bench-sign-in");
    people.args([origin, "--seconds", &seconds.to_string()]);
    let printed: Value = serde_json::from_str(&process::output(&mut people)?)?;
    let flows = Pace::read(&printed["flows"])?;
    let renewals = Pace::read(&printed["renewals"])?;
    console::note(&format!("{:.0} sign-ins/s", flows.rate));
    console::note(&format!("{:.0} renewals/s", renewals.rate));
    let token = printed["token"].as_str().context("no token")?;
    let bearer = format!("Bearer {token}");

    let (status, _) = post(&protected.url, &MODERN.headers(), &MODERN.body())?;
    anyhow::ensure!(status == 401, "without a token, the answer is {status}");
    let mut measured = SignIn {
        public: Vec::new(),
        authenticated: Vec::new(),
        flows,
        renewals,
    };
    for round in 1..=rounds {
        for (server, token, samples) in [
            (&public, None, &mut measured.public),
            (&protected, Some(&bearer), &mut measured.authenticated),
        ] {
            let mut headers = MODERN.headers();
            headers.extend(token.map(|token| ("authorization", &token[..])));
            let load = Load {
                server: "farport",
                process: Process::One(server.id()),
                url: &server.url,
                headers,
                body: MODERN.body(),
                sessions: &[],
            };
            let sample = load::measure(&load, seconds)?;
            let name = token.map_or("public", |_| "authenticated");
            console::note(&format!(
                "round {round} of {rounds}: {name:14} {:>8.0} req/s",
                sample.rate()
            ));
            samples.push(sample);
        }
    }
    Ok(measured)
}

fn pinned(core: &str, binary: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", core]);
    command.arg(project::target().join("dist").join(binary));
    command
}

fn start(core: &str, binary: &str, more: impl FnOnce(&mut Command)) -> Result<Server> {
    let mut command = pinned(core, binary);
    more(&mut command);
    Server::start(&mut command, Duration::from_secs(10))
}

impl SignIn {
    /// The table as Markdown.
    ///
    /// # Errors
    /// Never: text takes all that is written to it.
    pub(crate) fn table(&self) -> Result<String> {
        let of = |samples: &[Sample], value: fn(&Sample) -> f64| {
            median(samples.iter().map(value).collect())
        };
        let mut out = String::new();
        writeln!(
            out,
            "What a sign-in costs, with SQLite on disk and an upstream that answers at once, over 32 connections. A sign-in is three requests of a browser and one of a client, and three requests to the upstream. Renewals and sign-ins are on disk (`synchronous=FULL`) before they are answered.\n"
        )?;
        writeln!(
            out,
            "| what | per second | of public | CPU µs/request | p50 µs | p99 µs |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|")?;
        let public = of(&self.public, Sample::rate);
        for (name, samples) in [
            ("public `tools/call`", &self.public),
            ("authenticated `tools/call`", &self.authenticated),
        ] {
            let rate = of(samples, Sample::rate);
            writeln!(
                out,
                "| {name} | {rate:.0} | {:.2} | {:.1} | {:.0} | {:.0} |",
                rate / public,
                of(samples, Sample::cpu_per_request),
                of(samples, |sample| sample.p50),
                of(samples, |sample| sample.p99),
            )?;
        }
        for (name, Pace { rate, p50, p99 }) in [
            ("renewal of tokens", &self.renewals),
            ("whole sign-in", &self.flows),
        ] {
            writeln!(out, "| {name} | {rate:.0} |  |  | {p50:.0} | {p99:.0} |")?;
        }
        Ok(out)
    }
}
