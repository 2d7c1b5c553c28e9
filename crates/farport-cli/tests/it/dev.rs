//! `farport dev`. The first test always runs; the others build a whole crate.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    BUILD, Running, SOON, add_tool_of_readme, agent, ask, build_folder, call, eventually, farport,
    generate, one_at_a_time, run, write,
};

fn dev(made: &Path) -> Running {
    Running::start(farport(made, ["dev", "--port", "0"]).env("CARGO_TARGET_DIR", build_folder()))
}

/// Changes a file of a crate.
fn edit(path: PathBuf, from: &str, to: &str) {
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{path:?} has no {from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Sends requests to a server until it is stopped, each on a new connection.
struct Poller {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    failures: thread::JoinHandle<Vec<String>>,
}

impl Poller {
    fn start(origin: &str) -> Self {
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (stopped, count, origin) = (Arc::clone(&stop), Arc::clone(&sent), origin.to_owned());
        let failures = thread::spawn(move || {
            let agent = agent();
            let mut failures = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                match agent.get(format!("{origin}/health")).call() {
                    Ok(answer) if answer.status() == 200 => {}
                    Ok(answer) => failures.push(answer.status().to_string()),
                    Err(error) => failures.push(error.to_string()),
                }
                if let Err(error) = call(
                    &origin,
                    "calculate",
                    json!({"operation": "add", "a": 2, "b": 2}),
                ) {
                    failures.push(error);
                }
                count.fetch_add(2, Ordering::Relaxed);
            }
            failures
        });
        Self {
            stop,
            sent,
            failures,
        }
    }

    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.failures.join().unwrap();
        (self.sent.load(Ordering::Relaxed), failures)
    }
}

#[test]
fn a_used_port_is_reported_before_the_build() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("Cargo.toml"), "this would stop cargo");
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let ended = run(&mut farport(
        folder.path(),
        ["dev", "--port", &port.to_string()],
    ));
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains(&format!("cannot listen on port {port}: in use by `")),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("--port 0"), "{}", ended.stderr);
}

/// A client with a session.
struct Session(String);

impl Session {
    fn send(origin: &str, session: Option<&str>, message: &Value) -> (u16, Option<String>) {
        let mut request = agent()
            .post(format!("{origin}/mcp"))
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream");
        if let Some(session) = session {
            request = request.header("Mcp-Session-Id", session);
        }
        let answer = request.send(message.to_string()).unwrap();
        let session = answer.headers().get("mcp-session-id");
        let session = session.map(|id| id.to_str().unwrap().to_owned());
        (answer.status().as_u16(), session)
    }

    fn open(origin: &str) -> Self {
        let opening = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "tester", "version": "1"}}});
        let (status, session) = Self::send(origin, None, &opening);
        assert_eq!(status, 200);
        Self(session.unwrap())
    }

    fn assert_open(&self, origin: &str) {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        assert_eq!(Self::send(origin, Some(&self.0), &request).0, 200);
    }
}

#[test]
#[ignore = "builds a crate"]
fn a_change_is_served_without_a_connection_refused() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "swapped-server");
    let mut dev = dev(&made);
    let origin = dev.origin(BUILD);
    dev.wait_for("Watching", SOON);
    assert!(call(&origin, "power", json!({"base": 2, "exponent": 10})).is_err());

    let session = Session::open(&origin);
    let pollers = [(); 2].map(|()| Poller::start(&origin));
    add_tool_of_readme(&made);
    let line = dev.wait_for("Reloaded in", BUILD);
    assert!(
        line.ends_with(" s after a change in src/calculator.rs"),
        "{line}"
    );
    assert_eq!(
        call(&origin, "power", json!({"base": 2, "exponent": 10})).unwrap(),
        "1024"
    );

    // Reloads without a build, one right after another.
    for seconds in 3..8 {
        write(
            made.join("farport.toml"),
            &format!("shutdown_grace_secs = {seconds}\n"),
        );
        dev.wait_for("Reloaded in", BUILD);
        session.assert_open(&origin);
    }
    assert!(made.join(".farport/farport.db").is_file());

    // A build error appears once, and the previous version keeps serving.
    edit(made.join("src/calculator.rs"), "a + b", "a + unheard_of");
    dev.wait_for("Build failed. Still serving the previous version.", BUILD);
    assert_eq!(
        call(&origin, "power", json!({"base": 2, "exponent": 3})).unwrap(),
        "8"
    );
    assert_eq!(call(&origin, "add", json!({"a": 2, "b": 3})).unwrap(), "5");
    for (sent, failures) in pollers.map(Poller::end) {
        assert_eq!(failures, Vec::<String>::new(), "of {sent}");
        assert!(sent > 20, "{sent}");
    }
    dev.signal(Signal::INT);
    let (status, said) = dev.end(SOON);
    assert_eq!(status.code(), Some(0));
    // Reloads are quiet: the URLs appear once, and no server reports that it stops.
    let urls = said.iter().filter(|line| line.contains("Ready on"));
    assert!(urls.count() <= 1, "{said:#?}");
    assert!(
        !said.iter().any(|line| line.contains("stopping")),
        "{said:#?}"
    );
    // Each request is one line at `info`.
    let requests = said.iter().filter(|line| {
        [
            " INFO ",
            "tools/call",
            "calculate",
            "status=200",
            "duration_ms=",
        ]
        .iter()
        .all(|part| line.contains(part))
    });
    assert!(requests.count() > 10, "{said:#?}");
    for (part, times) in [
        ("could not compile", 1),
        ("error[E0425]", 2),
        ("Build failed", 1),
    ] {
        let lines = said.iter().filter(|line| line.contains(part)).count();
        // The sum appears in two places.
        assert_eq!(lines, times, "{part}\n{said:#?}");
    }
    assert!(
        TcpStream::connect(origin.trim_start_matches("http://")).is_err(),
        "nothing is left"
    );
}

