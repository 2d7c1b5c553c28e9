//! The durations of many calls, summed up.

use std::time::Duration;

use serde_json::{Value, json};

/// How long calls took.
#[derive(Debug)]
pub(crate) struct Latency {
    /// Sorted.
    durations: Vec<Duration>,
    failed: usize,
    elapsed: Duration,
}

impl Latency {
    /// Sums up calls that together took `elapsed`.
    pub(crate) fn new(mut durations: Vec<Duration>, failed: usize, elapsed: Duration) -> Self {
        durations.sort_unstable();
        Self {
            durations,
            failed,
            elapsed,
        }
    }

    /// The duration that this many of 1,000 calls do not exceed.
    fn at(&self, per_mille: usize) -> Duration {
        let count = self.durations.len();
        let index = (count * per_mille).div_ceil(1000).saturating_sub(1);
        self.durations.get(index).copied().unwrap_or_default()
    }

    fn per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.durations.len() as f64 / seconds
        } else {
            0.0
        }
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let rows = [
            ("calls", self.durations.len().to_string()),
            ("failed", self.failed.to_string()),
            ("calls/s", format!("{:.0}", self.per_second())),
            ("p50", milliseconds(self.at(500))),
            ("p90", milliseconds(self.at(900))),
            ("p99", milliseconds(self.at(990))),
            ("max", milliseconds(self.at(1000))),
        ];
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, value)| format!("{name:<8}{value:>12}"))
            .collect();
        rows.join("\n")
    }

    /// The same for scripts. Durations are in milliseconds.
    pub(crate) fn json(&self) -> Value {
        let ms = |per_mille| self.at(per_mille).as_secs_f64() * 1000.0;
        json!({
            "calls": self.durations.len(),
            "failed": self.failed,
            "calls_per_second": self.per_second(),
            "p50_ms": ms(500),
            "p90_ms": ms(900),
            "p99_ms": ms(990),
            "max_ms": ms(1000),
        })
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::Latency;
    use std::time::Duration;

    #[test]
    fn percentiles_are_durations_of_calls() {
        let durations = (1..=100).rev().map(Duration::from_millis).collect();
        let latency = Latency::new(durations, 2, Duration::from_secs(2));
        let json = latency.json();
        for (name, expected) in [
            ("calls", 100.0),
            ("failed", 2.0),
            ("calls_per_second", 50.0),
            ("p50_ms", 50.0),
            ("p90_ms", 90.0),
            ("p99_ms", 99.0),
            ("max_ms", 100.0),
        ] {
            assert_eq!(json[name].as_f64(), Some(expected), "{name}");
        }
        assert!(
            latency.table().contains("p99         99.00 ms"),
            "{}",
            latency.table()
        );
        let none = Latency::new(Vec::new(), 0, Duration::ZERO);
        assert_eq!(none.json()["p99_ms"].as_f64(), Some(0.0));
    }
}
