//! The tables.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;

use super::load::Sample;
use super::memory::Idle;
use super::proc;
use super::target::{FLOOR, RMCP, SERVERS, WORKLOADS, Workload};

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    samples: BTreeMap<(&'static str, &'static str), Vec<Sample>>,
    memory: Vec<(&'static str, Duration, Option<Idle>)>,
}

impl Report {
    pub(crate) fn add(&mut self, workload: &Workload, server: &'static str, sample: Sample) {
        self.samples
            .entry((workload.name, server))
            .or_default()
            .push(sample);
    }

    pub(crate) fn add_memory(&mut self, server: &'static str, start: Duration, idle: Option<Idle>) {
        self.memory.push((server, start, idle));
    }

    /// Both tables as Markdown, with the machine and the way of measuring.
    ///
    /// # Errors
    /// When the machine cannot be named.
    pub(crate) fn tables(&self, rounds: u32, seconds: u32, sessions: usize) -> Result<String> {
        let mut out = format!("Machine: {}.\n\n", proc::machine()?);
        writeln!(
            out,
            "`tools/call add` over 32 connections, server and wrk on a core each; the median of {rounds} interleaved rounds of {seconds} s.\n"
        )?;
        writeln!(
            out,
            "| workload | server | req/s | of axum | of rmcp | CPU µs/request | p50 µs | p99 µs |"
        )?;
        writeln!(out, "|---|---|--:|--:|--:|--:|--:|--:|")?;
        for workload in &WORKLOADS {
            for server in &SERVERS {
                let Some(own) = self.medians(workload.name, server.name) else {
                    continue;
                };
                // The floor knows no sessions: what it does without them is the floor with them too.
                let floor = self.medians(workload.name, FLOOR);
                let floor = floor.or_else(|| self.medians(WORKLOADS[0].name, FLOOR));
                let rmcp = self.medians(workload.name, RMCP);
                let ratio = |base: Option<Medians>| {
                    base.map_or(String::new(), |base| format!("{:.2}", own.rate / base.rate))
                };
                writeln!(
                    out,
                    "| {} | {} | {:.0} | {} | {} | {:.1} | {:.0} | {:.0} |",
                    workload.name,
                    server.name,
                    own.rate,
                    ratio(floor),
                    ratio(rmcp),
                    own.cpu,
                    own.p50,
                    own.p99,
                )?;
            }
        }
        writeln!(
            out,
            "\nResident memory, by the difference that {sessions} idle sessions make, and then an open GET stream for each; the first answer counts from the start of the process.\n"
        )?;
        writeln!(
            out,
            "| server | an idle session | an idle open stream | first answer |"
        )?;
        writeln!(out, "|---|--:|--:|--:|")?;
        for (server, start, idle) in &self.memory {
            let kibibytes = |of: fn(&Idle) -> f64| {
                idle.as_ref()
                    .map_or("".into(), |idle| format!("{:.1} KiB", of(idle) / 1024.0))
            };
            let (session, stream) = (
                kibibytes(|idle| idle.session),
                kibibytes(|idle| idle.stream),
            );
            writeln!(
                out,
                "| {server} | {session} | {stream} | {:.1} ms |",
                start.as_secs_f64() * 1e3
            )?;
        }
        Ok(out)
    }

    /// The medians over the rounds, if there were any.
    fn medians(&self, workload: &'static str, server: &'static str) -> Option<Medians> {
        let samples = self.samples.get(&(workload, server))?;
        let of = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
        Some(Medians {
            rate: of(Sample::rate),
            cpu: of(Sample::cpu_per_request),
            p50: of(|sample| sample.p50),
            p99: of(|sample| sample.p99),
        })
    }
}

/// What the rounds of one server under one workload come to.
struct Medians {
    rate: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
}

/// The value in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (
        values.get((values.len().max(1) - 1) / 2),
        values.get(values.len() / 2),
    ) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

/// The page with `tables` between the markers of a part; `None` without them.
pub(crate) fn put(page: &str, part: &str, tables: &str) -> Option<String> {
    let [begin, end] = ["begin", "end"].map(|place| format!("<!-- bench:{part}:{place} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{tables}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{median, put};

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expect) in [
            (vec![3.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 3.0], 2.5),
            (vec![7.0], 7.0),
        ] {
            assert_eq!(median(values), expect);
        }
    }

    #[test]
    fn tables_go_between_the_markers() {
        let page = "a\n<!-- bench:x:begin -->\nold\n<!-- bench:x:end -->\nb\n";
        let expect = "a\n<!-- bench:x:begin -->\nnew\n<!-- bench:x:end -->\nb\n";
        assert_eq!(put(page, "x", "new\n").as_deref(), Some(expect));
        assert_eq!(put(page, "y", "new\n"), None);
    }
}
