//! `farport demo`.

use std::net::TcpListener;
use std::path::Path;

use rustix::process::Signal;

use crate::support::{Running, SOON, agent, call, farport, hermetic, run, succeed, write};

/// The flag, the environment and the file each add a sign-in to the demo.
#[test]
fn flag_environment_and_file_can_require_a_sign_in() {
    const DEV: &str = "[auth]\nprovider = \"dev-login\"";
    const GITHUB: &str = "[auth]\nprovider = \"github\"";
    for (flag, variable, file, protected) in [
        (None, None, "", false),
        (Some("dev-login"), None, "", true),
        (None, Some("dev-login"), "", true),
        (None, None, DEV, true),
        (Some("dev-login"), Some("github"), GITHUB, true),
        (None, Some("dev-login"), GITHUB, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path().join("farport.toml"), file);
        let args = ["demo", "--port", "0"].into_iter();
        let args = args.chain(flag.into_iter().flat_map(|how| ["--auth", how]));
        let mut command = farport(folder.path(), args);
        if let Some(variable) = variable {
            command.env("FARPORT_AUTH_PROVIDER", variable);
        }
        let mut demo = Running::start(&mut command);
        let origin = demo.origin(SOON);
        demo.wait_for("Press Ctrl-C to stop.", SOON);
        let case = format!("{flag:?} {variable:?} {file}");
        let curl = demo.seen.iter().any(|line| line.contains("curl "));
        assert_eq!(curl, !protected, "{case}: printed only without a sign-in");
        let called = call(&origin, "add", serde_json::json!({"a": 1, "b": 1}));
        assert_eq!(called.is_err(), protected, "{case}: {called:?}");
        let metadata = format!("{origin}/.well-known/oauth-authorization-server");
        let status = agent().get(metadata).call().unwrap().status();
        assert_eq!(status, if protected { 200 } else { 404 }, "{case}");
        if protected {
            let page = agent().get(format!("{origin}/authorize")).call().unwrap();
            let page = page.into_body().read_to_string().unwrap();
            assert!(page.contains("Protected Calculator"), "{case}: {page}");
        }
    }
}

#[test]
fn an_invalid_sign_in_fails_with_a_hint() {
    for (args, code, mention) in [
        (&["--auth", "api-token"][..], 1, "--auth dev-login"),
        (&["--auth", "google"], 1, "GOOGLE_CLIENT_ID"),
        (&["--auth", "slack"], 1, "SLACK_CLIENT_ID"),
        (
            &["--auth", "dev-login", "--issuer", "https://a"],
            1,
            "--auth oidc",
        ),
        (&["--auth", "gitlab"], 2, "github"),
        (
            &["--auth", "dev-login", "--host", "0.0.0.0"],
            1,
            "FARPORT_PUBLIC_URL",
        ),
    ] {
        let all = ["demo", "--port", "0"].iter().chain(args);
        let ended = run(&mut farport(Path::new("/"), all));
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(mention), "{args:?}: {}", ended.stderr);
    }
}

fn demo() -> Running {
    Running::start(&mut farport(Path::new("/"), ["demo", "--port", "0"]))
}

#[test]
fn a_free_port_is_printed_and_serves_the_calculator() {
    let mut demo = demo();
    let origin = demo.origin(SOON);
    assert!(!origin.ends_with(":0"), "{origin}");
    assert!(
        demo.wait_for("/sse", SOON)
            .contains(&format!("{origin}/sse"))
    );

    for (tool, arguments, text) in [
        ("add", serde_json::json!({"a": 2, "b": 0.5}), "2.5"),
        (
            "calculate",
            serde_json::json!({"operation": "divide", "a": 7, "b": 2}),
            "3.5",
        ),
        (
            "calculate",
            serde_json::json!({"operation": "divide", "a": 7, "b": 0}),
            "Error: Cannot divide by zero",
        ),
    ] {
        assert_eq!(call(&origin, tool, arguments).unwrap(), text);
    }
    let sse = agent().get(format!("{origin}/sse")).call().unwrap();
    assert_eq!(sse.status(), 200);
    assert_eq!(sse.headers()["content-type"], "text/event-stream");
}

#[test]
fn the_curl_line_works_as_printed() {
    let mut demo = demo();
    demo.origin(SOON);
    let line = demo.wait_for("curl ", SOON);
    let answer = succeed(hermetic("sh").args(["-c", &line])).stdout;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "5", "{answer}");
}

#[test]
fn the_demo_prints_commands_to_try() {
    let mut demo = demo();
    let origin = demo.origin(SOON);
    demo.wait_for("Press Ctrl-C to stop.", SOON);
    let said = demo.seen.join("\n");
    for part in [
        format!("farport call {origin}/mcp add a=2 b=3"),
        format!("farport inspect {origin}/mcp"),
        format!("farport connect {origin}/mcp"),
        "farport new my-mcp-server".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}\n{said}");
    }
}

#[test]
fn signals_stop_the_demo() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut demo = demo();
        let origin = demo.origin(SOON);
        demo.signal(signal);
        let (status, said) = demo.end(SOON);
        assert_eq!(status.code(), Some(0), "{signal:?} {said:#?}");
        assert!(agent().get(format!("{origin}/health")).call().is_err());
    }
}

#[test]
fn the_error_for_a_used_port_names_its_process_and_a_fix() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let ended = run(&mut farport(
        Path::new("/"),
        ["demo", "--port", &port.to_string()],
    ));
    assert_eq!(ended.code, Some(1));
    let pid = std::process::id();
    assert!(
        ended
            .stderr
            .starts_with(&format!("error: cannot listen on port {port}: in use by `")),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains(&format!("(pid {pid})")),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("--port 0"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}
