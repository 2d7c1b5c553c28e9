//! rmcp's own client against the program, over HTTP, in both eras.

use std::time::Duration;

use rmcp::{
    model::{
        ArgumentInfo, CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientRequest,
        CompleteRequestParams, GetPromptRequestParams, ReadResourceRequestParams, Reference,
        ResourceContents, ServerNotification, SubscribeRequestParams, SubscriptionFilter,
    },
    service::PeerRequestOptions,
    transport::StreamableHttpClientTransport,
};
use serde_json::json;

use crate::{
    client::{Client, Era, Heard, text},
    program,
    proxy::CuttingProxy,
};

const WATCHED: &str = "test://watched-resource";
const ERAS: [Era; 2] = [Era::Session, Era::Modern];

async fn connect(url: impl Into<std::sync::Arc<str>>, era: Era) -> Client {
    let able = ClientCapabilities::builder()
        .enable_elicitation()
        .enable_sampling()
        .enable_roots()
        .build();
    // No request uses TLS, but reqwest requires a crypto provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let transport = StreamableHttpClientTransport::from_uri(url);
    Client::over(transport, era, able).await
}

#[tokio::test]
async fn it_lists_and_calls_and_reads_in_both_eras() {
    let (_program, address) = program::start();
    for era in ERAS {
        let client = connect(format!("http://{address}/mcp"), era).await;
        assert!(
            client
                .tools()
                .await
                .contains(&"test_simple_text".to_owned())
        );
        let result = client.call("test_simple_text", json!({})).await;
        assert_eq!(text(&result), "This is a simple text response for testing.");

        let read = ReadResourceRequestParams::new("test://template/123/data");
        let read = client.service.read_resource(read).await.unwrap();
        let ResourceContents::TextResourceContents { text, .. } = &read.contents[0] else {
            panic!("{read:?}");
        };
        assert!(text.contains("Data for ID: 123"), "{text}");
        let templates = client.service.list_all_resource_templates().await.unwrap();
        assert!(!templates.is_empty(), "{era:?}");
        assert!(client.service.list_all_resources().await.unwrap().len() > 1);

        let prompts = client.service.list_all_prompts().await.unwrap();
        assert!(
            prompts
                .iter()
                .any(|prompt| prompt.name == "test_simple_prompt")
        );
        let prompt = GetPromptRequestParams::new("test_simple_prompt");
        let prompt = client.service.get_prompt(prompt).await.unwrap();
        assert_eq!(prompt.messages.len(), 1);

        let reference = Reference::for_prompt("test_prompt_with_arguments");
        let argument = ArgumentInfo::new("arg1", "");
        let completion = CompleteRequestParams::new(reference, argument);
        let completion = client.service.complete(completion).await.unwrap();
        assert!(!completion.completion.values.is_empty(), "{era:?}");
    }
}

#[tokio::test]
async fn it_answers_what_a_tool_asks_in_both_eras() {
    let (_program, address) = program::start();
    for era in ERAS {
        let client = connect(format!("http://{address}/mcp"), era).await;
        for (tool, arguments, expect) in [
            ("test_sampling", json!({ "prompt": "hi" }), "You said: hi"),
            (
                "test_elicitation",
                json!({ "message": "who?" }),
                "my username",
            ),
            ("test_list_roots", json!({}), "file:///home/ada"),
        ] {
            let result = client.call(tool, arguments).await;
            assert!(
                text(&result).contains(expect),
                "{tool}, {era:?}: {result:?}"
            );
        }
    }
}

#[tokio::test]
async fn it_hears_of_progress_in_both_eras() {
    let (_program, address) = program::start();
    for era in ERAS {
        let mut client = connect(format!("http://{address}/mcp"), era).await;
        client.call("test_tool_with_progress", json!({})).await;
        for done in [0, 50, 100] {
            assert_eq!(client.next().await, Heard::Progress(done), "{era:?}");
        }
    }
}

#[tokio::test]
async fn a_session_hears_logs_and_changes() {
    let (_program, address) = program::start();
    let mut client = connect(format!("http://{address}/mcp"), Era::Session).await;
    client.call("test_tool_with_logging", json!({})).await;
    for expect in ["started", "processing", "completed"] {
        let heard = client.next().await;
        assert!(
            matches!(&heard, Heard::Log(message) if message.contains(expect)),
            "{heard:?} instead of {expect}"
        );
    }
    client.call("test_trigger_tool_change", json!({})).await;
    assert_eq!(client.next().await, Heard::Tools);
    let subscription = SubscribeRequestParams::new(WATCHED);
    client.service.subscribe(subscription).await.unwrap();
    client.call("test_trigger_resource_update", json!({})).await;
    assert_eq!(client.next().await, Heard::Updated(WATCHED.into()));
}

#[tokio::test]
async fn a_modern_client_hears_of_changes_by_listening() {
    let (_program, address) = program::start();
    let client = connect(format!("http://{address}/mcp"), Era::Modern).await;
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = client.service.listen(filter).await.unwrap();
    client.call("test_trigger_tool_change", json!({})).await;
    let heard = subscription.next().await.unwrap().unwrap();
    assert!(
        matches!(heard, ServerNotification::ToolListChangedNotification(_)),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_call_that_it_cancels_holds_nothing_up() {
    let (_program, address) = program::start();
    for era in ERAS {
        let client = connect(format!("http://{address}/mcp"), era).await;
        let mut call = CallToolRequestParams::new("slow_compute");
        call.arguments = json!({ "seconds": 60 }).as_object().cloned();
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(call));
        let options = PeerRequestOptions::no_options();
        let running = client
            .service
            .send_cancellable_request(request, options)
            .await
            .unwrap();
        running
            .cancel(Some("no longer wanted".into()))
            .await
            .unwrap();
        let next = client.call("test_simple_text", json!({}));
        let result = tokio::time::timeout(Duration::from_secs(20), next)
            .await
            .unwrap();
        assert!(text(&result).starts_with("This is"), "{era:?}");
    }
}

#[tokio::test]
async fn it_resumes_a_call_whose_connection_was_cut() {
    let (_program, address) = program::start();
    let proxy = CuttingProxy::before(&address, "notifications/progress").await;
    let mut client = connect(proxy.url.clone(), Era::Session).await;
    let result = client.call("test_tool_with_progress", json!({})).await;
    assert_eq!(text(&result), "The work is done.");
    for done in [0, 50, 100] {
        assert_eq!(client.next().await, Heard::Progress(done));
    }
    assert!(proxy.has_cut());
    let requests = proxy.requests().to_ascii_lowercase();
    assert!(requests.contains("\r\nlast-event-id: "), "{requests}");
}
