//! Sign-in: challenges, tokens, and the user that tools see.

use farport::{ApiToken, DevLogin, Server, anyone, scope};
use serde_json::{Value, json};

use crate::support::{
    browser::{form, token, tokens},
    client::{initialize, modern_call, request, text, tool},
    era::{ERAS, Era, bearing},
    http::Ask,
    server::{Running, start_vault},
    shop::Shop,
    soon,
    vault::Vault,
};

async fn protected() -> Running {
    start_vault(|server| server.auth(DevLogin)).await
}

fn issuer(server: &Running) -> String {
    format!("http://localhost:{}", server.address.port())
}

/// Every endpoint with its resource.
fn ways_in() -> Vec<(&'static str, Ask, &'static str)> {
    let call = request(1, "tools/list", json!({}));
    let opening = initialize("2025-06-18", json!({}));
    vec![
        ("initialize", Ask::post("/mcp").json(&opening), "/mcp"),
        ("modern", modern_call(1, "whoami", json!({})), "/mcp"),
        (
            "batch",
            Ask::post("/mcp").json(&json!([call.clone()])),
            "/mcp",
        ),
        ("no message", Ask::post("/mcp").body("x"), "/mcp"),
        (
            "session",
            Ask::post("/mcp").with("mcp-session-id", "x").json(&call),
            "/mcp",
        ),
        ("listening", Ask::get("/mcp"), "/mcp"),
        ("deletion", Ask::delete("/mcp"), "/mcp"),
        ("sse", Ask::get("/sse"), "/sse"),
        (
            "sse message",
            Ask::post("/sse/message?sessionId=x").json(&call),
            "/sse",
        ),
    ]
}

#[tokio::test]
async fn without_a_token_every_endpoint_sends_a_challenge() {
    let server = protected().await;
    for (name, ask, resource) in ways_in() {
        for ask in [ask.clone(), ask.with("authorization", "Basic abc")] {
            let refused = ask.to(server.address).await;
            assert_eq!(refused.status, 401, "{name}");
            let expect = format!(
                "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource{resource}\"",
                issuer(&server)
            );
            assert_eq!(refused.header("www-authenticate"), Some(&*expect), "{name}");
            assert_eq!(refused.json().await["error"]["code"], -32004, "{name}");
        }
    }
    assert_eq!(server.shop.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_challenge_names_the_default_scopes() {
    let server = start_vault(|server| {
        let server = server.auth(DevLogin).permit("write", scope("write"));
        server.default_scopes(["read", "use"])
    })
    .await;
    let refused = Ask::get("/mcp").to(server.address).await;
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer scope=\"read use\", resource_metadata="),
        "{challenge}"
    );
    let tokens = tokens(server.address, "ann", &[]).await;
    assert_eq!(tokens["scope"], "read use");
}

