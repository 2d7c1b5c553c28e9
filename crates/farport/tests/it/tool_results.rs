//! Tool results in the form of the caller's revision.

use farport::Server;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CreateTaskResult,
        InputRequiredResult, ServerCapabilities, ServerConfig, Task, TaskStatus,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::support::{
    client::{initialize, modern, request, tool},
    era::Era,
    http::Ask,
    server::serve,
};

const TASKS: &str = "io.modelcontextprotocol/tasks";

/// Returns the kind of result that the tool's name says.
struct Answers;

impl ServerHandler for Answers {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(match &*request.name {
            "object" => CallToolResult::structured(json!({ "a": 1 })).into(),
            "list" => CallToolResult::structured(json!([1, 2])).into(),
            "task" => {
                let time = "2026-01-01T00:00:00Z";
                let task = Task::new("t", TaskStatus::Working, time, time);
                CallToolResponse::Task(CreateTaskResult::new(task))
            }
            "input" => {
                CallToolResponse::InputRequired(InputRequiredResult::from_request_state("s"))
            }
            _ => return Err(ErrorData::resource_not_found("there is none", None)),
        })
    }
}

async fn start() -> crate::support::server::Running {
    serve(Default::default(), Server::new(|_| Answers)).await
}

#[tokio::test]
async fn a_tool_result_has_the_form_of_the_revision() {
    let server = start().await;
    for (name, today, before) in [
        (
            "object",
            json!({ "structuredContent": { "a": 1 }, "resultType": "complete" }),
            json!({ "structuredContent": { "a": 1 }, "resultType": null }),
        ),
        // Until then, structured content is an object.
        (
            "list",
            json!({ "structuredContent": [1, 2], "resultType": "complete" }),
            json!({ "structuredContent": null, "resultType": null }),
        ),
        (
            "input",
            json!({ "resultType": "input_required" }),
            json!(-32600),
        ),
        ("missing", json!(-32602), json!(-32002)),
    ] {
        for era in [Era::Modern, Era::Session, Era::Sse] {
            let expected = if era == Era::Modern { &today } else { &before };
            let call = tool(name, json!({}));
            let answer = era.ask(server.address, None, "tools/call", call).await;
            let message = answer.message;
            let Value::Object(members) = expected else {
                assert_eq!(message["error"]["code"], *expected, "{era:?} {name}");
                continue;
            };
            for (member, value) in members {
                let given = &message["result"][member];
                assert_eq!(given, value, "{era:?} {name}: {message}");
            }
            if name != "input" {
                let said = message["result"]["content"][0]["text"].as_str().unwrap();
                assert!(said.starts_with(['{', '[']), "{era:?} {name}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn only_a_client_that_declares_tasks_gets_a_task() {
    let server = start().await;
    for declared in [false, true] {
        let capabilities = if declared {
            json!({ "extensions": { TASKS: {} } })
        } else {
            json!({})
        };
        let mut asks = Vec::new();
        let mut call = tool("task", json!({}));
        call["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": capabilities });
        asks.push(modern(1, "tools/call", call));

        let opening = initialize("2025-11-25", capabilities);
        let opened = Ask::post("/mcp").json(&opening).to(server.address).await;
        let session = opened.header("mcp-session-id").unwrap().to_owned();
        let call = request(1, "tools/call", tool("task", json!({})));
        let ask = Ask::post("/mcp").json(&call);
        asks.push(ask.with("mcp-session-id", &session));

        for ask in asks {
            let message = ask.to(server.address).await.json().await;
            if declared {
                assert_eq!(message["result"]["taskId"], "t", "{message}")
            } else {
                assert_eq!(message["error"]["code"], -32021, "{message}")
            }
        }
    }
}
