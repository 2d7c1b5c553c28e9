//! Snapshots of the output of every command, in `tests/snapshots`. To write them again, run
//! `SNAPSHOTS=overwrite cargo test -p farport-cli --test it snapshots`.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;
use snapbox::{Assert, Data};
use tempfile::TempDir;

use crate::deploy;
use crate::scripted::Scripted;
use crate::support::{farport, run, write};

/// Compares a text with a snapshot.
#[track_caller]
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/snapshots")
        .join(name);
    Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .normalize_paths(false)
        .eq(text, Data::read_from(&path, None).raw());
}

/// Commands and their output, as in a terminal.
struct Transcript {
    /// A user's home, which is also the current folder.
    home: TempDir,
    text: String,
    /// Values that differ between runs, with their placeholders.
    replace: Vec<(String, &'static str)>,
}

impl Transcript {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().canonicalize().unwrap().display().to_string();
        Self {
            home,
            text: String::new(),
            replace: vec![
                (folder, "[FOLDER]"),
                (env!("CARGO_BIN_EXE_farport").to_owned(), "[FARPORT]"),
                (env!("CARGO_PKG_VERSION").to_owned(), "[VERSION]"),
            ],
        }
    }

    /// Runs a command in a folder below the home, and adds it with its output.
    fn run_in(&mut self, folder: &str, args: &[&str]) -> &mut Self {
        let folder = self.home.path().canonicalize().unwrap().join(folder);
        let mut command = farport(&folder, args);
        command
            .env("HOME", self.home.path().canonicalize().unwrap())
            .env("FARPORT_CONFIG_DIR", self.home.path().join("config"))
            .env("MCP_REMOTE_CONFIG_DIR", self.home.path().join("config"));
        for name in ["XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"] {
            command.env_remove(name);
        }
        let ended = run(&mut command);
        let words = args.iter().map(|arg| {
            if arg.contains([' ', '$', '"', '\'']) {
                format!(" '{arg}'")
            } else {
                format!(" {arg}")
            }
        });
        let mut shown = format!("$ farport{}\n", words.collect::<String>());
        shown.push_str(&ended.stdout);
        shown.push_str(&ended.stderr);
        if ended.code != Some(0) {
            writeln!(shown, "[exit code {}]", ended.code.unwrap()).unwrap();
        }
        if let Some((before, name)) = shown.split_once("in use by `") {
            // The name of a process depends on the system.
            let (_, after) = name.split_once('`').unwrap();
            shown = format!("{before}in use by `[PROCESS]`{after}");
        }
        for (value, placeholder) in &self.replace {
            shown = shown.replace(value, placeholder);
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&shown);
        self
    }

    fn run(&mut self, args: &[&str]) -> &mut Self {
        self.run_in("", args)
    }

    /// Runs a command whose output is not part of the snapshot.
    fn prepare(&self, args: &[&str]) -> String {
        let ended = run(&mut farport(self.home.path(), args));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout
    }

    fn file(&self, path: &str, text: &str) {
        write(self.home.path().join(path), text);
    }

    #[track_caller]
    fn assert(&self, name: &str) {
        assert_snapshot(name, &self.text);
    }
}

#[test]
fn help() {
    for (name, commands) in [
        ("farport", &[&[][..]][..]),
        ("demo", &[&["demo"]]),
        ("new", &[&["new"]]),
        ("dev", &[&["dev"]]),
        ("deploy", &[&["deploy"]]),
        (
            "secret",
            &[
                &["secret"],
                &["secret", "put"],
                &["secret", "list"],
                &["secret", "delete"],
            ],
        ),
        ("tail", &[&["tail"]]),
        ("connect", &[&["connect"]]),
        ("tools", &[&["tools"]]),
        ("call", &[&["call"]]),
        ("resources", &[&["resources"]]),
        ("read", &[&["read"]]),
        ("prompts", &[&["prompts"]]),
        ("prompt", &[&["prompt"]]),
        ("rpc", &[&["rpc"]]),
        ("watch", &[&["watch"]]),
        ("shell", &[&["shell"]]),
        ("doctor", &[&["doctor"]]),
        ("test", &[&["test"]]),
        ("inspect", &[&["inspect"]]),
        ("playground", &[&["playground"]]),
        ("chat", &[&["chat"]]),
        ("add", &[&["add"]]),
        ("remove", &[&["remove"]]),
        ("login", &[&["login"]]),
        ("logout", &[&["logout"]]),
        ("status", &[&["status"]]),
        (
            "tokens",
            &[
                &["tokens"],
                &["tokens", "create"],
                &["tokens", "list"],
                &["tokens", "revoke"],
            ],
        ),
        (
            "grants",
            &[&["grants"], &["grants", "list"], &["grants", "revoke"]],
        ),
        ("completions", &[&["completions"]]),
    ] {
        let mut transcript = Transcript::new();
        for command in commands {
            transcript.run(&[command, &["--help"][..]].concat());
        }
        transcript.assert(&format!("help/{name}.txt"));
    }
}

