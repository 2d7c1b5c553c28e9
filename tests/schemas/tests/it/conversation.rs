//! The requests to the fixture: every feature of a revision.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use farport_core::{Era, ProtocolVersion};

use super::peer::{Peer, answer};

const WATCHED: &str = "test://watched-resource";

/// Runs the whole conversation.
///
/// # Errors
/// When a response is missing or wrong. The peer collects the messages that do not match the schema.
pub(super) fn run(peer: &mut Peer) -> Result<()> {
    if peer.revision.era() == Era::Modern {
        peer.call("server/discover", json!({}))?;
    } else {
        initialize(peer)?;
        peer.call("ping", json!({}))?;
        peer.call("logging/setLevel", json!({ "level": "debug" }))?;
    }
    lists(peer)?;
    reads(peer)?;
    tools(peer)?;
    questions(peer)?;
    errors(peer)?;
    changes(peer)?;
    if peer.revision == ProtocolVersion::V2025_03_26 {
        batch(peer)?;
    }
    Ok(())
}

fn initialize(peer: &mut Peer) -> Result<()> {
    let mut capabilities = json!({ "sampling": {}, "roots": { "listChanged": true } });
    if peer.revision >= ProtocolVersion::V2025_06_18 {
        capabilities["elicitation"] = json!({});
    }
    let version = peer.revision.as_str();
    let result = peer.call(
        "initialize",
        json!({
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": { "name": "farport-schemas", "version": "1.0.0" },
        }),
    )?;
    ensure!(
        result["protocolVersion"] == version,
        "the response to {version} was {}",
        result["protocolVersion"]
    );
    peer.notify("notifications/initialized", json!({}))?;
    peer.open_stream();
    Ok(())
}