#[test]
#[ignore = "builds a crate"]
fn the_old_server_keeps_serving_if_the_new_one_fails_and_settings_restart_it() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "stubborn-server");
    edit(
        made.join("src/main.rs"),
        "    farport::Server",
        "    let key = std::env::var(\"UPSTREAM_KEY\").unwrap_or_default();\n    \
         eprintln!(\"key is {key}\");\n    \
         if key == \"bad\" {\n        std::process::exit(3);\n    }\n    farport::Server",
    );
    write(made.join(".dev.vars"), "UPSTREAM_KEY=first\n");
    let mut dev = dev(&made);
    dev.wait_for("key is first", BUILD);
    let origin = dev.origin(SOON);
    dev.wait_for("Watching", SOON);

    write(made.join(".dev.vars"), "UPSTREAM_KEY=bad\n");
    dev.wait_for(
        "The new server did not start (exit status: 3). Still serving the previous version.",
        BUILD,
    );
    assert!(ask(&origin, "tools/list", None, json!({})).is_ok());

    write(made.join(".dev.vars"), "no assignment, hunter2\n");
    let line = dev.wait_for("The new server did not start", BUILD);
    assert!(
        line.contains("invalid line 1 in") && !line.contains("hunter2"),
        "{line}"
    );
    assert!(ask(&origin, "tools/list", None, json!({})).is_ok());

    write(made.join(".dev.vars"), "UPSTREAM_KEY='second one'\n");
    dev.wait_for("key is second one", BUILD);
    dev.wait_for("Reloaded in", SOON);

    // A file that is not part of the server.
    write(made.join("notes.txt"), "remember");
    dev.wait_for("Nothing to reload after a change in notes.txt", BUILD);

    // If farport is killed, its server ends, too.
    dev.signal(Signal::KILL);
    let address = origin.trim_start_matches("http://").to_owned();
    eventually("the server has ended", SOON, || {
        TcpStream::connect(&address).is_err()
    });
}

#[test]
#[ignore = "builds a crate"]
fn a_server_that_exits_starts_again_at_the_next_change() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "fragile-server");
    edit(
        made.join("src/calculator.rs"),
        "(a + b).to_string()",
        "std::process::exit(a as i32 + b as i32)",
    );
    let mut dev = dev(&made);
    let origin = dev.origin(BUILD);
    dev.wait_for("Watching", SOON);

    assert!(call(&origin, "add", json!({"a": 3, "b": 4})).is_err());
    let line = dev.wait_for("The server exited", SOON);
    assert!(line.contains("exit status: 7"), "{line}");

    // Until then, a connection waits.
    let waiting = {
        let origin = origin.clone();
        thread::spawn(move || {
            let agent = ureq::Agent::config_builder()
                .timeout_global(Some(BUILD))
                .build()
                .new_agent();
            agent
                .get(format!("{origin}/health"))
                .call()
                .map(|answer| answer.status().as_u16())
        })
    };
    thread::sleep(Duration::from_millis(100));
    assert!(!waiting.is_finished());
    edit(
        made.join("src/calculator.rs"),
        "std::process::exit(a as i32 + b as i32)",
        "(a + b).to_string()",
    );
    dev.wait_for("Reloaded in", BUILD);
    assert_eq!(waiting.join().unwrap().unwrap(), 200);
    assert_eq!(call(&origin, "add", json!({"a": 3, "b": 4})).unwrap(), "7");

    dev.signal(Signal::TERM);
    let (status, _) = dev.end(SOON);
    assert_eq!(status.code(), Some(0));
    assert!(
        TcpStream::connect(origin.trim_start_matches("http://")).is_err(),
        "nothing is left"
    );
}

#[test]
#[ignore = "builds a crate"]
fn ctrl_c_during_a_build_leaves_nothing_running() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "waiting-server");
    // A build that reports its start and never ends.
    let pid_file = folder.path().join("pid");
    write(
        made.join("build.rs"),
        &format!(
            "fn main() {{\n    std::fs::write({pid_file:?}, std::process::id().to_string()).unwrap();\n    \
             loop {{ std::thread::park(); }}\n}}\n"
        ),
    );
    let dev = dev(&made);
    eventually("the build has started", BUILD, || {
        fs::read(&pid_file).is_ok_and(|pid| !pid.is_empty())
    });
    let pid = fs::read_to_string(&pid_file).unwrap();

    dev.signal(Signal::INT);
    let (status, said) = dev.end(SOON);

    assert_eq!(status.code(), Some(0), "{said:#?}");
    eventually("the build has ended", SOON, || {
        !Path::new("/proc").join(&pid).join("exe").exists()
    });
}
