//! The definitions of tools, and the results of the calls that the user asked for.

use std::collections::BTreeSet;

use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::peer::{NAME, Peer};
use super::probe::Way;
use super::report::Verdict;
use super::rules::{self, Area};
use super::schema::{self, Kind};
use crate::Error;
use crate::schema::mismatches;
use crate::tools::{Tools, has_valid_annotations, header_value};

/// The most pages of a list.
const MOST_PAGES: usize = 100;
/// The longest name of a tool, in characters.
const LONGEST_NAME: usize = 128;

/// Checks the tools. `sessions`: the server also offers a revision with sessions.
pub(super) async fn check(
    peer: &Peer<'_, impl Way>,
    calls: &[(String, Map<String, Value>)],
    sessions: bool,
) {
    if !peer.ledger.selection.has_any(Area::Tools) || !peer.has("tools") {
        return;
    }
    // The rule for lists reports one that fails.
    let Ok(tools) = all_tools(peer).await else {
        return;
    };
    check_definitions(peer, &tools, sessions);
    for (name, arguments) in calls {
        check_call(peer, &tools, name, arguments).await;
    }
}

async fn all_tools(peer: &Peer<'_, impl Way>) -> Result<Vec<Value>, Error> {
    let mut tools = Vec::new();
    let mut params = json!({});
    for _ in 0..MOST_PAGES {
        let reply = peer.request("tools/list", params).await?;
        let Some(result) = reply.result() else { break };
        tools.extend(result["tools"].as_array().into_iter().flatten().cloned());
        let Some(cursor) = result["nextCursor"].as_str() else {
            break;
        };
        params = json!({ "cursor": cursor });
    }
    Ok(tools)
}

pub(super) fn check_definitions(peer: &Peer<'_, impl Way>, tools: &[Value], sessions: bool) {
    let mut names = BTreeSet::new();
    let (mut named, mut twice, mut undescribed, mut inputs) = (vec![], vec![], vec![], vec![]);
    let (mut outputs, mut hints, mut headers) = (vec![], vec![], vec![]);
    let (mut invalid, mut required, mut outside) = (vec![], vec![], vec![]);
    for tool in tools {
        let name = tool["name"].as_str().unwrap_or_default();
        if !is_name(name) {
            named.push(format!("{}", tool["name"]));
        }
        if !names.insert(name) {
            twice.push(format!("`{name}`"));
        }
        if tool["description"]
            .as_str()
            .is_none_or(|text| text.trim().is_empty())
        {
            undescribed.push(format!("`{name}`"));
        }
        if tool["inputSchema"]["type"] != "object" {
            inputs.push(format!(
                "`{name}`: the type is {}",
                tool["inputSchema"]["type"]
            ));
        }
        let output = tool.get("outputSchema");
        if let Some(output) = output
            && (!output.is_object() || sessions && output["type"] != "object")
        {
            outputs.push(format!("`{name}`: the type is {}", output["type"]));
        }
        if let Some(why) = wrong_hint(&tool["annotations"]) {
            hints.push(format!("`{name}`: {why}"));
        }
        if peer.is_modern() && !has_valid_annotations(&tool["inputSchema"]) {
            headers.push(format!("`{name}`"));
        }
        for (member, schema) in [
            ("inputSchema", tool.get("inputSchema")),
            ("outputSchema", output),
        ] {
            for problem in schema.map(schema::problems).unwrap_or_default() {
                let list = match problem.kind {
                    Kind::Invalid => &mut invalid,
                    Kind::Undescribed => &mut required,
                    Kind::Outside => &mut outside,
                };
                list.push(format!("`{name}`, {member}{}: {}", problem.at, problem.why));
            }
        }
    }
    for (rule, found) in [
        (&rules::TOOL_NAME, named),
        (&rules::TOOL_UNIQUE, twice),
        (&rules::TOOL_DESCRIPTION, undescribed),
        (&rules::INPUT_SCHEMA, inputs),
        (&rules::VALID_SCHEMA, invalid),
        (&rules::REQUIRED, required),
        (&rules::REFERENCES, outside),
        (&rules::OUTPUT_SCHEMA, outputs),
        (&rules::ANNOTATIONS, hints),
    ] {
        peer.record(rule, Verdict::Several(found));
    }
    if peer.is_modern() {
        peer.record(&rules::MCP_HEADER, Verdict::Several(headers));
    }
}

