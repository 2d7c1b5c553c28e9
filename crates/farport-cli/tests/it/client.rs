//! Questions of a server, saved calls, traces, `farport watch`, `farport shell`, and completion.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::scripted::Scripted;
use crate::support::{Ended, Running, SOON, farport, run, succeed};

fn ask(args: &[&str]) -> Ended {
    let config = tempfile::tempdir().unwrap();
    run(farport(config.path(), args).env("FARPORT_CONFIG_DIR", config.path()))
}

#[test]
fn questions_are_answered_from_the_command_line() {
    let server = Scripted::start();
    for (words, code, expected) in [
        (
            &["--answer", "name=Ada", "--answer", "age=36"][..],
            0,
            r#"{"action":"accept","content":{"age":36,"name":"Ada"}}"#,
        ),
        (
            &["--answer", "name=012", "--answer", "other=1"],
            0,
            r#"{"action":"accept","content":{"name":"012"}}"#,
        ),
        (&["--decline"], 0, r#"{"action":"decline"}"#),
        (&[], 2, "the server asks: Who are you?"),
        (&["--answer", "age=36"], 2, "it requires the answer `name`"),
        (
            &["--answer", "name=Ada", "--answer", "age=012"],
            2,
            "argument `age` must be integer, not `012`",
        ),
    ] {
        let ended = ask(&[&["call", &server.url, "ask"][..], words].concat());
        assert_eq!(ended.code, Some(code), "{words:?}: {ended:?}");
        match code {
            0 => assert_eq!(ended.stdout.trim(), expected, "{ended:?}"),
            _ => assert!(ended.stderr.contains(expected), "{ended:?}"),
        }
    }
}

#[test]
fn a_saved_call_is_repeated_with_other_arguments() {
    let server = Scripted::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".farport")).unwrap();
    let calls = json!({ "calls": [
        { "name": "rain in Lagos", "tool": "weather", "arguments": { "city": "Lagos", "days": 2 } },
    ] });
    std::fs::write(folder.path().join(".farport/calls.json"), calls.to_string()).unwrap();
    let call = |words: &[&str]| {
        let args = [&["call", &server.url, "--saved"][..], words].concat();
        run(farport(folder.path(), args).env("FARPORT_CONFIG_DIR", folder.path()))
    };
    let ended = call(&["rain in Lagos", "days=3", "unit=kelvin"]);
    assert_eq!(
        ended.stdout, "{\"city\":\"Lagos\",\"days\":3,\"unit\":\"kelvin\"}\n",
        "{ended:?}"
    );
    let ended = call(&["rain in lagos"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("did you mean `rain in Lagos`?"),
        "{ended:?}"
    );
}

