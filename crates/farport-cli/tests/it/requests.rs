//! `farport tools`, `call`, `resources`, `read`, `prompts`, `prompt` and `rpc`: one request, its result on
//! standard output, and an exit code that says what happened.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ended, Running, SOON, farport, run, succeed, write};

/// The calculator of `farport demo`, and its URL.
fn calculator(args: &[&str]) -> (Running, String) {
    let args = ["demo", "--port", "0"].iter().chain(args);
    let mut demo = Running::start(&mut farport(Path::new("/"), args));
    let url = format!("{}/mcp", demo.origin(SOON));
    (demo, url)
}

/// Runs `farport COMMAND URL WORDS`, with an empty folder for sign-ins.
fn ask(url: &str, command: &str, words: &[&str]) -> Ended {
    let config = tempfile::tempdir().unwrap();
    let args = [command, url].into_iter().chain(words.iter().copied());
    run(farport(Path::new("/"), args).env("FARPORT_CONFIG_DIR", config.path()))
}

#[test]
fn standard_output_carries_the_result_and_nothing_else() {
    let (_demo, url) = calculator(&[]);
    let sum = "add(a: number, b: number)\n    Adds two numbers.\n";
    for (command, words, expected) in [
        ("call", &["add", "a=23", "b=19"][..], "42\n"),
        ("call", &["add", "a:=23", "b:=19"], "42\n"),
        ("call", &["add", "--args", r#"{"a": 23, "b": 19}"#], "42\n"),
        ("call", &["add", "--args", r#"{"a": 23}"#, "b=19"], "42\n"),
        (
            "call",
            &["add", "a=1.5", "b=-1", "--era", "session"],
            "0.5\n",
        ),
        (
            "call",
            &["add", "a=1.5", "b=-1", "--era", "modern"],
            "0.5\n",
        ),
        ("rpc", &["ping", "--era", "session"], "{}\n"),
        ("resources", &[], ""),
        ("prompts", &[], ""),
        (
            "resources",
            &["--json"],
            "{\"resourceTemplates\":[],\"resources\":[]}\n",
        ),
        ("prompts", &["--json"], "[]\n"),
    ] {
        let ended = ask(&url, command, words);
        let got = (ended.code, ended.stdout.as_str());
        assert_eq!(
            got,
            (Some(0), expected),
            "{command} {words:?}: {}",
            ended.stderr
        );
    }
    let listed = ask(&url, "tools", &[]).stdout;
    assert!(listed.starts_with(sum), "{listed}");
    let described = ask(&url, "tools", &["add"]).stdout;
    assert!(
        described.contains("  a  The first number.\n"),
        "{described}"
    );
    let schema: Value =
        serde_json::from_str(&ask(&url, "tools", &["add", "--schema"]).stdout).unwrap();
    assert_eq!(schema["required"], json!(["a", "b"]));
    let names: Value = serde_json::from_str(&ask(&url, "tools", &["--json"]).stdout).unwrap();
    assert_eq!(names[0]["name"], "add");
    let result: Value =
        serde_json::from_str(&ask(&url, "call", &["add", "a=1", "b=2", "--json"]).stdout).unwrap();
    assert_eq!(result["content"][0]["text"], "3");
}

#[test]
fn the_exit_code_says_what_happened() {
    let (_demo, url) = calculator(&[]);
    let (_locked, locked) = calculator(&["--auth", "dev-login"]);
    let divide = ["calculate", "a=1", "b=0", "operation=divide"];
    for (url, command, words, code, message) in [
        (
            url.as_str(),
            "call",
            &["add", "a=1"][..],
            2,
            "requires the argument `b`",
        ),
        (
            &url,
            "call",
            &["add", "a=x", "b=2"],
            2,
            "argument `a` must be number, not `x`",
        ),
        (
            &url,
            "call",
            &["add", "a", "b=2"],
            2,
            "`a` is not NAME=VALUE",
        ),
        (
            &url,
            "call",
            &["calculate", "a=1", "b=2", "operation=pow"],
            2,
            "one of: add",
        ),
        (
            &url,
            "call",
            &["add", "--args", "[]"],
            2,
            "--args is not a JSON object",
        ),
        (&url, "call", &[], 2, "no tool given"),
        (
            &url,
            "call",
            &["ad", "a=1", "b=2"],
            5,
            "did you mean `add`?",
        ),
        (
            &url,
            "call",
            &["power", "a=1"],
            5,
            "`farport tools URL` lists them",
        ),
        (&url, "call", &divide, 5, "Cannot divide by zero"),
        (
            &url,
            "tools",
            &["power"],
            5,
            "the server has no tool `power`",
        ),
        (
            &url,
            "prompt",
            &["review"],
            1,
            "the server answered with an error",
        ),
        (
            &url,
            "read",
            &["file:///x"],
            1,
            "the server answered with an error",
        ),
        (&url, "rpc", &["no/such"], 1, "-32601"),
        (&locked, "call", &["add", "a=1", "b=2"], 3, "farport login"),
        (&locked, "tools", &["--no-input"], 3, "farport login"),
        ("http://127.0.0.1:1/mcp", "tools", &[], 4, "cannot reach"),
        (
            "localhost:1/mcp",
            "tools",
            &[],
            2,
            "did you mean http://localhost:1/mcp?",
        ),
    ] {
        let ended = ask(url, command, words);
        let case = format!("{command} {words:?}: {ended:?}");
        assert_eq!(ended.code, Some(code), "{case}");
        assert!(ended.stderr.contains(message), "{case}");
        assert_eq!(ended.stdout, "", "{case}");
    }
    // A web server that knows no MCP.
    let health = url.replace("/mcp", "/health");
    let ended = ask(&health, "tools", &[]);
    assert!(matches!(ended.code, Some(4 | 6)), "{ended:?}");
    // A tool's error as JSON is a result, and the code still says that the tool failed.
    let ended = ask(&url, "call", &[&divide[..], &["--json"]].concat());
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &result["isError"]), (Some(5), &json!(true)));
}

#[test]
fn a_local_server_is_started_and_stopped() {
    let (_demo, url) = calculator(&[]);
    let local = [
        "--",
        env!("CARGO_BIN_EXE_farport"),
        "connect",
        &url,
        "--silent",
    ];
    for (command, words, expected) in [
        ("call", &["add", "a=2", "b=3"][..], "5\n"),
        ("tools", &["add"], "add(a: number, b: number)"),
    ] {
        let args = [command]
            .into_iter()
            .chain(words.iter().copied())
            .chain(local);
        let config = tempfile::tempdir().unwrap();
        let mut asked = farport(Path::new("/"), args);
        let ended = succeed(asked.env("FARPORT_CONFIG_DIR", config.path()));
        assert!(ended.stdout.starts_with(expected), "{ended:?}");
    }
    let missing = run(&mut farport(
        Path::new("/"),
        ["tools", "--", "no-such-program"],
    ));
    assert_eq!(missing.code, Some(4), "{missing:?}");
}

#[test]
fn many_calls_are_timed() {
    let (_demo, url) = calculator(&[]);
    let many = [
        "add",
        "a=1",
        "b=2",
        "--repeat",
        "20",
        "--concurrency",
        "4",
        "--json",
    ];
    let ended = ask(&url, "call", &many);
    let table: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!((&table["calls"], &table["failed"]), (&json!(20), &json!(0)));
    assert!(
        table["p50_ms"].as_f64() <= table["max_ms"].as_f64(),
        "{table}"
    );
    let failing = [
        "calculate",
        "a=1",
        "b=0",
        "operation=divide",
        "--repeat",
        "3",
    ];
    let ended = ask(&url, "call", &failing);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stderr.contains("3 of 3 calls failed"), "{ended:?}");
}

#[test]
fn arguments_and_results_are_files() {
    let (_demo, url) = calculator(&[]);
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.json"), folder.path().join("out"));
    std::fs::write(&input, r#"{"a": 40, "b": 2}"#).unwrap();
    let given = format!("@{}", input.display());
    let written = output.display().to_string();
    let ended = ask(
        &url,
        "call",
        &["add", "--args", &given, "--output", &written],
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), ""),
        "{ended:?}"
    );
    assert_eq!(std::fs::read(&output).unwrap(), b"42");
}

