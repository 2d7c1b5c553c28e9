//! Large responses through `farport connect`, and its memory.

#![cfg(target_os = "linux")]

use std::io::{BufRead, Write};
use std::net::TcpListener;
use std::thread;

use crate::desktop::Desktop;
use crate::stand_in::{Answer, Asked};

/// The size of a response in bytes.
const LARGE: usize = 100_000_000;
/// The limit of resident memory in KiB. The program of a debug build is larger.
const MOST_RESIDENT: u64 = if cfg!(debug_assertions) { 40 } else { 30 } * 1024;

/// A server that responds to a call with `LARGE` bytes, as JSON or as an event.
fn generous() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(asked) = Asked::read(&mut stream) else {
                continue;
            };
            let request = asked.json();
            if request["method"] != "tools/call" {
                let result = serde_json::json!({"protocolVersion": "2025-11-25"});
                Answer::result(&asked, &result).write(&mut stream);
                continue;
            }
            let events = request["params"]["name"] == "events";
            let (kind, before, after) = if events {
                ("text/event-stream", "data: ", "\n\n")
            } else {
                ("application/json", "", "")
            };
            let start = format!(
                "{before}{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":\"",
                request["id"]
            );
            let end = format!("\"}}{after}");
            let length = start.len() + LARGE + end.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{start}"
            );
            stream.write_all(head.as_bytes()).unwrap();
            let piece = vec![b'x'; 1_000_000];
            for _ in 0..LARGE / piece.len() {
                stream.write_all(&piece).unwrap();
            }
            stream.write_all(end.as_bytes()).unwrap();
        }
    });
    origin
}

#[test]
fn a_large_response_is_forwarded_with_little_memory() {
    let config = tempfile::tempdir().unwrap();
    let mut desktop = Desktop::start(config.path(), &[&generous()]);
    desktop.ask(1, "initialize", serde_json::json!({}));
    for (id, way) in [(2, "json"), (3, "events")] {
        desktop.write(&serde_json::json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": way},
        }));
        let mut line = Vec::new();
        desktop.output.read_until(b'\n', &mut line).unwrap();
        let start = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":\"xxx");
        assert!(line.starts_with(start.as_bytes()), "{way}");
        assert!(line.ends_with(b"xxx\"}\n"), "{way}");
        assert_eq!(line.len(), start.len() - 3 + LARGE + 3, "{way}");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", desktop.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = peak
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(peak < MOST_RESIDENT, "{peak} KiB were resident");
    assert_eq!(desktop.close(), "");
}