#[test]
fn a_result_is_printed_as_the_server_wrote_it() {
    let server = Scripted::start();
    let ended = ask(&["call", &server.url, "weather", "city=012", "--raw"]);
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(result["content"][0]["text"], r#"{"city":"012"}"#);
    let ended = ask(&["call", &server.url, "weather", "city=012", "--text"]);
    assert_eq!(ended.stdout, "{\"city\":\"012\"}\n", "{ended:?}");
}

#[test]
fn a_trace_has_every_message_and_no_secret() {
    let server = Scripted::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.ndjson");
    let given = path.display().to_string();
    let header = "Authorization: Bearer s3cret";
    let words = [
        "weather",
        "city=Lagos",
        "--trace",
        &given,
        "--header",
        header,
    ];
    let ended = ask(&[&["call", &server.url][..], &words].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let trace = std::fs::read_to_string(path).unwrap();
    assert!(!trace.contains("s3cret"), "{trace}");
    let lines: Vec<Value> = trace
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sent = |line: &&Value| line["kind"] == "message" && line["direction"] == "sent";
    let methods: Vec<_> = lines
        .iter()
        .filter(sent)
        .map(|line| &line["message"]["method"])
        .collect();
    assert_eq!(methods, ["server/discover", "tools/list", "tools/call"]);
    assert!(
        lines
            .iter()
            .any(|line| line["event"] == "response" && line["status"] == 200)
    );
}

#[test]
fn notifications_are_lines_of_json_until_ctrl_c() {
    let server = Scripted::start();
    let config = tempfile::tempdir().unwrap();
    let args = ["watch", &server.url, "--resource", "file:///notes.txt"];
    let mut watch =
        Running::start(farport(config.path(), args).env("FARPORT_CONFIG_DIR", config.path()));
    let line = watch.wait_for("acknowledged", SOON);
    let first: Value = serde_json::from_str(&line).unwrap();
    let wanted = &first["params"]["notifications"];
    assert_eq!(
        wanted["resourceSubscriptions"],
        json!(["file:///notes.txt"])
    );
    let line = watch.wait_for("list_changed", SOON);
    let second: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(second["method"], "notifications/tools/list_changed");
    watch.wait_for("farport subscribes again", SOON);
    watch.wait_for("list_changed", SOON);
    watch.signal(Signal::INT);
    let (status, _) = watch.end(SOON);
    assert!(status.success(), "{status}");
}

#[test]
fn in_a_session_a_subscription_outlives_the_stream_of_notifications() {
    let server = Scripted::in_sessions();
    let config = tempfile::tempdir().unwrap();
    let args = [
        "watch",
        &server.url,
        "--resource",
        "file:///notes.txt",
        "--read",
        "--level",
        "debug",
    ];
    let mut watch =
        Running::start(farport(config.path(), args).env("FARPORT_CONFIG_DIR", config.path()));
    // The first stream ends after a notification of each kind. farport opens another one.
    watch.wait_for("stream 2", SOON);
    watch.wait_for("buy milk", SOON);
    let printed: Vec<Value> = watch
        .seen
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for expected in [
        json!({ "method": "notifications/resources/updated",
            "params": { "uri": "file:///notes.txt" } }),
        json!({ "method": "notifications/message",
            "params": { "level": "debug", "data": "stream 1" } }),
        json!({ "resource": "file:///notes.txt",
            "result": { "contents": [{ "uri": "file:///notes.txt", "text": "buy milk" }] } }),
    ] {
        assert!(printed.contains(&expected), "{expected}: {printed:#?}");
    }
    watch.signal(Signal::INT);
    let (status, _) = watch.end(SOON);
    assert!(status.success(), "{status}");
}

/// Runs `farport shell` with commands on standard input.
fn shell(url: &str, commands: &str) -> Ended {
    let config = tempfile::tempdir().unwrap();
    let mut command = farport(Path::new("/"), ["shell", url]);
    command
        .env("FARPORT_CONFIG_DIR", config.path())
        .stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(commands.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_shell_reads_commands_over_one_connection() {
    let mut demo = Running::start(&mut farport(Path::new("/"), ["demo", "--port", "0"]));
    let url = format!("{}/mcp", demo.origin(SOON));
    let commands =
        "add a=2 b=3\n\ncall add a:=4 b='5'\nresources\ntools add\nrpc tools/list {}\nquit\nadd";
    let ended = shell(&url, commands);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(
        lines[..3],
        ["5", "9", "add(a: number, b: number)"],
        "{ended:?}"
    );
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(last["tools"][0]["name"], "add");
    for (commands, code, message) in [
        (
            "power a=1\nadd a=1 b=1\n",
            5,
            "the server has no tool `power`",
        ),
        ("add a='1\n", 2, "a quote is not closed"),
        ("read\n", 2, "`read` needs the URI of a resource"),
        ("add a=x b=1", 2, "argument `a` must be number"),
    ] {
        let ended = shell(&url, commands);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(code), ""),
            "{commands}: {ended:?}"
        );
        assert!(ended.stderr.contains(message), "{commands}: {ended:?}");
    }
}

#[test]
fn tools_arguments_and_values_are_completed_from_the_last_list() {
    let server = Scripted::start();
    let config = tempfile::tempdir().unwrap();
    let complete = |words: &[&str]| {
        let args = ["--", "farport"].iter().chain(words);
        let mut command = farport(config.path(), args);
        command
            .env("FARPORT_CONFIG_DIR", config.path())
            .env("FARPORT_COMPLETE", "fish");
        let ended = succeed(&mut command);
        let candidates = ended
            .stdout
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        candidates.collect::<Vec<_>>().join(" ")
    };
    let url = server.url.as_str();
    assert_eq!(complete(&["call", url, "wea"]), "");
    succeed(farport(config.path(), ["tools", url]).env("FARPORT_CONFIG_DIR", config.path()));
    for (words, expected) in [
        (&["call", url, "wea"][..], "weather"),
        (&["tools", url, "a"], "ask"),
        (&["call", url, "weather", "c"], "city="),
        (
            &["call", url, "weather", "city=x", "unit="],
            "unit=celsius unit=kelvin",
        ),
        (&["call", "--json", url, "weather", "unit=k"], "unit=kelvin"),
        (&["call", "http://other.example/mcp", "wea"], ""),
        (&["doct"], "doctor"),
    ] {
        assert_eq!(complete(words), expected, "{words:?}");
    }
}

#[test]
fn text_stays_text_and_is_no_integer() {
    let server = Scripted::start();
    let ended = ask(&["call", &server.url, "weather", "city=012", "days=12"]);
    assert_eq!(
        ended.stdout, "{\"city\":\"012\",\"days\":12}\n",
        "{ended:?}"
    );
    let ended = ask(&["call", &server.url, "weather", "city=x", "days=012"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let message = "argument `days` must be integer, not `012`";
    assert!(ended.stderr.contains(message), "{ended:?}");
}

/// A web server whose every response is a page.
fn web_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The request fits into one read.
            let _ = std::io::Read::read(&mut stream, &mut [0; 65536]).unwrap();
            let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\nHi!\n";
            stream.write_all(page.as_bytes()).unwrap();
        }
    });
    url
}

