//! `farport connect` as a desktop client starts it: a program on a pipe.

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
fn a_desktop_client_lists_calls_and_calls_again_after_the_server_was_started_anew() {
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
    // Its sessions go with it.
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

/// How long a session of [`forgetful`] lives without being used.
const IDLE: Duration = Duration::from_millis(300);

/// A server that forgets a session that was idle, and has no streams that would keep it. When it was
/// used last comes with it.
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
fn a_desktop_client_calls_again_after_it_was_idle_for_longer_than_its_session_lives() {
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
fn what_went_wrong_is_one_paragraph_on_standard_error_and_an_answer() {
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
    let told = answer["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        told.contains("cannot be reached") && told.contains("Check"),
        "{told}"
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
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        !said.contains("seeded") && !told.contains("seeded"),
        "{said}"
    );
}

#[test]
fn addresses_that_secrets_must_not_go_to_are_refused_with_the_way_out() {
    for (url, part) in [
        ("http://mcp.example.com/mcp", "--allow-http"),
        ("https://me:pw@mcp.example.com/mcp", "--header"),
        ("file:///etc/passwd", "https"),
        ("mcp.example.com", "https://host.example/mcp"),
    ] {
        let ended = run(&mut farport(Path::new("/"), ["connect", url]));
        assert_eq!(ended.code, Some(1), "{url}");
        assert!(ended.stderr.contains(part), "{url} {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

/// An authorization server and MCP server in one, by client credentials. Its first token request
/// hangs until its client is gone.
fn hanging_at_first() -> (String, Arc<AtomicUsize>, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let (hanging, hangs) = mpsc::channel();
    let (told, count) = (origin.clone(), Arc::clone(&asked));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (told, count, hanging) = (told.clone(), Arc::clone(&count), hanging.clone());
            thread::spawn(move || serve(stream.unwrap(), &told, &count, &hanging));
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
                // Until whoever asked has been killed.
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
fn when_the_one_that_gets_the_token_is_killed_the_others_go_on() {
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
    // They have found no token, and wait for the one that asks for it.
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
