//! `check`: a server that keeps every rule has no finding, and one that breaks a rule has that finding.

#[cfg(unix)]
mod local;
mod site;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use farport_client::check::{CheckOptions, Outcome, RULES, Report, Selection, check};
use farport_client::{Options, Store, User};
use serde_json::json;

use crate::support::provider::Provider;
use crate::support::{Answer, Feed, Reply, Reports, Server, Visitor};
use site::Site;

async fn checked(origin: &str, settings: &CheckOptions) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(&format!("{origin}/mcp"), false).unwrap();
    let user = User::new(Reports::default(), Visitor);
    let report = check(&options, Store::at(folder.path()), user, settings).await;
    report.unwrap()
}

fn found(report: &Report) -> BTreeSet<&'static str> {
    let findings = report.findings();
    findings.iter().map(|finding| finding.rule.id).collect()
}

/// A server that breaks one rule, or none.
async fn serve(broken: &'static str) -> Server {
    let site = Arc::new(Site::new(broken));
    let open: Arc<Mutex<Vec<Feed>>> = Arc::default();
    Server::start(move |origin, seen| {
        let answer = site.answer(origin, seen);
        let asks = seen.body.contains("\"ping\"") || seen.body.contains("server/discover");
        if broken == "stream-end" && asks && answer.0 == 200 {
            let (reply, feed) = Reply::stream(200);
            feed.send(format!("data: {}\n\n", answer.2));
            open.lock().unwrap().push(feed);
            return reply;
        }
        answer.into()
    })
    .await
}

fn with_calls() -> CheckOptions {
    let mut settings = CheckOptions::default();
    let arguments = json!({ "a": 1 }).as_object().unwrap().clone();
    settings.calls = vec![("add".to_owned(), arguments)];
    settings
}

