//! Permissions: other callers do not see a tool in lists, and their calls are refused.

use farport::{DevLogin, Server, anyone, login_in, scope};
use serde_json::{Value, json};

use crate::support::{
    browser::token,
    client::{Client, modern, request, text, tool},
    era::{ERAS, Era, Sse, bearing},
    server::{Running, start_vault},
};

fn rules(server: Server) -> Server {
    server
        .auth(DevLogin)
        .permit("write", scope("write"))
        .permit("both", scope("read").and(scope("write")))
        .permit("shown", scope("write").listed())
        .permit("ann's", login_in(["ann"]))
        .permit_prompt("closed", scope("prompts"))
        .permit_resource("note://closed/*", scope("notes"))
}

async fn ruled() -> Running {
    start_vault(rules).await
}

/// A server with a public tool.
async fn mixed() -> Running {
    start_vault(|server| rules(server).public("public")).await
}

/// The token of a user who granted these scopes to the client.
async fn scoped(server: &Running, name: &str, scopes: &str) -> String {
    match scopes {
        "" => token(server.address, name, &[]).await,
        scopes => token(server.address, name, &[("scope", scopes)]).await,
    }
}

fn insufficient(server: &Running, era: Era, scopes: &str) -> String {
    let path = if era == Era::Sse { "sse" } else { "mcp" };
    format!(
        "Bearer error=\"insufficient_scope\", \
         error_description=\"This request needs scopes that the token does not have\", scope=\"{scopes}\", \
         resource_metadata=\"http://localhost:{}/.well-known/oauth-protected-resource/{path}\"",
        server.address.port()
    )
}

fn names<'a>(message: &'a Value, member: &str, named: &str) -> Vec<&'a str> {
    let entries = message["result"][member].as_array();
    let entries = entries.unwrap_or_else(|| panic!("no {member} in {message}"));
    let names = entries.iter().map(|entry| entry[named].as_str().unwrap());
    names.collect()
}

#[tokio::test]
async fn a_list_contains_what_the_caller_may_use_in_every_era() {
    let server = mixed().await;
    let (ann, bob) = (
        scoped(&server, "ann", "").await,
        scoped(&server, "bob", "write prompts notes").await,
    );
    let open = ["whoami", "headers", "public", "shown", "ann's"];
    let everything = ["whoami", "headers", "public", "write", "shown"];
    for (token, tools, all) in [
        (None, &["public", "shown"][..], None),
        (Some(&*ann), &open[..], Some(false)),
        (Some(&*bob), &everything[..], Some(true)),
    ] {
        for era in ERAS {
            let list = async |method: &str| {
                let asked = era.ask(server.address, token, method, json!({}));
                asked.await.message
            };
            assert_eq!(
                names(&list("tools/list").await, "tools", "name"),
                tools,
                "{era:?}"
            );
            for (method, member, named, open, closed) in [
                ("prompts/list", "prompts", "name", "open", "closed"),
                (
                    "resources/list",
                    "resources",
                    "uri",
                    "note://open/1",
                    "note://closed/1",
                ),
                (
                    "resources/templates/list",
                    "resourceTemplates",
                    "uriTemplate",
                    "note://open/{id}",
                    "note://closed/{id}",
                ),
            ] {
                let expect = match all {
                    None => vec![],
                    Some(false) => vec![open],
                    Some(true) => vec![open, closed],
                };
                assert_eq!(
                    names(&list(method).await, member, named),
                    expect,
                    "{era:?} {method}"
                );
            }
        }
    }
}

