//! The client that server authors test with.

use std::sync::Arc;

use farport::{
    Server,
    testing::{CallError, Client},
};
use serde_json::json;

use crate::support::{
    shop::Shop,
    workshop::{Kind, Workshop},
};

fn client() -> Client {
    let shop = Arc::new(Shop::default());
    Client::new(Server::new(move |_| {
        Workshop::new(Kind::Quiet, shop.clone())
    }))
}

#[tokio::test]
async fn a_call_comes_to_its_result() {
    let result = client().call_tool("echo", json!({ "text": "hello" })).await;
    let result = result.unwrap();
    assert_eq!(result["content"][0]["text"], "hello");
    assert_eq!(result["resultType"], "complete");
}

#[tokio::test]
async fn an_error_keeps_its_code_and_data() {
    let error = client().call_tool("needs_sampling", json!({})).await;
    let Err(CallError::Rpc { code, data, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(code, -32021);
    assert_eq!(data["requiredCapabilities"], json!({ "sampling": {} }));
}
