//! Messages that are too large for memory.

use std::io::{Read, Write};
use std::net::TcpListener;

use farport_client::Store;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::support::{Answer, Client, SOON, Seen, Server, options};

/// What goes into a file: more than 2 MiB.
const LARGE: usize = 5 << 20;

/// A server whose answers are as large as they are asked to be.
async fn generous() -> Server {
    Server::start(|_, seen: &Seen| {
        let body = seen.json();
        let text = "x\u{e9}".repeat(LARGE / 3);
        let answer = json!({"jsonrpc": "2.0", "id": body["id"], "result": {"text": text, "n": 1.5}});
        match body["method"].as_str() {
            Some("initialize") => Answer::result(seen, &json!({"protocolVersion": "2025-11-25"})),
            Some("tools/call") => match body["params"]["as"].as_str() {
                // Over several lines, which have to become one.
                Some("events") => {
                    let text = serde_json::to_string_pretty(&answer).unwrap();
                    Answer::events(&format!("id: 1\ndata: {}\n\n", text.replace('\n', "\ndata: ")))
                }
                _ => {
                    let text = serde_json::to_string_pretty(&answer).unwrap();
                    Answer(200, vec![("content-type", "application/json".into())], text)
                }
            },
            Some("tools/list") => {
                let description = "x".repeat(LARGE);
                Answer::result(seen, &json!({"tools": [
                    {"name": "delete_all"}, {"name": "add", "description": description},
                ]}))
            }
            Some("prompts/list") => Answer::events(&format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":\"{}\"}}\n\n\
                 data: {{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{}}}}\n\n",
                "x".repeat(LARGE),
                body["id"],
            )),
            Some("garbage") => {
                let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":[{}", body["id"], "1,".repeat(LARGE / 2));
                Answer(200, vec![("content-type", "application/json".into())], text)
            }
            Some("batch") => Answer::json(&json!([answer])),
            _ => Answer::status(405),
        }
    })
    .await
}

#[tokio::test]
async fn a_large_answer_is_one_line_whichever_way_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let server = generous().await;
    let mut options = options(&server.origin);
    options.ignored_tools = vec!["delete*".to_owned()];
    let mut client = Client::new(options, Store::at(folder.path()));
    client.open().await;
    for way in ["json", "events"] {
        let answer = client.ask("tools/call", json!({"as": way})).await;
        let text = answer["result"]["text"].as_str().unwrap();
        assert_eq!(text, "x\u{e9}".repeat(LARGE / 3), "{way}");
        assert_eq!(answer["result"]["n"], 1.5);
    }
    // What has to be looked into is.
    let listed = client.ask("tools/list", json!({})).await;
    assert_eq!(listed["result"]["tools"][0]["name"], "add");
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 1);
    let batch = client.ask("batch", json!({})).await;
    assert!(batch["result"]["text"].is_string());
    client
        .write(r#"{"jsonrpc":"2.0","id":"p","method":"prompts/list"}"#)
        .await;
    let notified = client.next().await;
    assert_eq!(notified["params"].as_str().unwrap().len(), LARGE);
    assert_eq!(client.next().await["id"], "p");
}

#[tokio::test]
async fn a_large_answer_that_is_no_message_never_reaches_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let server = generous().await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    let answer = client.ask("garbage", json!({})).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("not JSON-RPC"), "{said}");
    assert!(client.ask("tools/call", json!({})).await["result"].is_object());
}

#[tokio::test]
async fn a_large_list_is_bounded_where_it_has_to_be_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = generous().await;
    let mut options = options(&server.origin);
    options.largest_held = 1 << 20;
    let mut client = Client::new(options, Store::at(folder.path()));
    client.open().await;
    let listed = client.ask("tools/list", json!({})).await;
    let said = listed["error"]["message"].as_str().unwrap();
    assert!(said.contains("more than 1 MiB"), "{said}");
    let called = client.ask("tools/call", json!({})).await;
    assert!(called["result"].is_object());
    client
        .write(&format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"{}\"}}",
            "x".repeat(1 << 20)
        ))
        .await;
    assert_eq!(client.next().await["error"]["code"], -32600);
}

#[tokio::test]
async fn a_large_line_is_whole_though_its_request_is_cancelled_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let server = generous().await;
    for way in ["json", "events"] {
        let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
        client.open().await;
        let call =
            json!({"jsonrpc": "2.0", "id": "call", "method": "tools/call", "params": {"as": way}});
        client.write(&call.to_string()).await;
        let reader = client.lines.get_mut();
        let mut start = vec![0; 100_000];
        tokio::time::timeout(SOON, reader.read_exact(&mut start))
            .await
            .unwrap()
            .unwrap();
        client
            .write(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"call"}}"#)
            .await;
        client
            .write(r#"{"jsonrpc":"2.0","id":"after","method":"nothing"}"#)
            .await;
        let rest = tokio::time::timeout(SOON, client.lines.next_line()).await;
        let line = String::from_utf8(start).unwrap() + &rest.unwrap().unwrap().unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], "call");
        assert_eq!(client.next().await["id"], "after");
    }
}

/// Answers everything with the start of a large answer.
fn breaking_off() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            let first = String::from_utf8_lossy(&request[..read]).contains("\"initialize\"");
            let answer = if first {
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-11-25\"}}"
                    .to_owned()
            } else {
                format!(
                    "{{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"{}",
                    "x".repeat(LARGE)
                )
            };
            let length = if first { answer.len() } else { 2 * LARGE };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            );
            // The client may have closed the connection.
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    origin
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_not_half_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(options(&breaking_off()), Store::at(folder.path()));
    client.ask("initialize", crate::support::initialize()).await;
    let answer = client.ask("tools/call", json!({})).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("broke"), "{said}");
}
