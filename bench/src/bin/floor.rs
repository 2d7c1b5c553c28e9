//! The floor: the least an axum handler can do and still give the same JSON answer.
//!
//! It parses the call with typed serde, adds, and writes the answer: no sessions, no header checks,
//! no other method.

use axum::routing::post;
use axum::{Json, Router};
use clap::Parser;
use farport_bench::{Args, serve};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Call {
    id: u64,
    params: CallParams,
}

#[derive(Deserialize)]
struct CallParams {
    arguments: Add,
}

#[derive(Deserialize)]
struct Add {
    a: f64,
    b: f64,
}

#[derive(Serialize)]
struct Answer {
    jsonrpc: &'static str,
    id: u64,
    result: Outcome,
}

#[derive(Serialize)]
struct Outcome {
    content: [Text; 1],
    #[serde(rename = "isError")]
    is_error: bool,
}

#[derive(Serialize)]
struct Text {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

async fn add(Json(call): Json<Call>) -> Json<Answer> {
    let Add { a, b } = call.params.arguments;
    let text = Text {
        kind: "text",
        text: (a + b).to_string(),
    };
    let result = Outcome {
        content: [text],
        is_error: false,
    };
    Json(Answer {
        jsonrpc: "2.0",
        id: call.id,
        result,
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve(&Args::parse(), Router::new().route("/mcp", post(add))).await
}
