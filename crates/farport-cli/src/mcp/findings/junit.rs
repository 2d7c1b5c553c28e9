//! JUnit XML, which CI services show as test results.

use std::fmt::Write as _;

use farport_client::check::{Checked, Outcome, Report, Severity};

use super::number;

/// The report as JUnit XML: a suite for each revision, a case for each rule. A broken rule fails, a
/// warning only with `strict`.
pub(crate) fn xml(server: &str, report: &Report, strict: bool) -> String {
    let mut suites: Vec<(&str, Vec<&Checked>)> = Vec::new();
    for checked in &report.checked {
        let name = checked.revision.as_deref().unwrap_or("server");
        match suites.iter_mut().find(|(suite, _)| *suite == name) {
            Some((_, cases)) => cases.push(checked),
            None => suites.push((name, vec![checked])),
        }
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuites name=\"farport test {}\">",
        escaped(server)
    );
    for (suite, cases) in suites {
        let count =
            |holds: &dyn Fn(&Checked) -> bool| cases.iter().filter(|one| holds(one)).count();
        let failures = count(&|checked| fails(checked, strict));
        let skipped = count(&|checked| matches!(checked.outcome, Outcome::Skipped(_)));
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
            cases.len(),
        );
        for checked in cases {
            case(&mut xml, suite, checked, strict);
        }
        xml.push_str("  </testsuite>\n");
    }
    if let Some(error) = &report.stopped {
        let _ = writeln!(
            xml,
            "  <testsuite name=\"connection\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
             <testcase classname=\"connection\" name=\"complete\">\n      \
             <error message=\"{}\"/>\n    </testcase>\n  </testsuite>",
            escaped(&error.to_string()),
        );
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn fails(checked: &Checked, strict: bool) -> bool {
    let counts = strict || checked.rule.severity == Severity::Error;
    counts && matches!(checked.outcome, Outcome::Broken(_))
}

fn case(xml: &mut String, suite: &str, checked: &Checked, strict: bool) {
    let rule = checked.rule;
    let revision = checked.revision.as_deref();
    let head = format!(
        "    <testcase classname=\"{suite}.{}\" name=\"{}\"",
        rule.area.name(),
        rule.id
    );
    let details = |saw: &[String]| {
        escaped(&format!(
            "rule: {} ({})\nsaw: {}\nremedy: {}",
            rule.text,
            rule.source.section(revision),
            saw.join("\nsaw: "),
            rule.remedy,
        ))
    };
    let _ = match &checked.outcome {
        Outcome::Broken(saw) if fails(checked, strict) => writeln!(
            xml,
            "{head}>\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
            rule.severity.name(),
            escaped(saw.first().map_or("", String::as_str)),
            details(saw),
        ),
        Outcome::Broken(saw) => writeln!(
            xml,
            "{head}>\n      <system-out>{}: {}</system-out>\n    </testcase>",
            number(saw.len(), rule.severity.name()),
            details(saw),
        ),
        Outcome::Skipped(why) => writeln!(
            xml,
            "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>",
            escaped(why)
        ),
        _ => writeln!(xml, "{head}/>"),
    };
}

/// Text for XML 1.0, which has no control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_server_s_text_cannot_leave_its_place() {
        assert_eq!(
            escaped("</failure><a b=\"&\u{1b}\u{0}\n"),
            "&lt;/failure&gt;&lt;a b=&quot;&amp;\u{fffd}\u{fffd}&#10;"
        );
    }
}