async fn check_call(
    peer: &Peer<'_, impl Way>,
    tools: &[Value],
    name: &str,
    arguments: &Map<String, Value>,
) {
    let Some(tool) = tools.iter().find(|tool| tool["name"] == name) else {
        let verdict = Verdict::Broken(format!("there is no tool `{name}`"));
        return peer.record(&rules::CALL_RESULT, verdict);
    };
    let mut ask = peer.ask(
        "tools/call",
        json!({ "name": name, "arguments": arguments }),
    );
    if peer.is_modern() {
        ask = ask
            .with(NAME, header_value(name))
            .with_all(&mirrored(tool, name, arguments));
    }
    let reply = match peer.probe.send(ask).await {
        Ok(reply) => reply,
        Err(error) => {
            let verdict = Verdict::Broken(format!("`{name}`: {error}"));
            return peer.record(&rules::CALL_RESULT, verdict);
        }
    };
    let Some(result) = reply.result() else {
        let verdict = Verdict::Broken(format!("`{name}`: {}", reply.shown()));
        return peer.record(&rules::CALL_RESULT, verdict);
    };
    if !matches!(result["resultType"].as_str(), None | Some("complete")) {
        let why = "the call needs input or became a task";
        return peer.record(&rules::CALL_RESULT, Verdict::Skipped(why));
    }
    let known = ["text", "image", "audio", "resource", "resource_link"];
    let is_known = |block: &Value| {
        block["type"]
            .as_str()
            .is_some_and(|kind| known.contains(&kind))
    };
    let blocks = result["content"].as_array();
    let kept = blocks.is_some_and(|blocks| blocks.iter().all(is_known));
    peer.record(
        &rules::CALL_RESULT,
        Verdict::of(kept, || format!("`{name}`: {result}")),
    );
    let Some(schema) = tool
        .get("outputSchema")
        .filter(|_| result["isError"] != true)
    else {
        return;
    };
    let wrong = match result.get("structuredContent") {
        None => Some("there is none".to_owned()),
        Some(content) => mismatches(schema, content).first().map(ToString::to_string),
    };
    let verdict = Verdict::of(wrong.is_none(), || {
        format!("`{name}`: {}", wrong.unwrap_or_default())
    });
    peer.record(&rules::STRUCTURED, verdict);
}

/// The headers that repeat arguments of a call.
fn mirrored(tool: &Value, name: &str, arguments: &Map<String, Value>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let list = json!({ "tools": [tool] }).to_string();
    let raw = serde_json::value::to_raw_value(arguments);
    if let (Ok(tools), Ok(raw)) = (Tools::new(&[]), raw) {
        // It learns the annotations.
        let _ = tools.visible(&list, true);
        tools.mirror(name, Some(&raw), &mut headers);
    }
    headers
}

fn is_name(name: &str) -> bool {
    let permitted = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(permitted)
}

fn wrong_hint(annotations: &Value) -> Option<String> {
    if annotations.is_null() {
        return None;
    }
    let Some(members) = annotations.as_object() else {
        return Some(format!("annotations are {annotations}"));
    };
    let wrong = members.iter().find(|(name, value)| match name.as_str() {
        "title" => !value.is_string(),
        "readOnlyHint" | "destructiveHint" | "idempotentHint" | "openWorldHint" => {
            !value.is_boolean()
        }
        _ => false,
    });
    wrong.map(|(name, value)| format!("{name} is {value}"))
}
