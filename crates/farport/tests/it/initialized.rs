//! A handler has finished `on_initialized` when it receives the session's first call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use farport::Server;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities,
        ServerConfig,
    },
    service::{NotificationContext, RequestContext},
};
use serde_json::json;
use tokio::task::yield_now;

use crate::{
    legacy::Legacy,
    support::{
        client::{Client, text},
        server::{Running, serve},
    },
};

/// Keeps that it saw `notifications/initialized` after a while. Its tool tells whether it has.
#[derive(Default)]
struct Slow {
    /// Whether the server announces changes, and so keeps each session's peer.
    announces: bool,
    initialized: Arc<AtomicBool>,
}

impl ServerHandler for Slow {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools();
        ServerConfig::new(if self.announces {
            tools.enable_tool_list_changed().build()
        } else {
            tools.build()
        })
    }

    async fn on_initialized(&self, _: NotificationContext<RoleServer>) {
        for _ in 0..1_000 {
            yield_now().await;
        }
        self.initialized.store(true, Ordering::SeqCst);
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let initialized = self.initialized.load(Ordering::SeqCst).to_string();
        Ok(CallToolResult::success(vec![ContentBlock::text(initialized)]).into())
    }
}

async fn start(announces: bool) -> Running {
    let server = Server::new(move |_| Slow {
        announces,
        ..Slow::default()
    });
    serve(Arc::default(), server).await
}

#[tokio::test]
async fn a_session_over_streamable_http() {
    for announces in [false, true] {
        let server = start(announces).await;
        for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
            let client = Client::open(server.address, version).await;
            let answer = client.call("initialized", json!({})).await.json().await;
            assert_eq!(text(&answer), "true", "{version} {announces}");
        }
    }
}

#[tokio::test]
async fn a_session_over_http_and_sse() {
    for announces in [false, true] {
        let server = start(announces).await;
        let mut legacy = Legacy::open(server.address, json!({})).await;
        legacy.call(1, "initialized", json!({})).await;
        assert_eq!(text(&legacy.events.message().await), "true", "{announces}");
    }
}
