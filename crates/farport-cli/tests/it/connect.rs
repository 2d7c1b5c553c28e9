//! `farport connect`, started by a desktop client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::desktop::Desktop;
use crate::stand_in::{Answer, Asked, StandIn};
use crate::support::{Running, SOON, eventually, farport, run};

#[test]
fn a_desktop_client_continues_after_a_restart_of_the_server() {
    let config = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let port = port.to_string();
    let demo = || {
        let mut demo = Running::start(&mut farport(Path::new("/"), ["demo", "--port", &port]));
        let origin = demo.origin(SOON);
        (demo, origin)
    };
    let (first, origin) = demo();
    let mut desktop = Desktop::start(config.path(), &[&format!("{origin}/mcp")]);
    assert!(desktop.open()["result"]["serverInfo"].is_object());
    let listed = desktop.ask(2, "tools/list", json!({}));
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 2);
    let add = json!({"name": "add", "arguments": {"a": 2, "b": 3}});
    let called = desktop.ask(3, "tools/call", add.clone());
    assert_eq!(called["result"]["content"][0]["text"], "5");
    // The server loses its sessions.
    drop(first);
    let (_second, _) = demo();
    let called = desktop.ask(4, "tools/call", add);
    assert_eq!(called["result"]["content"][0]["text"], "5", "{called}");
    drop(desktop.input.take());
    let status = desktop.child.wait().unwrap();
    assert!(status.success());
    let mut said = String::new();
    desktop
        .child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "");
}

/// How long an idle session of [`forgetful`] lives.
const IDLE: Duration = Duration::from_millis(300);

/// A server that ends idle sessions and has no streams. Returns it with the time of the last request.
fn forgetful() -> (StandIn, Arc<Mutex<Instant>>) {
    let used = Arc::new(Mutex::new(Instant::now()));
    let noted = Arc::clone(&used);
    let opened = AtomicUsize::new(0);
    let server = StandIn::start(move |_, asked: &Asked| {
        let body = asked.json();
        let mut used = noted.lock().unwrap();
        let number = opened.load(Ordering::SeqCst);
        let known = asked
            .head
            .contains(&format!("mcp-session-id: session-{number}\r\n"));
        let alive = known && used.elapsed() < IDLE;
        *used = Instant::now();
        match body["method"].as_str() {
            Some("initialize") => {
                let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
                let result = json!({"protocolVersion": "2025-11-25", "capabilities": {}});
                let mut answer = Answer::result(asked, &result);
                answer
                    .1
                    .push_str(&format!("mcp-session-id: session-{number}\r\n"));
                answer
            }
            None => Answer::status(405, ""),
            _ if !alive => Answer::status(404, ""),
            Some("notifications/initialized") => Answer::status(202, ""),
            Some("tools/list") => Answer::result(asked, &json!({"tools": [{"name": "t"}]})),
            Some(_) => Answer::result(asked, &json!({"session": number})),
        }
    });
    (server, used)
}

#[test]
fn a_desktop_client_continues_after_its_session_has_expired() {
    let config = tempfile::tempdir().unwrap();
    let (server, used) = forgetful();
    let mut desktop = Desktop::start(config.path(), &[&server.origin]);
    assert!(desktop.open()["result"].is_object());
    let listed = desktop.ask(2, "tools/list", json!({}));
    assert_eq!(listed["result"]["tools"][0]["name"], "t");
    let first = desktop.ask(3, "tools/call", json!({"name": "t"}));
    let first = first["result"]["session"].as_u64().unwrap();
    eventually("the session's end", SOON, || {
        used.lock().unwrap().elapsed() > IDLE
    });
    let again = desktop.ask(4, "tools/call", json!({"name": "t"}));
    assert_eq!(again["result"]["session"], first + 1, "{again}");
    assert_eq!(desktop.close(), "");
}

