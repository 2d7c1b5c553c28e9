//! The floor: the least an axum handler can do and still give the same JSON answer.
//!
//! It parses the call with typed serde, adds, and writes the answer: no sessions, no header checks,
//! no other method.

use axum::Json;
use serde::{Deserialize, Serialize};

/// The members of a call that are read.
#[derive(Debug, Deserialize)]
pub struct Call {
    id: u64,
    params: CallParams,
}

#[derive(Debug, Deserialize)]
struct CallParams {
    arguments: Add,
    #[serde(rename = "_meta")]
    meta: Option<CallMeta>,
}

/// What a 2026-07-28 request says of itself.
#[derive(Debug, Deserialize)]
struct CallMeta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: String,
}

#[derive(Debug, Deserialize)]
struct Add {
    a: f64,
    b: f64,
}

/// The members of a response that are written.
#[derive(Debug, Serialize)]
pub struct Answer {
    jsonrpc: &'static str,
    id: u64,
    result: Outcome,
}

#[derive(Debug, Serialize)]
struct Outcome {
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: [Text; 1],
    #[serde(rename = "isError")]
    is_error: bool,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<AnswerMeta>,
}

/// What a 2026-07-28 answer says of itself.
#[derive(Debug, Serialize)]
struct AnswerMeta {
    #[serde(rename = "io.modelcontextprotocol/serverInfo")]
    server_info: ServerInfo,
}

#[derive(Debug, Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Text {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

/// Answers `tools/call` of `add`, whatever the body says.
pub async fn add(Json(call): Json<Call>) -> Json<Answer> {
    let Add { a, b } = call.params.arguments;
    let text = Text {
        kind: "text",
        text: (a + b).to_string(),
    };
    let server_info = ServerInfo {
        name: "floor",
        version: env!("CARGO_PKG_VERSION"),
    };
    let modern = (call.params.meta).is_some_and(|meta| meta.protocol_version == "2026-07-28");
    let result = Outcome {
        result_type: modern.then_some("complete"),
        content: [text],
        is_error: false,
        meta: modern.then_some(AnswerMeta { server_info }),
    };
    Json(Answer {
        jsonrpc: "2.0",
        id: call.id,
        result,
    })
}
