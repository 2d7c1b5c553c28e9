//! SARIF 2.1.0, which code scanning services read.

use farport_client::check::{RULES, Severity};
use serde_json::{Value, json};

use super::Group;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The findings as a SARIF log. The server's URL or program is the place of each one.
pub(crate) fn log(server: &str, groups: &[Group]) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Error => "error",
        _ => "warning",
    };
    let rules: Vec<_> = RULES
        .iter()
        .map(|rule| {
            let mut entry = json!({
                "id": rule.id,
                "shortDescription": { "text": rule.text },
                "help": { "text": rule.remedy },
                "defaultConfiguration": { "level": level(rule.severity) },
                "properties": { "area": rule.area.name(), "section": rule.source.section(None) },
            });
            if let Some(url) = rule.source.url(None) {
                entry["helpUri"] = Value::String(url);
            }
            entry
        })
        .collect();
    let results: Vec<_> = groups
        .iter()
        .map(|group| {
            let index = RULES.iter().position(|rule| rule.id == group.rule.id);
            json!({
                "ruleId": group.rule.id,
                "ruleIndex": index,
                "level": level(group.rule.severity),
                "message": { "text": format!("{}; saw: {}", group.rule.text, group.saw) },
                "locations": [{
                    "physicalLocation": { "artifactLocation": { "uri": server } },
                }],
                "partialFingerprints": { "farportRule/v1": group.rule.id },
                "properties": { "revisions": group.revisions },
            })
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "farport",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "results": results,
        }],
    })
}