#[tokio::test]
async fn a_bad_token_is_invalid() {
    let server = protected().await;
    let other = protected().await;
    let good = token(server.address, "ann", &[]).await;
    let refresh = tokens(server.address, "ann", &[]).await["refresh_token"].clone();
    for bad in [
        "nonsense",
        &token(other.address, "ann", &[]).await,
        &good[..good.len() - 1],
        &format!("{good}a"),
        &good.to_uppercase(),
        refresh.as_str().unwrap(),
    ] {
        for (name, ask, _) in ways_in() {
            let refused = bearing(ask, Some(bad)).to(server.address).await;
            assert_eq!(refused.status, 401, "{name} {bad}");
            let challenge = refused.header("www-authenticate").unwrap();
            assert!(
                challenge.starts_with("Bearer error=\"invalid_token\", error_description=\""),
                "{challenge}"
            );
            assert!(!refused.text().await.contains(bad));
        }
    }
    assert_eq!(server.shop.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_is_accepted_in_one_header_only() {
    let server = protected().await;
    let good = token(server.address, "ann", &[]).await;
    let bearer = format!("Bearer {good}");
    let call = request(1, "tools/list", json!({}));
    for (name, ask) in [
        (
            "in the query",
            Ask::post(&format!("/mcp?access_token={good}")).json(&call),
        ),
        (
            "in the query too",
            Ask::post(&format!("/mcp?x=1&access_token={good}"))
                .with("authorization", &bearer)
                .json(&call),
        ),
        (
            "in the query of sse",
            Ask::get(&format!("/sse?access_token={good}")),
        ),
        (
            "two",
            Ask::post("/mcp")
                .and("authorization", &bearer)
                .and("authorization", &bearer)
                .json(&call),
        ),
        (
            "two kinds",
            Ask::get("/sse")
                .and("authorization", "Basic x")
                .and("authorization", &bearer),
        ),
        (
            "none at all",
            Ask::get("/mcp").with("authorization", "Bearer"),
        ),
        (
            "a list",
            Ask::get("/mcp").with("authorization", &format!("Bearer {good}, {good}")),
        ),
    ] {
        let refused = ask.to(server.address).await;
        assert_eq!(refused.status, 400, "{name}");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("Bearer error=\"invalid_request\""),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn both_metadata_documents_are_in_both_places_with_the_same_issuer() {
    let server = protected().await;
    let port = server.address.port();
    let get = async |host: &str, path: &str| {
        let ask = Ask::get(path).with("host", host).with("accept", "*/*");
        ask.to(server.address).await
    };
    for host in ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}")) {
        let issuer = format!("http://{host}");
        for (path, resource) in [("", ""), ("/mcp", "/mcp"), ("/sse", "/sse")] {
            let place = format!("/.well-known/oauth-protected-resource{path}");
            let document = get(&host, &place).await;
            assert_eq!(document.status, 200, "{place}");
            let document = document.json().await;
            assert_eq!(document["resource"], format!("{issuer}{resource}"));
            assert_eq!(document["authorization_servers"], json!([issuer]));
            assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        }
        let mut all = Vec::new();
        for path in ["", "/mcp", "/sse"] {
            let place = format!("/.well-known/oauth-authorization-server{path}");
            all.push(get(&host, &place).await.text().await);
        }
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        let document: Value = serde_json::from_str(&all[0]).unwrap();
        assert_eq!(document["issuer"], issuer);
        for (endpoint, path) in [
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("registration_endpoint", "/register"),
            ("revocation_endpoint", "/revoke"),
            ("introspection_endpoint", "/introspect"),
        ] {
            assert_eq!(document[endpoint], format!("{issuer}{path}"));
        }
        assert_eq!(
            document["code_challenge_methods_supported"],
            json!(["S256"])
        );
    }
    for path in [
        "/.well-known/oauth-protected-resource/other",
        "/.well-known/oauth-protected-resource/mcp//",
        "/.well-known/oauth-protected-resource//",
        "/.well-known/oauth-protected-resources",
        "/.well-known/oauth-authorization-server/other",
        "/.well-known/openid-configuration",
    ] {
        assert_eq!(get("localhost", path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_public_server_has_no_sign_in() {
    let server = start_vault(|server| server).await;
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
        "/authorize",
        "/authorize/style.css",
        "/callback",
    ] {
        assert_eq!(Ask::get(path).status(server.address).await, 404, "{path}");
    }
    for path in ["/token", "/register", "/revoke", "/introspect"] {
        assert_eq!(Ask::post(path).status(server.address).await, 404, "{path}");
    }
}

#[tokio::test]
async fn a_token_is_valid_at_its_resource() {
    let server = protected().await;
    for (resource, mcp, sse) in [
        (None, true, true),
        (Some(""), true, true),
        (Some("/mcp"), true, false),
        (Some("/sse"), false, true),
    ] {
        let named = resource.map(|path| format!("{}{path}", issuer(&server)));
        let more: Vec<_> = named.iter().map(|url| ("resource", &**url)).collect();
        let token = token(server.address, "ann", &more).await;
        for (path, good) in [("/mcp", mcp), ("/sse", sse)] {
            // A request with a valid token fails because it has no session.
            let (ask, expect) = match path {
                "/mcp" => (Ask::get("/mcp"), 400),
                _ => (Ask::get("/sse"), 200),
            };
            let answer = bearing(ask, Some(&token)).to(server.address).await;
            let expect = if good { expect } else { 401 };
            assert_eq!(answer.status, expect, "{resource:?} at {path}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge.is_some(), !good);
        }
    }
}

#[tokio::test]
async fn tools_see_the_signed_in_user_in_every_era() {
    let server = protected().await;
    let [ann, bob] = ["ann", "bob"].map(|name| tokens(server.address, name, &[]));
    for (tokens, name) in [(ann.await, "ann"), (bob.await, "bob")] {
        let token = tokens["access_token"].as_str().unwrap();
        for era in ERAS {
            let call = tool("whoami", json!({}));
            let asked = era.ask(server.address, Some(token), "tools/call", call);
            let answer = asked.await;
            let seen: Value = serde_json::from_str(text(&answer.message)).unwrap();
            let expect = json!({
                "issuer": "urn:farport:development", "subject": name, "name": name,
                "scopes": [], "client": tokens["client_id"],
            });
            assert_eq!(seen, expect, "{era:?}");
        }
    }
}

#[tokio::test]
async fn tools_see_no_credentials() {
    let server = protected().await;
    let token = token(server.address, "ann", &[]).await;
    for era in ERAS {
        let call = tool("headers", json!({}));
        let more = [("cookie", "farport-browser=x"), ("x-mine", "1")];
        let asked = era.ask_with(server.address, Some(&token), "tools/call", call, &more);
        let answer = asked.await;
        let seen: Vec<_> = text(&answer.message).split(' ').collect();
        assert!(seen.contains(&"x-mine"), "{era:?} {seen:?}");
        for hidden in ["authorization", "cookie"] {
            assert!(!seen.contains(&hidden), "{era:?} {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_invalid_at_once() {
    let server = protected().await;
    let tokens = tokens(server.address, "ann", &[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let list = async || {
        let asked = Era::Modern.ask(server.address, Some(token), "tools/list", json!({}));
        asked.await.status
    };
    assert_eq!(list().await, 200);
    let client = tokens["client_id"].as_str().unwrap();
    let revoking = form("/revoke", [("token", token), ("client_id", client)]);
    assert_eq!(revoking.status(server.address).await, 200);
    assert_eq!(list().await, 401);
}

#[tokio::test]
async fn a_server_without_its_own_sign_in_has_no_oauth_endpoints() {
    let server = start_vault(|server| server.auth(ApiToken)).await;
    for ask in [
        Ask::get("/authorize"),
        Ask::get("/.well-known/oauth-authorization-server"),
        Ask::post("/token"),
        Ask::post("/register"),
    ] {
        assert_eq!(ask.status(server.address).await, 404, "{ask:?}");
    }
    let document = Ask::get("/.well-known/oauth-protected-resource/mcp");
    let document = document.to(server.address).await.json().await;
    assert_eq!(document["authorization_servers"], json!([]));
    assert_eq!(Ask::get("/mcp").status(server.address).await, 401);
}

#[tokio::test]
async fn a_server_does_not_start_if_its_sign_in_does_not_fit_its_address() {
    let vault = || Server::new(|_| Vault(Shop::default().into())).port(0);
    for (server, mention) in [
        (vault().host("0.0.0.0").auth(DevLogin), Some("public_url")),
        (vault().host("0.0.0.0").auth(ApiToken), Some("public_url")),
        (vault().host("127.0.0.1").auth(DevLogin), None),
        (vault().host("::1").auth(DevLogin), None),
        (
            vault().permit("whoami", scope("s")),
            Some("`whoami` is permitted"),
        ),
        (
            vault().permit_resource("note://*", scope("s")),
            Some("`note://*` is permitted"),
        ),
        // Every caller may use it, as without a rule.
        (vault().public("whoami"), None),
        (vault().permit("whoami", scope("s").or(anyone())), None),
    ] {
        let described = format!("{server:?} {mention:?}");
        match (soon(server.bind()).await, mention) {
            (Ok(_), None) => {}
            (Err(error), Some(mention)) => {
                let said = format!("{error:?}");
                assert!(said.contains(mention), "{described}: {said}");
            }
            (outcome, _) => panic!("{described}: {:?}", outcome.err()),
        }
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_avoids_the_sign_in() {
    let server = protected().await;
    let spellings = [
        "/mcp",
        "//mcp",
        "///mcp",
        "/./mcp",
        "/x/../mcp",
        "/mcp/",
        "/mcp//",
        "/mcp/.",
        "/MCP",
        "/%6dcp",
        "/mcp%2f",
        "/%2fmcp",
        "/mcp;x=1",
        "/mcp?x",
        "/mcp%00",
        "/.well-known/../mcp",
        "/authorize/../mcp",
        "/health/../mcp",
        "/sse/../mcp",
        "http://localhost/mcp",
        "http://localhost//mcp",
        "/sse",
        "//sse",
        "/sse/",
        "/SSE",
        "/sse/message",
        "/sse//message",
    ];
    let call = |path: &str| {
        let body = modern_call(1, "whoami", json!({}));
        body.at(path)
    };
    let token = token(server.address, "ann", &[]).await;
    for path in spellings {
        for ask in [
            call(path),
            Ask::get(path),
            call(path).with("x-original-url", "/health"),
        ] {
            let answer = ask.to(server.address).await;
            assert!(
                matches!(answer.status, 400 | 401 | 404 | 405),
                "{path}: {}",
                answer.status
            );
        }
    }
    assert_eq!(server.shop.seen(), [""; 0], "no handler was reached");
    let let_in = bearing(call("/mcp"), Some(&token)).to(server.address).await;
    assert_eq!(let_in.status, 200);
}

#[tokio::test]
async fn client_documents_can_be_turned_off() {
    for accepted in [true, false] {
        let set = |server: Server| server.auth(DevLogin).client_documents(accepted);
        let server = start_vault(set).await;
        let place = "/.well-known/oauth-authorization-server";
        let metadata = Ask::get(place).to(server.address).await.json().await;
        assert_eq!(metadata["client_id_metadata_document_supported"], accepted);
    }
}
