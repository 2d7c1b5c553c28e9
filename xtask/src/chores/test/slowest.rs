//! The slowest tests of the last run, from the report that cargo-nextest writes.

use std::fs;
use std::time::Duration;

use crate::steps::seconds;
use crate::{console, project};

/// How many tests are printed.
const SHOWN: usize = 10;

/// Prints the slowest tests, or nothing where cargo-nextest left no report.
pub(super) fn print() {
    let report = project::target().join("nextest/default/junit.xml");
    let Ok(text) = fs::read_to_string(report) else {
        return;
    };
    let times = times(&text);
    if times.is_empty() {
        return;
    }
    console::note("The slowest tests:");
    for (took, name) in times.into_iter().take(SHOWN) {
        console::note(&format!("{:>12}  {name}", seconds(took)));
    }
}

/// Each test's time and name, the slowest first. Empty if `report` is not a JUnit report.
fn times(report: &str) -> Vec<(Duration, String)> {
    let Ok(document) = roxmltree::Document::parse(report) else {
        return Vec::new();
    };
    let mut times: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .filter_map(|node| {
            let took = node.attribute("time")?.parse().ok()?;
            let took = Duration::try_from_secs_f64(took).ok()?;
            let crate_name = node.attribute("classname").unwrap_or_default();
            Some((took, format!("{crate_name} {}", node.attribute("name")?)))
        })
        .collect();
    times.sort_by_key(|(took, _)| std::cmp::Reverse(*took));
    times
}

#[cfg(test)]
mod tests {
    use super::times;

    #[test]
    fn the_slowest_test_comes_first() {
        let report = r#"<testsuites><testsuite name="one">
            <testcase name="quick" classname="farport::it" time="0.120"/>
            <testcase name="slow" classname="farport::it" time="12.5"/>
            <testcase name="odd" classname="farport::it" time="soon"/>
        </testsuite></testsuites>"#;
        let names: Vec<_> = times(report).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["farport::it slow", "farport::it quick"]);
        assert!(times("<not xml").is_empty());
    }
}