/// Requests that require a scope, with that scope.
fn scoped_requests(era: Era) -> Vec<(&'static str, Value, &'static str)> {
    let closed = json!({ "uri": "note://closed/1" });
    let complete = |about| json!({ "ref": about, "argument": { "name": "x", "value": "" } });
    let mut all = vec![
        ("tools/call", tool("write", json!({})), "write"),
        ("tools/call", tool("both", json!({})), "read write"),
        ("tools/call", tool("shown", json!({})), "write"),
        ("prompts/get", json!({ "name": "closed" }), "prompts"),
        ("resources/read", closed.clone(), "notes"),
        (
            "resources/read",
            json!({ "uri": "NOTE://closed//%31" }),
            "notes",
        ),
        (
            "completion/complete",
            complete(json!({ "type": "ref/prompt", "name": "closed" })),
            "prompts",
        ),
        (
            "completion/complete",
            complete(json!({ "type": "ref/resource", "uri": "note://closed/{id}" })),
            "notes",
        ),
    ];
    match era {
        Era::Modern => {
            let wanted = json!({ "resourceSubscriptions": ["note://open/1", "note://closed/1"] });
            let params = json!({ "notifications": wanted });
            all.push(("subscriptions/listen", params, "notes"));
        }
        Era::Session | Era::Sse => {
            all.push(("resources/subscribe", closed.clone(), "notes"));
            all.push(("resources/unsubscribe", closed, "notes"));
        }
    }
    all
}