#[test]
fn errors_of_the_command_line() {
    Transcript::new()
        .run(&["fly"])
        .run(&["new"])
        .run(&["connect"])
        .run(&["logout"])
        .run(&["tokens", "create"])
        .run(&["demo", "--port", "70000"])
        .run(&["demo", "--auth", "gitlab"])
        .run(&["add", "notion", "example", "https://mcp.example.com/mcp"])
        .run(&["new", "server", "--path-deps", "--registry-deps"])
        .assert("errors/command-line.txt");
}

#[test]
fn errors_of_demo_and_dev() {
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = used.local_addr().unwrap().port().to_string();
    let mut transcript = Transcript::new();
    transcript.replace.extend([
        (std::process::id().to_string(), "[PID]"),
        (port.clone(), "[PORT]"),
    ]);
    transcript.file("crate/Cargo.toml", "[package]\nname = \"server\"\n");
    transcript
        .run(&["demo", "--port", &port])
        .run(&["demo", "--port", "0", "--auth", "api-token"])
        .run(&[
            "demo",
            "--port",
            "0",
            "--auth",
            "dev-login",
            "--issuer",
            "https://id.example",
        ])
        .run(&["dev"])
        .run_in("crate", &["dev", "--worker", "--inspect"])
        .run_in("crate", &["dev", "--port", &port])
        .assert("errors/demo-and-dev.txt");
}

#[test]
fn errors_of_new() {
    let transcript = &mut Transcript::new();
    transcript.file("existing/notes.txt", "mine");
    transcript.file("empty/notes.txt", "");
    transcript
        .run(&["new", "existing"])
        .run(&["new", "existing/notes.txt"])
        .run(&["new", "2fast"])
        .run(&["new", "rmcp"])
        .run(&["new", "server", "--template", "nothing"])
        .run(&["new", "server", "--template", "empty"])
        .run(&["new", "server", "--template", "slack", "--target", "worker"])
        .run(&["new", "server", "--template", "http://example.com/t.git"])
        .run(&[
            "new",
            "server",
            "--template",
            "https://example.com/t.git#-x",
        ])
        .assert("errors/new.txt");
}

#[test]
fn errors_of_deploy() {
    let transcript = &mut Transcript::new();
    transcript.file("crate/Cargo.toml", "[package]\nname = \"server\"\n");
    transcript
        .run(&["deploy"])
        .run(&["secret", "list"])
        .run(&["secret", "put", "TOKEN=s3cret"])
        .run_in("crate", &["deploy"])
        .run_in("crate", &["tail"])
        .run_in(
            "crate",
            &["deploy", "--target", "docker", "--env", "staging"],
        )
        .assert("errors/deploy.txt");
}

#[test]
fn errors_of_connect_and_login() {
    let url = "https://mcp.example.com/mcp";
    Transcript::new()
        .run(&["connect", "mcp.example.com/mcp"])
        .run(&["login", "localhost:8787/mcp"])
        .run(&["logout", "mcp.example.com"])
        .run(&["login", url, "--header", "s3cret"])
        .run(&[
            "login",
            url,
            "--header",
            "Authorization: ${NO_SUCH_VARIABLE}",
        ])
        .run(&["login", url, "--header-file", "missing.txt"])
        .run(&["login", url, "--authorize-param", "audience"])
        .run(&["login", url, "--auth-success-url", "nowhere"])
        .run(&["login", url, "--static-oauth-client-metadata", "["])
        .assert("errors/connect-and-login.txt");
}

