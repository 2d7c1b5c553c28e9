//! The program is stopped, killed and replaced; its clients go on.

#![cfg(feature = "server")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const WATCHED: &str = "test://watched-resource";

/// Long enough for anything, short enough to fail by.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that keeps its state in a file.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(database: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_farport-fixture"))
            .args(["--port", "0", "--store"])
            .arg(format!("sqlite:{}", database.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.strip_suffix("/mcp\n"));
        let address = address.unwrap_or_else(|| panic!("it said {line:?}"));
        Self {
            address: address.to_owned(),
            child,
        }
    }

    /// Ends it, giving it no time for anything.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    fn stop(mut self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(asked.success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response as in HTTP/1.0: the body ends with the connection.
struct Response {
    status: u16,
    session: Option<String>,
    body: BufReader<TcpStream>,
}

/// An event of a stream that carries a message.
#[derive(Debug)]
struct Event {
    id: String,
    message: Value,
}

impl Response {
    fn of(stream: TcpStream) -> Self {
        let mut body = BufReader::new(stream);
        let mut line = String::new();
        body.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{line:?}"));
        let status = status.parse().unwrap();
        let mut session = None;
        loop {
            let mut line = String::new();
            body.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            if name.eq_ignore_ascii_case("mcp-session-id") {
                session = Some(value.to_owned());
            }
        }
        Self {
            status,
            session,
            body,
        }
    }

    fn json(mut self) -> Value {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut self.body, &mut text).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}: {text:?}", self.status))
    }

    /// The next event with a message; `None` at the end.
    fn event(&mut self) -> Option<Event> {
        assert_eq!(self.status, 200);
        let (mut id, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.body.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data = value.to_owned(),
                None if !data.is_empty() => {
                    let message = serde_json::from_str(&data).unwrap();
                    return Some(Event { id, message });
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Event {
        self.event().expect("an event, and not the end")
    }

    fn rest(mut self) -> Vec<Value> {
        let events = std::iter::from_fn(|| self.event());
        events.map(|event| event.message).collect()
    }
}

/// A client with a session, which it brings to whatever program there is.
struct Client {
    session: String,
}

fn send(program: &Program, head: &str, session: Option<&str>, body: &str) -> Response {
    let mut stream = TcpStream::connect(&program.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let session = session.map_or(String::new(), |id| format!("Mcp-Session-Id: {id}\r\n"));
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{session}Content-Length: {length}\r\n"
    )
    .unwrap();
    write!(stream, "\r\n{body}").unwrap();
    Response::of(stream)
}

impl Client {
    /// Opens a session, with all that a session remembers.
    fn open(program: &Program) -> Self {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "tester", "version": "1" },
        });
        let opening =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let opened = send(program, "POST /mcp", None, &opening.to_string());
        let client = Self {
            session: opened.session.clone().unwrap(),
        };
        assert_eq!(opened.json()["result"]["protocolVersion"], "2025-11-25");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(client.post(program, &ready).status, 202);
        let level = client.ask(
            program,
            1,
            "logging/setLevel",
            json!({ "level": "warning" }),
        );
        assert_eq!(level.json()["result"], json!({}));
        let watched = client.ask(program, 2, "resources/subscribe", json!({ "uri": WATCHED }));
        assert_eq!(watched.json()["result"], json!({}));
        client
    }

    fn post(&self, program: &Program, message: &Value) -> Response {
        let body = message.to_string();
        send(program, "POST /mcp", Some(&self.session), &body)
    }

    fn ask(&self, program: &Program, id: i64, method: &str, params: Value) -> Response {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.post(program, &message)
    }

    fn call(&self, program: &Program, id: i64, tool: &str, arguments: Value) -> Response {
        let params = json!({
            "name": tool, "arguments": arguments, "_meta": { "progressToken": id },
        });
        self.ask(program, id, "tools/call", params)
    }

    fn listen(&self, program: &Program, last: Option<&str>) -> Response {
        let session = match last {
            Some(last) => format!("{}\r\nLast-Event-ID: {last}", self.session),
            None => self.session.clone(),
        };
        send(program, "GET /mcp", Some(&session), "")
    }

    /// Changes the watched resource.
    fn change(&self, program: &Program) {
        let done = self.call(program, 9, "test_trigger_resource_update", json!({}));
        assert_eq!(done.status, 200);
    }
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("farport.db");
    (folder, database)
}