#[test]
fn an_error_is_shown_once_on_standard_error_and_in_the_response() {
    let config = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut desktop = Desktop::start(
        config.path(),
        &[&format!("http://{closed}/mcp?token=seeded")],
    );
    let answer = desktop.open();
    let message = answer["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("cannot reach ") && message.contains("; hint: check the URL"),
        "{message}"
    );
    drop(desktop.input.take());
    desktop.child.wait().unwrap();
    let mut said = String::new();
    desktop
        .child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let (why, hint) = message.split_once("; hint: ").unwrap();
    assert_eq!(said.trim_end(), format!("error: {why}\nhint: {hint}"));
    assert!(
        !said.contains("seeded") && !message.contains("seeded"),
        "{said}"
    );
}

#[test]
fn unsafe_urls_are_rejected_with_a_fix() {
    for (url, part) in [
        ("http://mcp.example.com/mcp", "--allow-http"),
        ("https://me:pw@mcp.example.com/mcp", "--header"),
        ("file:///etc/passwd", "https"),
        ("mcp.example.com", "did you mean https://mcp.example.com?"),
    ] {
        let ended = run(&mut farport(Path::new("/"), ["connect", url]));
        assert_eq!(ended.code, Some(1), "{url}");
        assert!(ended.stderr.contains(part), "{url} {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

/// An MCP server that is its own authorization server, for client credentials. Its first token request
/// hangs until the client disconnects.
fn hanging_at_first() -> (String, Arc<AtomicUsize>, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let (hanging, hangs) = mpsc::channel();
    let (own, count) = (origin.clone(), Arc::clone(&asked));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (own, count, hanging) = (own.clone(), Arc::clone(&count), hanging.clone());
            thread::spawn(move || serve(stream.unwrap(), &own, &count, &hanging));
        }
    });
    (origin, asked, hangs)
}

fn serve(stream: TcpStream, origin: &str, asked: &AtomicUsize, hanging: &mpsc::Sender<()>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1).map_or(0, |rest| {
        rest.lines().next().unwrap().trim().parse().unwrap()
    });
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let id = serde_json::from_str::<Value>(&body).unwrap_or_default()["id"].clone();
    let (status, answer) = match path {
        "/.well-known/oauth-protected-resource" => (
            "200 OK",
            json!({"resource": origin, "authorization_servers": [origin]}),
        ),
        "/.well-known/oauth-authorization-server" => (
            "200 OK",
            json!({"issuer": origin, "token_endpoint": format!("{origin}/token")}),
        ),
        "/token" => {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                hanging.send(()).unwrap();
                // Wait until the client is killed.
                let _ = reader.read(&mut [0]);
                return;
            }
            (
                "200 OK",
                json!({"access_token": "good", "token_type": "Bearer", "expires_in": 3600}),
            )
        }
        _ if lower.contains("authorization: bearer good") => (
            "200 OK",
            json!({"jsonrpc": "2.0", "id": id, "result": {"with": "good"}}),
        ),
        _ => ("401 Unauthorized", Value::Null),
    };
    let answer = answer.to_string();
    let _ = write!(
        &stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
}

#[test]
fn if_the_process_that_requests_the_token_is_killed_another_one_does() {
    let config = tempfile::tempdir().unwrap();
    let (origin, asked, hangs) = hanging_at_first();
    let client = r#"{"client_id":"a","client_secret":"b"}"#;
    let args = [
        &*origin,
        "--client-credentials",
        "--static-oauth-client-info",
        client,
    ];
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}});
    let mut doomed = Desktop::start(config.path(), &args);
    doomed.write(&initialize);
    hangs.recv_timeout(SOON).unwrap();
    let mut others: Vec<_> = (0..3)
        .map(|_| Desktop::start(config.path(), &args))
        .collect();
    for other in &mut others {
        other.write(&initialize);
    }
    // The others have found no token, and wait for the process that requests it.
    eventually("the others wait", SOON, || {
        others
            .iter_mut()
            .all(|other| other.child.try_wait().unwrap().is_none())
    });
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // SIGKILL.
    doomed.child.kill().unwrap();
    doomed.child.wait().unwrap();
    for other in &mut others {
        let mut line = String::new();
        other.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["result"]["with"], "good", "{answer}");
    }
    assert_eq!(
        asked.load(Ordering::SeqCst),
        2,
        "one for all that were left"
    );
}