#[test]
fn errors_of_add_and_remove() {
    let url = "https://mcp.example.com/mcp";
    let transcript = &mut Transcript::new();
    transcript.file(".cursor/mcp.json", "{");
    transcript.file(".config/goose/config.yaml", "extensions: {a: b}\n");
    transcript
        .run(&["add", "zed", "example", "mcp.example.com/mcp"])
        .run(&["add", "zed", "a/b", url])
        .run(&["add", "claude", "example", url, "--project"])
        .run(&["add", "zed", "example", url, "--", "--transport", "pigeon"])
        .run(&["add", "goose", "example", url])
        .run(&["add", "cursor", "example", url])
        .run(&["remove", "zed", "example"])
        .assert("errors/add-and-remove.txt");
}

#[test]
fn errors_of_tokens_and_grants() {
    let transcript = &mut Transcript::new();
    let store = ["--store", "sqlite:farport.db"];
    transcript.prepare(&[&["tokens", "create", "ci"][..], &store].concat());
    transcript
        .run(&["tokens", "list"])
        .run(&[&["tokens", "revoke", "unknown"][..], &store].concat())
        .run(&[&["tokens", "create", "ci", "--scope", "a\"b"][..], &store].concat())
        .run(&[&["grants", "revoke", "unknown"][..], &store].concat())
        .run(&[&["grants", "revoke"][..], &store].concat())
        .run(&["tokens", "list", "--store", "farport.db"])
        .assert("errors/tokens-and-grants.txt");
}

#[test]
fn output_of_new() {
    let transcript = &mut Transcript::new();
    transcript
        .run(&["new", "my-mcp-server", "--no-git", "--registry-deps"])
        .run(&[
            "new",
            "my-worker",
            "--target",
            "worker",
            "--no-git",
            "--registry-deps",
        ])
        .run(&[
            "new",
            "servers/weather",
            "--no-git",
            "--registry-deps",
            "--json",
        ])
        .assert("output/new.txt");
}

#[test]
fn output_of_deploy() {
    let (_root, folder) = deploy::project(false);
    let transcript = &mut Transcript::new();
    // The first command creates Cargo.lock, which cargo reports.
    run(&mut farport(
        &folder,
        ["deploy", "--dry-run", "--target", "docker"],
    ));
    for target in ["docker", "systemd", "fly"] {
        transcript.run_in(
            folder.to_str().unwrap(),
            &["deploy", "--dry-run", "--target", target],
        );
    }
    // The project is not in the home.
    transcript.text = transcript.text.replace(
        &folder
            .parent()
            .unwrap()
            .canonicalize()
            .unwrap()
            .display()
            .to_string(),
        "[FOLDER]",
    );
    transcript.assert("output/deploy.txt");
}

#[test]
fn output_of_status_and_logout() {
    let transcript = &mut Transcript::new();
    transcript
        .run(&["status"])
        .run(&["status", "--json"])
        .run(&["logout", "https://mcp.example.com/mcp"])
        .run(&["logout", "--all"]);
    let record = |server: &str, tokens: serde_json::Value| {
        json!({
            "server": server,
            "authorization_server": {"issuer": "https://id.example"},
            "resource": null,
            "headers": ["X-Team"],
            "client": null,
            "tokens": tokens,
        })
        .to_string()
    };
    let tokens = json!({"access": "s3cret", "scopes": ["notes:read", "notes:write"]});
    let expired = json!({"access": "s3cret", "scopes": [], "expires_at": 1});
    transcript.file(
        "config/sign-ins/a1.json",
        &record("https://mcp.example.com/mcp", tokens),
    );
    transcript.file(
        "config/sign-ins/b2.json",
        &record("https://other.example/mcp?key=s3cret", expired),
    );
    transcript
        .run(&["status"])
        .run(&["status", "--json"])
        .assert("output/status-and-logout.txt");
    assert!(!transcript.text.contains("s3cret"));
}

#[test]
fn output_of_add_and_remove() {
    let url = "https://mcp.example.com/mcp";
    let transcript = &mut Transcript::new();
    transcript.file(".cursor/mcp.json", "{\n  \"theme\": 1\n}\n");
    for client in ["claude", "cursor", "vscode", "codex", "goose", "opencode"] {
        transcript.run(&["add", client, "example", url, "--print"]);
    }
    transcript
        .run(&["add", "cursor", "example", url])
        .run(&["add", "cursor", "example", url])
        .run(&["add", "zed", "example", url])
        .run(&["remove", "cursor", "example"])
        .run(&["add", "cursor", "example", url, "--project"])
        .assert("output/add-and-remove.txt");
}