/// Every list, to its last page.
fn lists(peer: &mut Peer) -> Result<()> {
    for (method, items) in [
        ("tools/list", "tools"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ] {
        let mut cursor = Value::Null;
        loop {
            let params = if cursor.is_null() {
                json!({})
            } else {
                json!({ "cursor": cursor })
            };
            let page = peer.call(method, params)?;
            let length = page[items].as_array().map_or(0, Vec::len);
            ensure!(length > 0, "{method} returned no {items}: {page}");
            cursor = page["nextCursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
    }
    Ok(())
}

fn reads(peer: &mut Peer) -> Result<()> {
    for uri in [
        "test://static-text",
        "test://static-binary",
        "test://template/123/data",
    ] {
        peer.call("resources/read", json!({ "uri": uri }))?;
    }
    for (name, arguments) in [
        ("test_simple_prompt", json!({})),
        (
            "test_prompt_with_arguments",
            json!({ "arg1": "hello", "arg2": "world" }),
        ),
        (
            "test_prompt_with_embedded_resource",
            json!({ "resourceUri": "test://static-text" }),
        ),
        ("test_prompt_with_image", json!({})),
    ] {
        peer.call(
            "prompts/get",
            json!({ "name": name, "arguments": arguments }),
        )?;
    }
    peer.call(
        "completion/complete",
        json!({
            "ref": { "type": "ref/prompt", "name": "test_prompt_with_arguments" },
            "argument": { "name": "arg1", "value": "" },
        }),
    )?;
    Ok(())
}

fn tools(peer: &mut Peer) -> Result<()> {
    for name in [
        "test_simple_text",
        "test_image_content",
        "test_embedded_resource",
        "test_error_handling",
    ] {
        peer.call("tools/call", json!({ "name": name, "arguments": {} }))?;
    }
    if peer.revision >= ProtocolVersion::V2025_03_26 {
        // Audio is new here.
        peer.call(
            "tools/call",
            json!({ "name": "test_audio_content", "arguments": {} }),
        )?;
    }
    peer.call(
        "tools/call",
        json!({ "name": "test_multiple_content_types", "arguments": {} }),
    )?;

    let with_meta =
        |name: &str, meta: Value| json!({ "name": name, "arguments": {}, "_meta": meta });
    let id = peer.send(
        "tools/call",
        with_meta("test_tool_with_progress", json!({ "progressToken": "p-1" })),
    )?;
    peer.wait_for("notifications/progress")?;
    peer.wait("the result after progress", |message| message["id"] == id)?;

    let level = if peer.revision.era() == Era::Modern {
        json!({ "io.modelcontextprotocol/logLevel": "debug" })
    } else {
        json!({})
    };
    let id = peer.send("tools/call", with_meta("test_tool_with_logging", level))?;
    peer.wait_for("notifications/message")?;
    peer.wait("the result after logging", |message| message["id"] == id)?;
    Ok(())
}

/// The requests of the server to the client during a call.
fn questions(peer: &mut Peer) -> Result<()> {
    let mut calls = vec![("test_sampling", json!({ "prompt": "Say something." }))];
    if peer.revision >= ProtocolVersion::V2025_06_18 {
        calls.push(("test_elicitation", json!({ "message": "Who are you?" })));
    }
    if peer.revision >= ProtocolVersion::V2025_11_25 {
        calls.push(("test_elicitation_sep1034_defaults", json!({})));
        calls.push(("test_elicitation_sep1330_enums", json!({})));
    }
    if peer.revision.era() == Era::Modern {
        calls.push(("test_input_required_result_list_roots", json!({})));
        calls.push(("test_input_required_result_multi_round", json!({})));
    }
    for (name, arguments) in calls {
        let result = rounds(peer, name, &arguments)?;
        ensure!(result["isError"] != true, "{name}: {result}");
    }
    Ok(())
}

/// Calls a tool until it needs no more input. Before 2026-07-28 a server sends requests, which the peer
/// answers itself.
fn rounds(peer: &mut Peer, name: &str, arguments: &Value) -> Result<Value> {
    let mut params = json!({ "name": name, "arguments": arguments });
    loop {
        let result = peer.call("tools/call", params.clone())?;
        if result["resultType"] != "input_required" {
            return Ok(result);
        }
        let mut responses = json!({});
        for (key, request) in result["inputRequests"].as_object().into_iter().flatten() {
            let method = request["method"]
                .as_str()
                .context("an input request without a method")?;
            responses[key] = answer(method, &request["params"])?;
        }
        params["inputResponses"] = responses;
        match result.get("requestState") {
            Some(state) => params["requestState"] = state.clone(),
            None => {
                params
                    .as_object_mut()
                    .map(|params| params.remove("requestState"));
            }
        }
    }
}

fn errors(peer: &mut Peer) -> Result<()> {
    for (method, params) in [
        (
            "tools/call",
            json!({ "name": "no_such_tool", "arguments": {} }),
        ),
        ("prompts/get", json!({ "name": "no_such_prompt" })),
        (
            "resources/read",
            json!({ "uri": "test://no-such-resource" }),
        ),
        ("tools/list", json!({ "cursor": "unknown" })),
    ] {
        peer.refused(method, params)?;
    }
    // No schema has this request, so only the response is checked.
    let mut unknown = peer.request("tools/list", json!({}));
    unknown["method"] = json!("no/such/method");
    peer.post(&unknown);
    let refused = peer.wait("the response to an unknown method", |message| {
        message["id"] == unknown["id"]
    })?;
    ensure!(
        refused["error"]["code"] == -32601,
        "the response to an unknown method was {refused}"
    );
    if peer.revision.era() == Era::Modern {
        let key = "io.modelcontextprotocol/clientCapabilities";
        let meta =
            json!({ "name": "test_missing_capability", "arguments": {}, "_meta": { key: {} } });
        let code = peer.refused("tools/call", meta)?;
        ensure!(
            code == -32021,
            "the error of a missing capability was {code}"
        );
        let mut future = peer.request("tools/list", json!({}));
        future["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
        peer.post(&future);
        let refused = peer.wait("the response to another version", |message| {
            message["id"] == future["id"]
        })?;
        let code = refused["error"]["code"].as_i64();
        ensure!(
            matches!(code, Some(-32020 | -32022)),
            "the response to another version was {refused}"
        );
    }
    Ok(())
}

/// Changes of lists and of a subscribed resource.
fn changes(peer: &mut Peer) -> Result<()> {
    if peer.revision.era() == Era::Modern {
        let wanted = json!({
            "toolsListChanged": true,
            "promptsListChanged": true,
            "resourcesListChanged": true,
            "resourceSubscriptions": [WATCHED],
        });
        peer.send("subscriptions/listen", json!({ "notifications": wanted }))?;
        peer.wait_for("notifications/subscriptions/acknowledged")?;
    } else {
        peer.call("resources/subscribe", json!({ "uri": WATCHED }))?;
    }
    for (tool, notification) in [
        (
            "test_trigger_tool_change",
            "notifications/tools/list_changed",
        ),
        (
            "test_trigger_prompt_change",
            "notifications/prompts/list_changed",
        ),
        (
            "test_trigger_resource_change",
            "notifications/resources/list_changed",
        ),
        (
            "test_trigger_resource_update",
            "notifications/resources/updated",
        ),
    ] {
        let id = peer.send("tools/call", json!({ "name": tool, "arguments": {} }))?;
        let mut missing = vec!["the response", notification];
        while !missing.is_empty() {
            let message = peer
                .wait(&format!("{} of {tool}", missing.join(" and ")), |message| {
                    message["id"] == id || message["method"] == notification
                })?;
            let came = if message["id"] == id {
                "the response"
            } else {
                notification
            };
            missing.retain(|what| *what != came);
        }
    }
    if peer.revision.era() != Era::Modern {
        peer.call("resources/unsubscribe", json!({ "uri": WATCHED }))?;
    }
    Ok(())
}

fn batch(peer: &mut Peer) -> Result<()> {
    let ping = peer.request("ping", json!({}));
    let list = peer.request("tools/list", json!({}));
    peer.post(&json!([ping, list]));
    let ids = [&ping["id"], &list["id"]];
    let answered = |message: &Value| {
        message.as_array().is_some_and(|entries| {
            ids.iter()
                .all(|id| entries.iter().any(|entry| entry["id"] == **id))
        })
    };
    peer.wait("the responses to a batch", answered)?;
    Ok(())
}
