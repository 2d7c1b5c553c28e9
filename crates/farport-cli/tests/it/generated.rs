//! A generated crate builds, passes its tests, serves over HTTP and stdio, and has a correct README. These
//! tests build a whole crate.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{
    BUILD, Running, SOON, TEMPLATES, add_tool_of_readme, build_folder, call, code_blocks, generate,
    generate_from, hermetic, one_at_a_time, succeed,
};

pub(crate) fn cargo(made: &Path, args: &[&str]) -> Command {
    let mut cargo = hermetic(env!("CARGO"));
    cargo
        .args(args)
        .current_dir(made)
        .env("CARGO_TARGET_DIR", build_folder());
    cargo
}

/// The templates whose tests always run. The others only differ from them in the identity provider, and
/// their tests belong to the long tests.
const ALWAYS: [&str; 3] = ["authless", "github", "github-worker"];

#[test]
#[ignore = "builds a crate"]
fn every_template_builds_passes_its_tests_and_is_clean_as_generated() {
    let _alone = one_at_a_time();
    let long = std::env::var_os("FARPORT_LONG_TESTS").is_some_and(|value| value == "1");
    for template in TEMPLATES {
        let folder = tempfile::tempdir().unwrap();
        let made = generate_from(template, folder.path(), &format!("fresh-{template}"));
        succeed(&mut cargo(&made, &["fmt", "--check"]));
        succeed(&mut cargo(
            &made,
            &["clippy", "--all-targets", "--", "--deny", "warnings"],
        ));
        if !long && !ALWAYS.contains(&template) {
            continue;
        }
        succeed(&mut cargo(&made, &["build"]));
        let tests = succeed(&mut cargo(&made, &["test"])).stdout;
        let one = match template {
            "stytch" | "auth0" => "a_user_must_sign_in ... ok",
            _ => "adds_two_numbers ... ok",
        };
        assert!(tests.contains(one), "{template}: {tests}");
    }
}

#[test]
#[ignore = "builds a crate"]
fn its_readme_is_correct() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "true-server");
    add_tool_of_readme(&made);
    let mut server = Running::start(&mut cargo(&made, &["run", "--", "--port", "0"]));
    let origin = server.origin(BUILD);
    assert_eq!(
        call(&origin, "power", json!({"base": 2, "exponent": 10})).unwrap(),
        "1024"
    );

    let readme = std::fs::read_to_string(made.join("README.md")).unwrap();
    let blocks = code_blocks(&readme, "sh");
    let curl = blocks
        .iter()
        .find(|block| block.starts_with("curl "))
        .unwrap();
    let curl = curl.replace("http://localhost:8787", &origin);
    let answer = succeed(hermetic("sh").args(["-c", &curl])).stdout;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "5", "{answer}");

    for block in code_blocks(&readme, "json") {
        serde_json::from_str::<Value>(&block).unwrap();
    }
}

#[test]
#[ignore = "builds a crate"]
fn it_serves_stdio_with_the_flag() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let made = generate(folder.path(), "stdio-server");
    succeed(&mut cargo(&made, &["build"]));
    let mut server = hermetic(build_folder().join("debug/stdio-server"))
        .arg("--stdio")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = server.stdin.take().unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut ask = |message: Value| {
        writeln!(input, "{message}").unwrap();
        serde_json::from_str::<Value>(&output.next().unwrap().unwrap()).unwrap()
    };

    let hello = ask(
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }}),
    );
    assert_eq!(
        hello["result"]["serverInfo"]["name"], "Authless Calculator",
        "{hello}"
    );
    assert_eq!(hello["result"]["serverInfo"]["version"], "1.0.0", "{hello}");
    writeln!(
        input,
        "{}",
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
    )
    .unwrap();
    writeln!(
        input,
        "{}",
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "calculate", "arguments": {"operation": "divide", "a": 1, "b": 0},
        }})
    )
    .unwrap();
    let divided: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
    assert_eq!(divided["result"]["isError"], true, "{divided}");
    assert_eq!(
        divided["result"]["content"][0]["text"], "Error: Cannot divide by zero",
        "{divided}"
    );

    // The server ends with its input.
    drop(input);
    crate::support::eventually("the server ends", SOON, || {
        server.try_wait().unwrap().is_some()
    });
}
