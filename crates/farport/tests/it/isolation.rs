//! Many clients with equal ids and tokens: each receives its own messages only.

use std::{net::SocketAddr, sync::Arc};

use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::{
    client::{Client, SESSIONS, modern, request, text, tool},
    events::Events,
    server::start,
    soon,
    workshop::Kind,
};

const CLIENTS: usize = 50;
const ROUNDS: usize = 4;

/// One round of a session. All clients use the same request id and progress token.
async fn session_turn(client: &Client, secret: &str, together: &Barrier) {
    together.wait().await;
    let mut params = tool("all", json!({ "text": secret }));
    params["_meta"] = json!({ "progressToken": "token" });
    let mut events = client
        .post(&request(1, "tools/call", params))
        .await
        .events();
    let mut heard = Vec::new();
    loop {
        let message = events.message().await;
        own(&message, secret);
        if message["method"] == "elicitation/create" {
            let answer = json!({ "action": "accept", "content": { "answer": secret } });
            client.answer(&message["id"], answer).await;
        }
        let over = message.get("result").is_some();
        heard.push(message);
        if over {
            break;
        }
    }
    assert_eq!(events.rest().await, []);
    let methods: Vec<_> = heard
        .iter()
        .map(|message| message["method"].as_str())
        .collect();
    let (report, log, ask) = (
        Some("notifications/progress"),
        Some("notifications/message"),
        Some("elicitation/create"),
    );
    assert_eq!(methods, [report, log, ask, report, None]);
    let result = heard.last().unwrap();
    assert_eq!(result["id"], 1);
    assert_eq!(text(result).matches(secret).count(), 2, "{result}");
}

/// Checks that a message names its own client and no other.
fn own(message: &Value, secret: &str) {
    let said = message.to_string();
    assert!(said.contains(secret), "{secret} is not in {said}");
    assert_eq!(
        said.matches("secret-").count(),
        said.matches(secret).count(),
        "{said}"
    );
}

async fn modern_turn(address: SocketAddr, secret: &str, together: &Barrier) {
    together.wait().await;
    let mut params = tool("steps", json!({ "text": secret, "count": 3 }));
    params["_meta"] = json!({ "progressToken": "token" });
    let mut events = modern(1, "tools/call", params).to(address).await.events();
    let events = events.rest().await;
    assert_eq!(events.len(), 4);
    for event in events {
        own(&event.message(), secret);
    }
}

async fn unasked_turn(client: &Client, listening: &mut Events, secret: &str, together: &Barrier) {
    together.wait().await;
    let touched = client.call("touch", json!({ "text": secret })).await;
    own(&touched.json().await, secret);
    own(&listening.message().await, secret);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_with_the_same_ids_and_tokens_receive_only_their_own_messages() {
    let server = start(Kind::Talkative).await;
    let together = Arc::new(Barrier::new(CLIENTS));
    let mut clients = JoinSet::new();
    for index in 0..CLIENTS {
        let (address, together) = (server.address, together.clone());
        clients.spawn(async move {
            // Of the same length, so that no name is part of another.
            let secret = format!("secret-{index:03}-");
            let version = SESSIONS[index % SESSIONS.len()];
            let able = json!({ "elicitation": {} });
            let client = Client::open_as(address, version, able).await;
            let mut listening = client.listen(None).await.events();
            for _ in 0..ROUNDS {
                session_turn(&client, &secret, &together).await;
                modern_turn(address, &secret, &together).await;
                unasked_turn(&client, &mut listening, &secret, &together).await;
            }
            assert_eq!(client.delete().await, 204);
        });
    }
    while let Some(client) = soon(clients.join_next()).await {
        client.unwrap();
    }
    server.shop.shrinks_to(0).await;
}