/// A home with these servers in a client's configuration.
fn home(servers: &Value) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let config = json!({ "mcpServers": servers });
    write(home.path().join(".cursor/mcp.json"), &config.to_string());
    home
}

/// Runs a command in such a home.
fn at_home(home: &Path, args: &[&str]) -> Ended {
    let mut command = farport(home, args);
    for name in ["XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"] {
        command.env_remove(name);
    }
    command
        .env("HOME", home)
        .env("FARPORT_CONFIG_DIR", home.join("config"))
        .env("MCP_REMOTE_CONFIG_DIR", home.join("config"));
    run(&mut command)
}

#[test]
fn every_command_takes_the_name_of_a_saved_server() {
    let (_demo, url) = calculator(&[]);
    // A program whose arguments do not show a URL of their own is started.
    let program = format!(
        "exec '{}' connect \"$0\" --silent",
        env!("CARGO_BIN_EXE_farport")
    );
    let home = home(&json!({
        "remote": { "url": url },
        "bridge": { "command": "farport", "args": ["connect", url] },
        "local": { "command": "sh", "args": ["-c", program, url] },
    }));
    let sign_in = json!({
        "server": url, "authorization_server": { "issuer": url }, "resource": null, "headers": [],
        "client": null, "tokens": { "access": "s3cret", "scopes": [] },
    });
    write(
        home.path().join("config/sign-ins/a1.json"),
        &sign_in.to_string(),
    );
    for name in ["remote", "cursor:remote", "bridge", "local", "localhost"] {
        for (command, words, expected) in [
            ("tools", &["add"][..], "add(a: number, b: number)\n"),
            ("call", &["add", "a=2", "b=3"], "5\n"),
            ("rpc", &["ping", "--era", "session"], "{}\n"),
        ] {
            let ended = at_home(home.path(), &[&[command, name], words].concat());
            assert_eq!(ended.code, Some(0), "{command} {name}: {}", ended.stderr);
            assert!(ended.stdout.starts_with(expected), "{name}: {ended:?}");
        }
    }
    for (command, words) in [
        ("resources", &[][..]),
        ("prompts", &[]),
        ("shell", &[]),
        ("doctor", &["--only", "ping"]),
        ("test", &["--only", "ping"]),
    ] {
        let ended = at_home(home.path(), &[&[command, "remote"], words].concat());
        assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
    }
    // The server answers that it has neither, so the name was understood.
    for (command, word) in [("read", "file:///none"), ("prompt", "none")] {
        let ended = at_home(home.path(), &[command, "remote", word]);
        assert!(!matches!(ended.code, Some(0 | 2..=4)), "{ended:?}");
    }
    let ended = at_home(home.path(), &["doctor", "local", "--only", "ping"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("no findings"), "{ended:?}");
}

#[test]
fn a_name_that_is_not_saved_is_an_invalid_argument() {
    let home = home(&json!({
        "mine": { "url": "http://127.0.0.1:9/mcp" },
        "asks": { "url": "http://127.0.0.1:9/mcp", "headers": { "X-A": "${input:a}" } },
    }));
    for (args, code, message) in [
        (&["tools", "mime"][..], 2, "did you mean mine?"),
        (
            &["tools", "nothing"],
            2,
            "no saved server is named `nothing`",
        ),
        (
            &["watch", "nothing"],
            2,
            "no saved server is named `nothing`",
        ),
        (&["tools", "asks"], 2, "value of the header X-A"),
        (&["tools", "asks", "--header", "x-a: 1"], 4, "127.0.0.1:9"),
        (&["tools", "mine"], 4, "127.0.0.1:9"),
        (
            &["tools", "mine:9/mcp"],
            2,
            "the URL mine:9/mcp has no scheme",
        ),
        (&["chat", "mine", "add"], 4, "127.0.0.1:9"),
        (&["chat", "add"], 2, "no server given"),
        (
            &["chat", "mine", "add", "two"],
            2,
            "no saved server is named `add`: write the question in",
        ),
        (
            &["playground", "--no-open", "nothing"],
            1,
            "no saved server is named `nothing`",
        ),
    ] {
        let ended = at_home(home.path(), args);
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(message), "{args:?}: {ended:?}");
    }
    let ended = at_home(home.path(), &["tools", "mime", "--json"]);
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["error"], "no saved server is named `mime`");
}