#[test]
fn output_of_tokens_and_grants() {
    let transcript = &mut Transcript::new();
    let store = ["--store", "sqlite:farport.db"];
    let created = [&["tokens", "create", "ci", "--json"][..], &store].concat();
    let created: serde_json::Value = serde_json::from_str(&transcript.prepare(&created)).unwrap();
    let id = created["id"].as_str().unwrap().to_owned();
    transcript.replace.push((id.clone(), "[ID]"));
    transcript
        .run(&[&["tokens", "revoke", &id][..], &store].concat())
        .run(&[&["tokens", "list"][..], &store].concat())
        .run(&[&["tokens", "list", "--json"][..], &store].concat())
        .run(&[&["grants", "list"][..], &store].concat())
        .run(&[&["grants", "revoke", "--all"][..], &store].concat())
        .assert("output/tokens-and-grants.txt");
}

#[test]
fn output_of_requests() {
    let server = Scripted::start();
    let transcript = &mut Transcript::new();
    transcript.replace.push((server.url.clone(), "[URL]"));
    let url = server.url.as_str();
    transcript.file(
        ".farport/calls.json",
        r#"{"calls": [{"name": "Lagos", "tool": "weather", "arguments": {"city": "Lagos"}}]}"#,
    );
    transcript
        .run(&["tools", url])
        .run(&["tools", url, "weather"])
        .run(&["tools", url, "weather", "--schema"])
        .run(&["tools", url, "ask", "--json"])
        .run(&["call", url, "weather", "city=012", "days=2"])
        .run(&["call", url, "weather", "city=Lagos", "--json"])
        .run(&["call", url, "--saved", "Lagos", "unit=kelvin"])
        .run(&["call", url, "ask", "--answer", "name=Ada"])
        .run(&["call", url, "ask", "--decline"])
        .run(&["resources", url])
        .run(&["resources", url, "--json"])
        .run(&["prompts", url])
        .run(&["rpc", url, "server/discover"])
        .run(&["shell", url])
        .assert("output/requests.txt");
}

#[test]
fn errors_of_requests() {
    let server = Scripted::start();
    let transcript = &mut Transcript::new();
    transcript.replace.push((server.url.clone(), "[URL]"));
    let url = server.url.as_str();
    transcript
        .run(&["tools"])
        .run(&["tools", "localhost:1/mcp"])
        .run(&["tools", "http://mcp.example.com/mcp"])
        .run(&["tools", url, "--schema"])
        .run(&["tools", url, "--header", "Authorization"])
        .run(&["tools", url, "--era", "session", "--revision", "2025-06-18"])
        .run(&["call", url])
        .run(&["call", url, "wether"])
        .run(&["call", url, "wether", "--json"])
        .run(&["call", url, "weather"])
        .run(&["call", url, "weather", "city"])
        .run(&["call", url, "weather", "city=x", "cty=y"])
        .run(&["call", url, "weather", "city=x", "days=012"])
        .run(&["call", url, "weather", "city=x", "unit=f"])
        .run(&["call", url, "weather", "days:={"])
        .run(&["call", url, "weather", "city=@none.txt"])
        .run(&["call", url, "weather", "--args", "[]"])
        .run(&["call", url, "--saved", "Lagos"])
        .run(&["call", url, "ask"])
        .run(&["read", url])
        .run(&["read", url, "file:///notes.txt"])
        .run(&["prompt", url])
        .run(&["prompt", url, "review", "x:=1"])
        .run(&["rpc", url])
        .run(&["rpc", url, "no/such"])
        .run(&["rpc", url, "ping", "1"])
        .run(&["watch"])
        .run(&["watch", url, "--level", "loud"])
        .run(&["watch", url, "--read"])
        .run(&["shell"])
        .run(&["doctor"])
        .run(&["doctor", url, "--only", "pong"])
        .run(&["test", "--", "true"])
        .run(&["test", url, "--calls"])
        .run(&["test", url, "--only", "ping", "--junit", "none/report.xml"])
        .assert("errors/requests.txt");
}