#[tokio::test]
async fn a_challenge_names_the_missing_scope_in_every_era() {
    let server = ruled().await;
    // The token has one of the required scopes.
    let token = scoped(&server, "ann", "read").await;
    for era in ERAS {
        for (method, params, scopes) in scoped_requests(era) {
            let asked = era.ask(server.address, Some(&token), method, params.clone());
            let refused = asked.await;
            assert_eq!(refused.status, 403, "{era:?} {method} {params}");
            let expect = insufficient(&server, era, scopes);
            assert_eq!(refused.challenge, Some(expect), "{era:?} {method}");
            assert_eq!(refused.message["id"], 1);
            assert_eq!(refused.message["error"]["code"], -32003);
        }
    }
    assert_eq!(server.shop.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_granted_scope_permits_the_call() {
    let server = ruled().await;
    let token = scoped(&server, "ann", "read write prompts notes").await;
    for era in ERAS {
        for (method, params, _) in scoped_requests(era) {
            if method == "subscriptions/listen" {
                let ask = bearing(modern(1, method, params), Some(&token));
                let mut events = ask.to(server.address).await.events();
                let first = events.message().await;
                assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
                continue;
            }
            let asked = era.ask(server.address, Some(&token), method, params.clone());
            let answer = asked.await;
            assert!(
                answer.message["result"].is_object(),
                "{era:?} {method} {params} {:?}",
                answer.message
            );
        }
    }
}

#[tokio::test]
async fn an_error_that_no_scope_solves_has_no_challenge() {
    let server = ruled().await;
    let (ann, bob) = (
        scoped(&server, "ann", "").await,
        scoped(&server, "bob", "write").await,
    );
    for era in ERAS {
        let call = || tool("ann's", json!({}));
        let answer = era
            .ask(server.address, Some(&ann), "tools/call", call())
            .await;
        assert!(text(&answer.message).contains("\"ann\""));
        let refused = era
            .ask(server.address, Some(&bob), "tools/call", call())
            .await;
        assert_eq!((refused.status, refused.challenge), (200, None), "{era:?}");
        assert_eq!(refused.message["error"]["code"], -32003);
        assert_eq!(refused.message["id"], 1);
    }
    let calls = server
        .shop
        .seen()
        .into_iter()
        .filter(|note| note == "tool ann's");
    assert_eq!(calls.count(), ERAS.len());
}

#[tokio::test]
async fn a_request_that_the_policy_cannot_read_is_refused() {
    let server = ruled().await;
    let token = scoped(&server, "ann", "").await;
    for (method, params) in [
        (
            "subscriptions/listen",
            json!({ "notifications": [true, true, true, ["note://closed/1"]] }),
        ),
        (
            "completion/complete",
            json!({
                "ref": ["ref/prompt", "closed", "Closed"],
                "argument": { "name": "x", "value": "" },
            }),
        ),
    ] {
        let refused = Era::Modern
            .ask(server.address, Some(&token), method, params)
            .await;
        assert_eq!(refused.message["error"]["code"], -32003, "{method}");
    }
    assert_eq!(server.shop.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn each_entry_of_a_batch_has_its_own_verdict() {
    let server = ruled().await;
    let token = scoped(&server, "bob", "read").await;
    let call = |id, name| request(id, "tools/call", tool(name, json!({})));
    let batch = json!([call(1, "write"), call(2, "whoami"), call(3, "ann's")]);
    let client = Client::open_bearing(server.address, "2025-03-26", Some(&token)).await;
    let answer = client.post(&batch).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("www-authenticate"), None);
    let answers = answer.json().await;
    assert_eq!(answers[0]["error"]["code"], -32003);
    assert!(text(&answers[1]).contains("\"bob\""));
    assert_eq!(answers[2]["error"]["code"], -32003);
    let calls: Vec<_> = server
        .shop
        .seen()
        .into_iter()
        .filter(|note| note.starts_with("tool "))
        .collect();
    assert_eq!(calls, ["tool whoami"]);
}

#[tokio::test]
async fn a_public_tool_requires_no_token() {
    let server = mixed().await;
    let token = scoped(&server, "ann", "").await;
    for era in ERAS {
        for (token, name, expect) in [
            (None, "public", Some("anonymous")),
            (Some(&*token), "public", Some("ann")),
            (None, "whoami", None),
            (Some(&*token), "whoami", Some("ann")),
        ] {
            let call = tool(name, json!({}));
            let answer = era.ask(server.address, token, "tools/call", call).await;
            match expect {
                Some(who) => assert!(text(&answer.message).contains(who), "{era:?} {name}"),
                None => {
                    assert_eq!(answer.status, 401, "{era:?} {name}");
                    let challenge = answer.challenge.unwrap();
                    assert!(
                        challenge.starts_with("Bearer resource_metadata="),
                        "{challenge}"
                    );
                    assert_eq!(answer.message["id"], 1);
                }
            }
        }
        // The server does not treat a bad token like no token.
        let ask = modern(1, "tools/call", tool("public", json!({})));
        let refused = bearing(ask, Some("nonsense")).status(server.address).await;
        assert_eq!(refused, 401);
    }
}

#[tokio::test]
async fn a_challenge_without_a_token_names_the_scopes() {
    let server = mixed().await;
    for era in ERAS {
        for (method, params, scopes) in scoped_requests(era) {
            let refused = era.ask(server.address, None, method, params).await;
            assert_eq!(refused.status, 401, "{era:?} {method}");
            let challenge = refused.challenge.unwrap();
            let expect = format!("Bearer scope=\"{scopes}\", resource_metadata=");
            assert!(challenge.starts_with(&expect), "{challenge}");
        }
    }
}

#[tokio::test]
async fn a_pattern_with_a_star_matches_a_prefix() {
    let server = start_vault(|server| {
        let server = server.auth(DevLogin).permit("*", scope("all"));
        server.permit_prompt("*", anyone())
    })
    .await;
    let token = scoped(&server, "ann", "").await;
    let listed = Era::Modern
        .ask(server.address, Some(&token), "tools/list", json!({}))
        .await;
    assert_eq!(names(&listed.message, "tools", "name"), Vec::<&str>::new());
    // An unknown tool is like a forbidden one.
    for name in ["write", "nothing"] {
        let call = tool(name, json!({}));
        let refused = Era::Modern
            .ask(server.address, Some(&token), "tools/call", call)
            .await;
        assert_eq!(
            refused.challenge,
            Some(insufficient(&server, Era::Modern, "all"))
        );
    }
    let got = Era::Modern.ask(
        server.address,
        None,
        "prompts/get",
        json!({ "name": "closed" }),
    );
    assert!(got.await.message["result"].is_object());
}

#[tokio::test]
async fn a_request_for_a_legacy_stream_is_refused_in_its_response() {
    let server = ruled().await;
    let token = scoped(&server, "ann", "").await;
    let mut stream = Sse::open(server.address, Some(&token)).await;
    let call = |id, name| request(id, "tools/call", tool(name, json!({})));
    let refused = stream.posting(&call(1, "write")).to(server.address).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        stream
            .posting(&call(2, "whoami"))
            .status(server.address)
            .await,
        202
    );
    // The refusal is not on the stream.
    assert_eq!(stream.events.message().await["id"], 2);
}
