//! `farport doctor` and `farport test`.

use std::path::Path;

use serde_json::{Value, json};

use crate::scripted::Scripted;
use crate::snapshots::assert_snapshot;
use crate::support::{Ended, Running, SOON, farport, run};

/// Runs a command with an empty folder for sign-ins.
fn ask(args: &[&str]) -> Ended {
    let config = tempfile::tempdir().unwrap();
    run(farport(config.path(), args).env("FARPORT_CONFIG_DIR", config.path()))
}

fn calculator(args: &[&str]) -> (Running, String) {
    let args = ["demo", "--port", "0"].iter().chain(args);
    let mut demo = Running::start(&mut farport(Path::new("/"), args));
    let url = format!("{}/mcp", demo.origin(SOON));
    (demo, url)
}

#[test]
fn a_farport_server_has_no_findings_in_any_revision() {
    let (_demo, url) = calculator(&[]);
    let ended = ask(&["doctor", &url]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), ""),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .starts_with("no findings: 0 errors, 0 warnings"),
        "{ended:?}"
    );
    let ended = ask(&["doctor", &url, "--json", "--only", "transport,ping"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["findings"], json!([]));
    assert_eq!(report["revisions"].as_array().unwrap().len(), 5);
}

#[test]
fn findings_have_the_rule_what_farport_saw_and_a_remedy() {
    let server = Scripted::start();
    let ended = ask(&["doctor", &server.url, "--skip", "limits"]);
    assert_eq!(ended.code, Some(6), "{ended:?}");
    let shown = format!("{}\n{}", ended.stdout, ended.stderr);
    assert_snapshot("output/doctor.txt", &shown);
    let strict = ["--only", "tool-description"];
    assert_eq!(
        ask(&[&["doctor", &server.url][..], &strict].concat()).code,
        Some(0)
    );
    let strict = [&["test", &server.url][..], &strict, &["--strict"]].concat();
    assert_eq!(ask(&strict).code, Some(6));
}

#[test]
fn reports_for_ci_are_written_also_when_rules_are_broken() {
    let server = Scripted::start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (junit, sarif) = (path("junit.xml"), path("report.sarif"));
    let only = "tool-description,host,accept,caching,stream";
    let ended = ask(&[
        "test",
        &server.url,
        "--only",
        only,
        "--junit",
        &junit,
        "--sarif",
        &sarif,
        "--json",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&report["errors"], &report["warnings"]),
        (&json!(0), &json!(3))
    );
    let junit = std::fs::read_to_string(junit).unwrap();
    let junit = junit.replace(&server.url, "[URL]");
    assert_snapshot("output/test-junit.xml", &junit);
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(sarif).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!(result["level"], "warning");
    }
}

/// `farport connect` is a local server in front of another one.
#[test]
fn a_local_server_is_checked_over_its_standard_streams() {
    let (_demo, url) = calculator(&[]);
    let bridge = [env!("CARGO_BIN_EXE_farport"), "connect", &url];
    // The bridge takes batches in every revision, as some clients send them.
    let doctor = ["doctor", "--json", "--skip", "no-batch", "--"];
    let ended = ask(&[&doctor[..], &bridge].concat());
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["findings"], json!([]), "{ended:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(report["server"], env!("CARGO_BIN_EXE_farport"));
    assert_eq!(report["revisions"].as_array().unwrap().len(), 5);

    let folder = tempfile::tempdir().unwrap();
    let junit = folder.path().join("junit.xml").display().to_string();
    let greets = [
        "sh",
        "-c",
        "echo Welcome; exec \"$0\" connect \"$1\"",
        bridge[0],
        &url,
    ];
    let ended = ask(&[&["test", "--junit", &junit, "--"][..], &greets].concat());
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(ended.stdout.contains("error: stdout"), "{ended:?}");
    assert!(ended.stdout.contains("saw     \"Welcome\""), "{ended:?}");
    let junit = std::fs::read_to_string(junit).unwrap();
    assert!(junit.contains("name=\"stdout\""), "{junit}");
}

#[test]
fn tools_are_called_on_request_only() {
    let (_demo, url) = calculator(&[]);
    let folder = tempfile::tempdir().unwrap();
    let calls = json!({ "calls": [
        { "name": "one", "tool": "add", "arguments": { "a": 1, "b": 2 } },
        { "name": "gone", "tool": "power", "arguments": {} },
    ] });
    std::fs::create_dir(folder.path().join(".farport")).unwrap();
    std::fs::write(folder.path().join(".farport/calls.json"), calls.to_string()).unwrap();
    let ended = run(&mut farport(
        folder.path(),
        ["test", &url, "--calls", "--only", "call-result"],
    ));
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(
        ended.stdout.contains("there is no tool `power`"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("1 error, 0 warnings, 1 check passed"),
        "{ended:?}"
    );
}

#[test]
fn the_exit_code_says_why_a_server_was_not_checked() {
    let (_locked, locked) = calculator(&["--auth", "dev-login"]);
    for (args, code, message) in [
        (&["doctor"][..], 2, "no server given"),
        (
            &["doctor", &locked, "--only", "pong"],
            2,
            "there is no rule and no area `pong`",
        ),
        (&["doctor", "--", "true"], 4, "exit status: 0"),
        (
            &["test", "--", "farport-no-such-program"],
            4,
            "cannot start",
        ),
        (&["doctor", &locked], 3, "farport login"),
        (&["test", "http://127.0.0.1:1/mcp"], 4, "cannot reach"),
    ] {
        let ended = ask(args);
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(message), "{args:?}: {ended:?}");
    }
    let rules = ask(&["doctor", "--rules"]);
    assert_snapshot("output/doctor-rules.txt", &rules.stdout);
    let rules: Value = serde_json::from_str(&ask(&["test", "--rules", "--json"]).stdout).unwrap();
    assert!(rules.as_array().unwrap().len() > 60);
}
