//! Compressed responses, byte order marks, and lines that are not JSON.

use std::io::Write;

use farport_client::Store;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::recovery::usual;
use crate::support::{Client, Reply, Seen, Server, options};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A brotli stream of one uncompressed metablock.
fn brotli(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap() - 1;
    // A window of 16 bits, then: not last, 4 nibbles of length, uncompressed.
    let head = u64::from(length & 0xffff) << 4 | 1 << 20;
    let mut stream = head.to_le_bytes()[..3].to_vec();
    stream.extend_from_slice(text);
    stream.push(3);
    stream
}

/// A server that encodes its answer to a call as the call's arguments say.
async fn encoding() -> Server {
    Server::start(|_, seen: &Seen| {
        let body = seen.json();
        if body["method"] != "tools/call" {
            return usual(seen, "s");
        }
        assert_eq!(seen.header("accept-encoding"), "identity");
        let answer = json!({"jsonrpc": "2.0", "id": body["id"], "result": {"ok": 1}});
        let coding = body["params"]["coding"].as_str().unwrap().to_owned();
        let (media_type, mut text) = match body["params"]["as"].as_str() {
            Some("events") => (
                "text/event-stream",
                format!("data: {answer}\n\n").into_bytes(),
            ),
            _ => ("application/json", answer.to_string().into_bytes()),
        };
        if body["params"]["mark"] == true {
            text.splice(0..0, *b"\xef\xbb\xbf");
        }
        for coding in coding.split(", ") {
            text = match coding {
                "gzip" => gzip(&text),
                "deflate" => zlib(&text),
                "br" => brotli(&text),
                _ => text,
            };
        }
        if body["params"]["raw"] == true {
            text = deflate(answer.to_string().as_bytes());
        }
        let headers = vec![
            ("content-type", media_type.to_owned()),
            ("content-encoding", coding),
        ];
        Reply::bytes(200, headers, text)
    })
    .await
}

#[tokio::test]
async fn identity_is_requested_and_what_is_compressed_all_the_same_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let server = encoding().await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    for coding in ["identity", "gzip", "deflate", "br", "gzip, br", "br, gzip"] {
        for form in ["json", "events"] {
            for mark in [false, true] {
                let params = json!({"coding": coding, "as": form, "mark": mark});
                let answer = client.ask("tools/call", params.clone()).await;
                assert_eq!(answer["result"]["ok"], 1, "{params} {answer}");
            }
        }
    }
    let params = json!({"coding": "deflate", "raw": true});
    let answer = client.ask("tools/call", params).await;
    assert_eq!(answer["result"]["ok"], 1, "{answer}");
}

#[tokio::test]
async fn a_coding_that_is_not_decoded_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = encoding().await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    for (coding, expect) in [
        ("zstd", "compressed with zstd"),
        ("gzip, gzip, gzip", "3 codings"),
    ] {
        let answer = client.ask("tools/call", json!({"coding": coding})).await;
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains(expect), "{said}");
    }
}

#[tokio::test]
async fn a_small_response_does_not_become_a_large_one() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = gzip(&vec![b' '; 20 << 20]);
    let server = Server::start(move |_, seen: &Seen| {
        if seen.json()["method"] != "tools/call" {
            return usual(seen, "s");
        }
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("content-encoding", "gzip".to_owned()),
        ];
        Reply::bytes(200, headers, bomb.clone())
    })
    .await;
    let mut options = options(&server.origin);
    options.largest_message = 4 << 20;
    let mut client = Client::new(options, Store::at(folder.path()));
    client.open().await;
    let answer = client.ask("tools/call", json!({})).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("more than 4 MiB"), "{said}");
}

#[tokio::test]
async fn a_line_may_begin_with_a_byte_order_mark_and_must_be_json() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, seen: &Seen| usual(seen, "s")).await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    let opening = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}});
    client.write(&format!("\u{feff}{opening}\r")).await;
    assert!(client.next().await["result"].is_object());
    let utf16: Vec<u8> = "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (line, code, id, says) in [
        (
            &b"{\"jsonrpc\":\"2.0\",\"id\":2,\n"[..],
            -32700,
            Value::Null,
            "not JSON",
        ),
        (b"log line\n", -32700, Value::Null, "not JSON"),
        (
            b"{\"jsonrpc\":\"2.0\",\xef\xbb\xbf\"id\":2,\"method\":\"ping\"}\n",
            -32700,
            Value::Null,
            "not JSON",
        ),
        (b"\xff\xfe\n", -32700, Value::Null, "not UTF-8"),
        (&utf16, -32700, Value::Null, "UTF-16"),
        (
            b"\n{\"id\":7,\"method\":\"ping\"}\n",
            -32600,
            json!(7),
            "JSON-RPC 2.0",
        ),
        (b"[1]\n", -32600, Value::Null, "JSON-RPC 2.0"),
    ] {
        client.writer.write_all(line).await.unwrap();
        let answer = client.next().await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert_eq!(answer["id"], id, "{answer}");
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains(says), "{said}");
    }
}