/// A server whose tool `slow` reports progress for longer than a second, and whose other tools say nothing.
fn slow_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let serve = |mut stream: std::net::TcpStream| {
        let Some(asked) = crate::stand_in::Asked::read(&mut stream) else {
            return;
        };
        let request = asked.json();
        let result = match request["method"].as_str().unwrap_or_default() {
            "server/discover" => json!({
                "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            }),
            "tools/list" => json!({
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                "tools": [
                    { "name": "slow", "inputSchema": { "type": "object" } },
                    { "name": "silent", "inputSchema": { "type": "object" } },
                ],
            }),
            _ => {
                json!({ "resultType": "complete", "content": [{ "type": "text", "text": "done" }] })
            }
        };
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let send = |stream: &mut std::net::TcpStream, message: &Value| {
            // The client may have closed the connection.
            let _ = stream.write_all(format!("data: {message}\n\n").as_bytes());
        };
        let params = &request["params"];
        if params["name"] == "silent" {
            // The client closes the connection.
            let _ = std::io::Read::read(&mut stream, &mut [0; 1]);
            return;
        }
        if params["name"] == "slow" {
            for progress in 1..=6 {
                std::thread::sleep(std::time::Duration::from_millis(300));
                let params = json!({ "progressToken": params["_meta"]["progressToken"], "progress": progress, "total": 6 });
                send(
                    &mut stream,
                    &json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }),
                );
            }
        }
        send(
            &mut stream,
            &json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
        );
    };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    url
}

#[test]
fn progress_starts_the_time_limit_again_and_silence_ends_the_call() {
    let url = slow_server();
    let ended = ask(&["call", &url, "slow", "--timeout", "1"]);
    assert_eq!(
        (ended.code, ended.stdout.trim()),
        (Some(0), "done"),
        "{ended:?}"
    );
    let ended = ask(&["call", &url, "silent", "--timeout", "1"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(4), ""),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("no response within 1 s"), "{ended:?}");
}

#[test]
fn a_server_that_violates_the_protocol_is_exit_code_6() {
    let url = web_server();
    for args in [
        &["tools", &url][..],
        &["call", &url, "add"],
        &["doctor", &url],
    ] {
        let ended = ask(args);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(6), ""),
            "{args:?}: {ended:?}"
        );
    }
}
