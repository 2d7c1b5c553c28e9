//! Servers that run as child processes.

use std::collections::BTreeSet;
use std::time::Duration;

use farport_client::check::{CheckOptions, Outcome, Report, Selection, check_process};
use farport_client::{Command, Error};
use serde_json::json;

/// A server in both eras that keeps every rule but `$BROKEN`. `$1` of `answer` is the id.
const SERVER: &str = r#"
    answer() { printf '{"jsonrpc":"2.0","id":%s,%s}\n' "$1" "$2"; }
    failed() { answer "$1" "\"error\":{\"code\":$2,\"message\":\"refused\",\"data\":{\"supported\":[\"2026-07-28\"]}}"; }
    breaks() { [ "$BROKEN" = "$1" ]; }
    cached='"resultType":"complete","ttlMs":0,"cacheScope":"private"'
    breaks caching && cached='"resultType":"complete","ttlMs":"x","cacheScope":"private"'
    breaks result-type && cached='"ttlMs":0,"cacheScope":"private"'
    tool='{"name":"add","description":"Adds","inputSchema":{"type":"object"}}'
    breaks tool-description && tool='{"name":"add","inputSchema":{"type":"object"}}'
    info='"serverInfo":{"name":"local","version":"1"}'
    breaks initialize && info='"serverInfo":{"name":"local"}'
    breaks stdout && echo 'Server started'
    version=none
    echo 'listening' >&2
    while read -r line; do
        id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
        case "$line" in
            '['*)
                if { [ "$version" = 2025-03-26 ] && ! breaks batch; } || breaks no-batch; then
                    first=$(printf '%s' "$line" | sed -n 's/\[{[^}]*"id":\([0-9]*\).*/\1/p')
                    printf '[{"jsonrpc":"2.0","id":%s,"result":{}},{"jsonrpc":"2.0","id":%s,"result":{}}]\n' "$first" "$id"
                elif ! breaks batch; then
                    failed null -32600
                fi ;;
            *'"jsonrpc": "2.0",') breaks parse-error && exit 3; failed null -32700 ;;
            *'"initialize"'*)
                asked=$(printf '%s' "$line" | sed -n 's/.*"protocolVersion":"\([^"]*\)".*/\1/p')
                case "$asked" in
                    2025-11-25|2025-03-26) version=$asked ;;
                    *) version=2025-11-25; breaks negotiation && version=2099-01-01 ;;
                esac
                answer "$id" "\"result\":{\"protocolVersion\":\"$version\",\"capabilities\":{\"tools\":{}},$info}" ;;
            *'"2099-01-01"'*) breaks unsupported-version && failed "$id" -32600 || failed "$id" -32022 ;;
            *'"cursor":{}'*) breaks invalid-params && answer "$id" "\"result\":{$cached,\"tools\":[]}" || failed "$id" -32602 ;;
            *'"tools/list"'*) breaks lists && answer "$id" "\"result\":{$cached}" || answer "$id" "\"result\":{$cached,\"tools\":[$tool]}" ;;
            *'"tools/call"'*)
                # A request of the server, which the client refuses.
                printf '{"jsonrpc":"2.0","id":"roots","method":"roots/list"}\n'
                read -r refused
                answer "$id" "\"result\":{\"resultType\":\"complete\",\"content\":[{\"type\":\"text\",\"text\":\"3\"}]}" ;;
            *'"server/discover"'*)
                case "$line" in
                    *clientCapabilities*)
                        breaks envelope && id='"other"'
                        answer "$id" "\"result\":{\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"public\",\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}}}" ;;
                    *) breaks meta && answer "$id" "\"result\":{$cached}" || failed "$id" -32602 ;;
                esac ;;
            *'"ping"'*) breaks ping && answer "$id" '"result":{"pong":true}' || answer "$id" '"result":{}' ;;
            *'"id"'*) breaks unknown-method && answer "$id" '"result":{}' || failed "$id" -32601 ;;
        esac
    done
    breaks stdin-end && sleep 60
    exit 0
"#;

fn server(broken: &str) -> Command {
    Command::new("sh")
        .args(["-c", SERVER])
        .env("BROKEN", broken)
}

fn settings() -> CheckOptions {
    let mut settings = CheckOptions::default();
    let arguments = json!({ "a": 1 }).as_object().unwrap().clone();
    settings.calls = vec![("add".to_owned(), arguments)];
    settings
}

fn found(report: &Report) -> BTreeSet<&'static str> {
    let findings = report.findings();
    findings.iter().map(|finding| finding.rule.id).collect()
}

#[tokio::test]
async fn a_local_server_that_keeps_the_rules_has_no_findings() {
    let report = check_process(&server(""), &settings()).await;
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
    assert!(report.findings().is_empty(), "{:#?}", report.findings());
    assert_eq!(report.revisions, ["2026-07-28", "2025-11-25", "2025-03-26"]);
    let kept = |id: &str| {
        let mut checked = report.checked.iter();
        checked.any(|one| one.rule.id == id && one.outcome == Outcome::Kept)
    };
    assert!(kept("stdout") && kept("stdin-end") && kept("call-result"));
    // HTTP and its statuses are no part of it.
    assert!(report.checked.iter().all(|one| one.rule.id != "origin"));
}

#[tokio::test]
async fn each_rule_that_a_local_server_breaks_is_found() {
    for rule in [
        "initialize",
        "negotiation",
        "unsupported-version",
        "ping",
        "unknown-method",
        "invalid-params",
        "parse-error",
        "batch",
        "no-batch",
        "meta",
        "result-type",
        "caching",
        "lists",
        "tool-description",
        "stdout",
        "stdin-end",
    ] {
        let report = check_process(&server(rule), &settings()).await;
        let mut expected = BTreeSet::from([rule]);
        match rule {
            // It ends the process.
            "parse-error" => expected.insert("stdin-end"),
            // The tool to call is not in the list.
            "lists" => expected.insert("call-result"),
            _ => false,
        };
        assert_eq!(
            found(&report),
            expected,
            "{rule}: {:#?} {:?}",
            report.findings(),
            report.stopped
        );
    }
}

#[tokio::test]
async fn a_response_with_another_id_is_found_without_a_wait() {
    let mut settings = CheckOptions::default();
    settings.timeout = Duration::from_secs(60);
    settings.revisions = vec!["2026-07-28".to_owned()];
    settings.selection = Selection::new(&["envelope".to_owned()], &[]).unwrap();
    let server = server("envelope");
    let work = check_process(&server, &settings);
    let report = tokio::time::timeout(Duration::from_secs(30), work).await;
    let found = found(&report.unwrap());
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["envelope"]);
}

#[tokio::test]
async fn a_program_that_is_no_server_stops_the_check() {
    let settings = CheckOptions::default();
    let report = check_process(&Command::new("farport-no-such-program"), &settings).await;
    assert!(matches!(report.stopped, Some(Error::Process { .. })));
    let ends = Command::new("sh").args(["-c", "echo 'no license' >&2; exit 7"]);
    let report = check_process(&ends, &settings).await;
    let why = report.stopped.unwrap().to_string();
    assert!(why.contains("exit status: 7"), "{why}");
    assert!(why.contains("no license"), "{why}");
}
