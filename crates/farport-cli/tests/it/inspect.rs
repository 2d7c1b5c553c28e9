//! `farport inspect`: the address that it prints, the page there, and its end.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Running, SOON, agent, farport, run, write};

#[test]
fn the_printed_address_opens_a_page_that_is_connected_to_the_server() {
    let mut demo = Running::start(&mut farport(Path::new("/"), ["demo", "--port", "0"]));
    let server = format!("{}/mcp", demo.origin(SOON));
    let config = tempfile::tempdir().unwrap();
    let mut command = farport(Path::new("/"), ["inspect", "--no-open", &server]);
    let mut inspect = Running::start(command.env("FARPORT_CONFIG_DIR", config.path()));
    let line = inspect.wait_for("#token=", SOON);
    let (page, token) = line.trim().split_once("/#token=").unwrap();
    assert!(page.starts_with("http://127.0.0.1:"), "{page}");

    let html = agent().get(page).call().unwrap();
    let html = html.into_body().read_to_string().unwrap();
    assert!(html.contains("<title>farport inspect</title>"), "{html}");

    let call = |id: u64, method: &str, params: Value| {
        let body = json!({ "id": id, "method": method, "params": params });
        let answer = agent()
            .post(format!("{page}/api/request"))
            .header("Origin", page)
            .header("Sec-Fetch-Site", "same-origin")
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .unwrap();
        serde_json::from_str::<Value>(&answer.into_body().read_to_string().unwrap()).unwrap()
    };
    // A request waits for the connection, which opens at the start.
    let mut id = 1;
    crate::support::eventually("the inspector is connected", SOON, || {
        id += 1;
        call(id, "tools/list", json!({}))["result"]["tools"][0]["name"] == "add"
    });
    let sum = call(
        100,
        "tools/call",
        json!({ "name": "add", "arguments": { "a": 19, "b": 23 } }),
    );
    assert_eq!(sum["result"]["content"][0]["text"], "42", "{sum}");

    inspect.signal(Signal::INT);
    let (status, _) = inspect.end(SOON);
    assert!(status.success(), "{status}");
}

#[test]
fn an_address_that_cannot_be_a_server_is_refused_before_a_page_is_served() {
    for (url, part) in [
        (
            "localhost:8787/mcp",
            "did you mean http://localhost:8787/mcp?",
        ),
        ("http://mcp.example/mcp", "--allow-http"),
    ] {
        let ended = run(&mut farport(Path::new("/"), ["inspect", "--no-open", url]));
        assert_eq!(ended.code, Some(1), "{url}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_page_opens_a_saved_server_by_its_name() {
    let mut demo = Running::start(&mut farport(Path::new("/"), ["demo", "--port", "0"]));
    let server = format!("{}/mcp", demo.origin(SOON));
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("project");
    let entry = |url: &str| json!({ "mcpServers": { "mine": { "url": url } } }).to_string();
    write(home.path().join(".cursor/mcp.json"), &entry(&server));
    write(
        project.join(".mcp.json"),
        &json!({ "mcpServers": { "asks": { "url": server, "headers": { "X-A": "${input:a}" } } } })
            .to_string(),
    );
    let open = |page: &str, name: &str| {
        let mut command = farport(&project, [page, "--no-open", name]);
        command
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env("FARPORT_CONFIG_DIR", home.path().join("farport"));
        command
    };
    let inspect = |name: &str| open("inspect", name);
    for (page, name) in [
        ("inspect", "mine"),
        ("inspect", "cursor:mine"),
        ("playground", "mine"),
    ] {
        let mut running = Running::start(&mut open(page, name));
        running.wait_for("#token=", SOON);
        running.signal(Signal::INT);
        assert!(running.end(SOON).0.success());
    }
    for (name, error, hint) in [
        (
            "mime",
            "no saved server is named `mime`",
            "did you mean mine?",
        ),
        (
            "nothing",
            "no saved server is named `nothing`",
            "write the server's URL",
        ),
        (
            "asks",
            "a file of this folder",
            "write project:claude-code:asks",
        ),
        (
            "project:claude-code:asks",
            "does not contain the value of the header X-A",
            "add it with --header",
        ),
    ] {
        let ended = run(&mut inspect(name));
        assert_eq!(ended.code, Some(1), "{name}");
        assert!(ended.stderr.contains(error), "{}", ended.stderr);
        assert!(ended.stderr.contains(hint), "{}", ended.stderr);
    }
    // The user's other clients may use the same name.
    write(
        home.path().join(".codeium/windsurf/mcp_config.json"),
        &json!({ "mcpServers": { "mine": { "serverUrl": "http://localhost:9/mcp" } } }).to_string(),
    );
    let ended = run(&mut inspect("mine"));
    assert!(ended.stderr.contains("several servers are named `mine`"));
    assert!(
        ended
            .stderr
            .contains("name one of them: cursor:mine, windsurf:mine"),
        "{}",
        ended.stderr
    );
}