#[test]
fn a_session_outlives_a_kill_and_its_streams_are_come_back_to() {
    let (_folder, database) = place();
    let program = Program::start(&database);
    let client = Client::open(&program);
    let mut listening = client.listen(&program, None);
    client.change(&program);
    let heard = listening.next();
    assert_eq!(heard.message["method"], "notifications/resources/updated");
    // One call has finished and its first event was received; the other one waits for a response.
    let mut done = client.call(&program, 20, "test_tool_with_progress", json!({}));
    let first = done.next();
    assert_eq!(done.rest().len(), 3);
    let mut waiting = client.call(&program, 21, "test_elicitation", json!({ "message": "?" }));
    let asked = waiting.next();
    assert_eq!(asked.message["method"], "elicitation/create");
    program.kill();

    let began = Instant::now();
    let program = Program::start(&database);
    let tools = client.ask(&program, 30, "tools/list", json!({}));
    assert!(tools.rest_or_json()["result"]["tools"].is_array());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "ready after {took:?}");

    let lost = client.listen(&program, Some(&asked.id)).rest();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(
        (&lost[0]["id"], &lost[0]["error"]["code"]),
        (&json!(21), &json!(-32603))
    );
    let text = lost[0]["error"]["message"].as_str().unwrap();
    assert!(text.contains("restarted"), "{text}");

    let rest = client.listen(&program, Some(&first.id)).rest();
    assert_eq!(rest.len(), 3, "{rest:?}");
    assert_eq!(rest[0]["params"]["progress"], 50.0);
    assert_eq!(rest[2]["id"], 20);

    // It hears of what it subscribed to, after what it has heard, and of nothing twice.
    let mut listening = client.listen(&program, Some(&heard.id));
    client.change(&program);
    let again = listening.next();
    assert_eq!(again.message["params"]["uri"], WATCHED);
    let seq = |id: &str| id.split_once('-').unwrap().1.parse::<u64>().unwrap();
    assert!(seq(&again.id) > seq(&heard.id), "{} {}", again.id, heard.id);

    // The log level is what it was.
    let logged = client
        .call(&program, 31, "test_logging_tool", json!({}))
        .rest();
    let levels = logged
        .iter()
        .filter_map(|message| message["params"]["level"].as_str());
    assert_eq!(levels.collect::<Vec<_>>(), ["warning", "error"]);

    // No number comes twice.
    let mut next = client.call(&program, 32, "test_elicitation", json!({ "message": "?" }));
    let next = next.next();
    assert_ne!(next.id, asked.id);
    assert_ne!(next.message["id"], asked.message["id"]);
}

impl Response {
    /// The answer to a request that may be given in either form.
    fn rest_or_json(mut self) -> Value {
        let text = self.body.fill_buf().unwrap();
        if text.first() == Some(&b'{') {
            return self.json();
        }
        self.rest().pop().unwrap()
    }
}

#[test]
fn a_session_survives_a_restart_with_its_unread_events() {
    let (_folder, database) = place();
    let program = Program::start(&database);
    let client = Client::open(&program);
    client.change(&program);
    program.stop();
    for _ in 0..3 {
        let program = Program::start(&database);
        let mut listening = client.listen(&program, None);
        let heard = listening.next();
        assert_eq!(heard.message["params"]["uri"], WATCHED);
        drop(listening);
        client.change(&program);
        program.stop();
    }
}

#[test]
fn a_session_that_was_ended_stays_ended() {
    let (_folder, database) = place();
    let program = Program::start(&database);
    let client = Client::open(&program);
    let ended = send(&program, "DELETE /mcp", Some(&client.session), "");
    assert_eq!(ended.status, 204);
    program.kill();
    let program = Program::start(&database);
    assert_eq!(client.listen(&program, None).status, 404);
}

#[test]
fn a_call_that_the_old_program_still_serves_is_answered_through_the_new_one() {
    let (_folder, database) = place();
    let old = Program::start(&database);
    let client = Client::open(&old);
    let mut waiting = client.call(&old, 21, "test_elicitation", json!({ "message": "?" }));
    let asked = waiting.next();
    let new = Program::start(&database);
    let mut back = client.listen(&new, Some(&asked.id));
    let answer = json!({
        "jsonrpc": "2.0", "id": asked.message["id"],
        "result": { "action": "accept", "content": { "username": "ada" } },
    });
    assert_eq!(client.post(&old, &answer).status, 202);
    let result = back.next();
    assert_eq!(result.message["id"], 21, "{result:?}");
    assert!(result.message["result"].is_object(), "{result:?}");
    assert!(back.event().is_none());
}
