//! `farport dev --inspect`, with a server that needs nothing but the standard library, so that it builds in a
//! moment.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{BUILD, Running, SOON, agent, eventually, farport, write};

const MANIFEST: &str = "\
[package]
name = \"small\"
version = \"0.1.0\"
edition = \"2021\"

[dependencies]
farport = { path = \"farport\" }

[workspace]
";

/// `farport dev` builds crates that depend on farport. This one is empty.
const FARPORT: &str = "\
[package]
name = \"farport\"
version = \"0.1.0\"
edition = \"2021\"
";

/// An MCP server on the socket that `farport dev` passes on.
const SERVER: &str = r##"
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::FromRawFd;

fn main() {
    let listener = unsafe { TcpListener::from_raw_fd(3) };
    listener.set_nonblocking(false).unwrap();
    std::fs::write(std::env::var("FARPORT_READY_FILE").unwrap(), "").unwrap();
    for stream in listener.incoming() {
        std::thread::spawn(move || serve(stream.unwrap()));
    }
}

fn serve(stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        let id = body.split("\"id\":").nth(1).map(|rest| rest.split([',', '}']).next().unwrap());
        let result = if body.contains("\"initialize\"") {
            r#""result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"small","version":"1"}}"#
        } else if body.contains("tools/list") {
            r#""result":{"tools":[{"name":"TOOL","inputSchema":{"type":"object"}}]}"#
        } else {
            r#""error":{"code":-32601,"message":"Method not found"}"#
        };
        let answer = match id {
            Some(id) => format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{result}}}"),
            None => String::new(),
        };
        let status = if id.is_some() { "200 OK" } else { "202 Accepted" };
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", answer.len());
        (&stream).write_all((head + &answer).as_bytes()).ok()?;
    }
}
"##;

/// The page that `farport dev` printed.
struct Inspector {
    page: String,
    token: String,
}

impl Inspector {
    /// The name of the server's first tool; null while the inspector is not connected.
    fn first_tool(&self, id: u64) -> Value {
        let body = json!({ "id": id, "method": "tools/list", "params": {} });
        let answer = agent()
            .post(format!("{}/api/request", self.page))
            .header("Origin", &self.page)
            .header("Sec-Fetch-Site", "same-origin")
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .unwrap();
        let answer = answer.into_body().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["result"]["tools"][0]["name"].clone()
    }

    fn timeline(&self) -> String {
        let answer = agent()
            .post(format!("{}/api/export", self.page))
            .header("Origin", &self.page)
            .header("Sec-Fetch-Site", "same-origin")
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .send(json!({ "format": "ndjson" }).to_string())
            .unwrap();
        answer.into_body().read_to_string().unwrap()
    }
}

fn source(made: &Path, text: &str) {
    fs::write(made.join("src/main.rs"), text).unwrap();
}

#[test]
fn the_inspector_follows_each_reload_of_the_project() {
    let made = tempfile::tempdir().unwrap();
    write(made.path().join("Cargo.toml"), MANIFEST);
    write(made.path().join("farport/Cargo.toml"), FARPORT);
    write(made.path().join("farport/src/lib.rs"), "");
    write(
        made.path().join("src/main.rs"),
        &SERVER.replace("TOOL", "first"),
    );
    let args = ["dev", "--port", "0", "--inspect", "--no-open"];
    let mut dev = Running::start(
        farport(made.path(), args).env("FARPORT_CONFIG_DIR", made.path().join("config")),
    );
    let line = dev.wait_for("#token=", BUILD);
    let (page, token) = line
        .trim()
        .trim_start_matches("Inspector: ")
        .split_once("/#token=")
        .unwrap();
    let inspector = Inspector {
        page: page.to_owned(),
        token: token.to_owned(),
    };
    let mut id = 0;
    let mut shows = |name: &str| {
        eventually(&format!("the inspector shows {name}"), SOON, || {
            id += 1;
            inspector.first_tool(id) == *name
        });
    };
    shows("first");
    source(made.path(), &SERVER.replace("TOOL", "second"));
    dev.wait_for("Reloaded", BUILD);
    shows("second");
    source(made.path(), "this does not compile");
    dev.wait_for("Build failed", BUILD);
    eventually("the page knows of the failed build", SOON, || {
        inspector.timeline().contains("Build failed.")
    });
    shows("second");
    assert!(inspector.timeline().contains("The server was reloaded"));
    dev.signal(Signal::INT);
    let (status, _) = dev.end(SOON);
    assert!(status.success(), "{status}");
}