#[tokio::test]
async fn a_server_that_keeps_the_rules_has_no_findings_and_none_of_its_tools_is_called() {
    let server = serve("").await;
    let report = checked(&server.origin, &CheckOptions::default()).await;
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
    assert!(report.findings().is_empty(), "{:#?}", report.findings());
    let revisions = [
        "2026-07-28",
        "2025-11-25",
        "2025-06-18",
        "2025-03-26",
        "2024-11-05",
    ];
    assert_eq!(report.revisions, revisions);
    assert_eq!(server.count("tools/call"), 0);
    assert!(!report.has_errors());

    let report = checked(&server.origin, &with_calls()).await;
    assert!(report.findings().is_empty(), "{:#?}", report.findings());
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn each_broken_rule_is_found() {
    // The rule, and others that break with it.
    for (rule, others) in [
        ("initialize", &[][..]),
        ("negotiation", &[]),
        ("discover", &[]),
        ("unsupported-version", &[]),
        ("envelope", &["batch"]),
        ("ping", &[]),
        ("unknown-method", &[]),
        ("invalid-params", &[]),
        ("parse-error", &[]),
        ("batch", &[]),
        ("no-batch", &[]),
        ("meta", &[]),
        ("result-type", &[]),
        ("caching", &[]),
        ("lists", &[]),
        ("origin", &[]),
        ("host", &[]),
        ("accept", &[]),
        ("content-type", &[]),
        ("response-type", &[]),
        ("stream", &[]),
        ("stream-end", &[]),
        ("notification", &[]),
        ("get", &[]),
        ("get-accept", &[]),
        ("http-methods", &[]),
        ("session-id", &[]),
        ("session-id-random", &[]),
        ("session-required", &[]),
        ("session-unknown", &["session-delete"]),
        ("session-delete", &[]),
        ("version-header", &[]),
        ("header-version", &[]),
        ("header-method", &[]),
        ("header-name", &[]),
        ("no-session", &[]),
        ("post-only", &[]),
        ("tool-name", &[]),
        ("tool-unique", &[]),
        ("tool-description", &[]),
        ("input-schema", &[]),
        ("valid-schema", &[]),
        ("required-properties", &[]),
        ("schema-references", &[]),
        ("output-schema", &[]),
        ("annotations", &[]),
        ("x-mcp-header", &[]),
        ("structured-content", &[]),
        ("call-result", &[]),
        ("large-body", &[]),
        ("deep-json", &[]),
    ] {
        let server = serve(rule).await;
        let mut settings = with_calls();
        // The others have the same rules as 2025-11-25.
        settings.revisions = ["2026-07-28", "2025-11-25", "2025-03-26"]
            .map(str::to_owned)
            .into();
        let limits = ["limits".to_owned()];
        settings.selection = match rule {
            // Each stream that stays open costs two seconds.
            "stream-end" => Selection::new(&[rule.to_owned()], &[]),
            "large-body" | "deep-json" => Selection::new(&[], &[]),
            // Large bodies take most of the time.
            _ => Selection::new(&[], &limits),
        }
        .unwrap();
        let report = checked(&server.origin, &settings).await;
        let mut expected: BTreeSet<_> = others.iter().copied().collect();
        expected.insert(rule);
        let findings = report.findings();
        assert_eq!(
            found(&report),
            expected,
            "{rule}: {findings:#?} {:?}",
            report.stopped
        );
        for finding in &findings {
            assert!(!finding.saw.is_empty(), "{rule}");
        }
    }
}

/// A server that requires a sign-in, and its own authorization server.
async fn protected(broken: &'static str) -> Provider {
    let site = Site::new(broken);
    Provider::start(move |origin, seen, known| site.protected(origin, seen, known)).await
}

#[tokio::test]
async fn each_broken_rule_of_the_sign_in_is_found() {
    for (rule, completes) in [
        ("", true),
        ("challenge", true),
        ("challenge-metadata", true),
        ("resource-metadata", true),
        ("resource", false),
        ("resource-exact", true),
        ("server-metadata", false),
        ("issuer", true),
        ("pkce", true),
        ("https", false),
        ("registration", false),
        ("bad-token", true),
        ("query-token", true),
    ] {
        let provider = protected(rule).await;
        let report = checked(&provider.server.origin, &CheckOptions::default()).await;
        let mut expected = BTreeSet::from([rule]);
        expected.remove("");
        if rule == "challenge" {
            expected.insert("challenge-metadata");
        }
        let details = format!("{rule}: {:#?} {:?}", report.findings(), report.stopped);
        assert_eq!(found(&report), expected, "{details}");
        assert_eq!(report.stopped.is_none(), completes, "{details}");
    }
}

#[tokio::test]
async fn only_the_selected_rules_are_checked() {
    let server = serve("ping").await;
    for (only, skip, finds) in [
        (&["ping"][..], &[][..], true),
        (&["protocol"], &[], true),
        (&["transport"], &[], false),
        (&[], &["ping"], false),
        (&["protocol"], &["ping"], false),
    ] {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let mut settings = CheckOptions::default();
        settings.selection = Selection::new(&names(only), &names(skip)).unwrap();
        let report = checked(&server.origin, &settings).await;
        assert_eq!(!report.findings().is_empty(), finds, "{only:?} {skip:?}");
        let has = |checked: &farport_client::check::Checked| settings.selection.has(checked.rule);
        assert!(report.checked.iter().all(has));
    }
    let unknown = Selection::new(&["pong".to_owned()], &[]).unwrap_err();
    assert_eq!(unknown, "pong");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_is_none_stops_the_check() {
    let report = checked("http://127.0.0.1:1", &CheckOptions::default()).await;
    let stopped = report.stopped.unwrap();
    assert!(
        matches!(stopped, farport_client::Error::Unreachable { .. }),
        "{stopped}"
    );
    let server = Server::start(|_, _| crate::support::Answer::status(404)).await;
    let report = checked(&server.origin, &CheckOptions::default()).await;
    let stopped = report.stopped.unwrap();
    assert!(
        matches!(stopped, farport_client::Error::Version { .. }),
        "{stopped}"
    );
}

/// HTTP+SSE: a stream whose first event is `first`, and which carries the responses.
async fn serve_stream(first: &'static str) -> Server {
    let open: Arc<Mutex<Option<Feed>>> = Arc::default();
    Server::start(move |_, seen| {
        let mut open = open.lock().unwrap();
        let json = seen.json();
        match (&*seen.method, &*seen.path) {
            ("GET", _) => {
                let (reply, feed) = Reply::stream(200);
                feed.send(first);
                *open = Some(feed);
                return reply;
            }
            ("POST", "/message") if json["id"].is_null() => {}
            ("POST", "/message") => {
                let mut response = json!({ "jsonrpc": "2.0", "id": json["id"] });
                match json["method"].as_str().unwrap() {
                    "initialize" => {
                        response["result"] = json!({
                            "protocolVersion": "2024-11-05",
                            "capabilities": {},
                            "serverInfo": { "name": "site", "version": "1" },
                        })
                    }
                    "ping" => response["result"] = json!({}),
                    _ => response["error"] = json!({ "code": -32601, "message": "unknown" }),
                }
                open.as_ref().unwrap().event(&response);
            }
            _ => return Answer::status(405).into(),
        }
        Answer::status(202).into()
    })
    .await
}

#[tokio::test]
async fn the_transport_of_2024_is_checked_at_the_url_of_its_stream() {
    for (first, finds) in [
        ("event: endpoint\ndata: /message\n\n", &[][..]),
        (
            "event: endpoint\ndata: https://a.example/message\n\n",
            &["endpoint"],
        ),
        ("data: {}\n\n", &["endpoint"]),
    ] {
        let server = serve_stream(first).await;
        let report = checked(&server.origin, &CheckOptions::default()).await;
        assert!(report.stopped.is_none(), "{first}: {:?}", report.stopped);
        assert_eq!(report.revisions, ["2024-11-05"]);
        let found: Vec<_> = found(&report).into_iter().collect();
        assert_eq!(found, finds, "{first}");
    }
}

/// Each rule has a test above, or a reason.
#[tokio::test]
async fn every_rule_is_checked_on_a_server_with_everything() {
    let mut seen = BTreeSet::new();
    let kept = |report: &Report| {
        let checked = report.checked.iter();
        let judged = checked.filter(|checked| !matches!(checked.outcome, Outcome::Skipped(_)));
        judged.map(|checked| checked.rule.id).collect::<Vec<_>>()
    };
    for broken in ["", "stream", "post-only"] {
        let server = serve(broken).await;
        seen.extend(kept(&checked(&server.origin, &with_calls()).await));
    }
    let provider = protected("").await;
    seen.extend(kept(
        &checked(&provider.server.origin, &CheckOptions::default()).await,
    ));
    let server = serve_stream("event: endpoint\ndata: /message\n\n").await;
    seen.extend(kept(
        &checked(&server.origin, &CheckOptions::default()).await,
    ));
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    // `local` has the tests of the rules for standard input and output.
    seen.extend(["stdout", "stdin-end"]);
    assert_eq!(seen, all);
}
