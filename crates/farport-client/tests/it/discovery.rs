//! Metadata as servers write it, and what of it is refused.

use farport_client::Store;
use serde_json::{Value, json};

use crate::support::provider::{Provider, back, metadata, plain_path, query};
use crate::support::{Answer, Client, Server, initialize, options};

async fn open(url: &str) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new(options(url), Store::at(folder.path()));
    let answer = client.ask("initialize", initialize()).await;
    let said = answer["error"]["message"].as_str().unwrap_or_default();
    (answer.clone(), said.to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_resource_metadata_is_looked_for_at_its_well_known_place() {
    for challenge in [
        r#"Bearer resource_metadata="ORIGIN/nowhere""#,
        "Bearer resource_metadata='ORIGIN/.well-known/oauth-protected-resource'",
        r#"Bearer resource_metadata="/.well-known/oauth-protected-resource""#,
        r#"Bearer resource_metadata=".well-known/oauth-protected-resource, x""#,
        r#"Bearer resource_metadata="""#,
        r#"Bearer resource_metadata="http://""#,
        r#"Bearer resource_metadata="http://a.example/x""#,
        r#"Bearer resource_metadata="https://127.0.0.1:1/x""#,
        r#"Bearer realm="x", Bearer resource_metadata="ORIGIN/.well-known/oauth-protected-resource""#,
    ] {
        let provider = Provider::start(move |origin, seen, known| {
            let token = seen.header("authorization").strip_prefix("Bearer ");
            (plain_path(seen) == "/" && !token.is_some_and(|token| known.tokens.contains(token)))
                .then(|| {
                    let challenge = challenge.replace("ORIGIN", origin);
                    Answer::status(401).with("www-authenticate", challenge)
                })
        })
        .await;
        let (answer, _) = open(&provider.server.origin).await;
        assert!(answer["result"].is_object(), "{challenge}: {answer}");
        assert!(provider.count("/.well-known/oauth-protected-resource") > 0);
    }
}

#[tokio::test]
async fn only_the_slash_of_an_empty_path_may_differ_between_issuers() {
    // What the resource names, what the metadata says, what the answer says.
    for (named, says, answers, good) in [
        ("", "", "", true),
        ("", "/", "/", true),
        ("/", "", "", true),
        ("/", "/", "/", true),
        // The response has to repeat the metadata's own spelling (RFC 9207, section 2.4).
        ("", "/", "", false),
        ("/", "", "/", false),
        ("/", "/", "", false),
        ("", "", "/", false),
        ("", "//", "", false),
        ("", "", "//", false),
        ("", "/x", "", false),
        ("", "", "/x", false),
        ("", "?", "", false),
        ("", ":80", "", false),
    ] {
        let provider = Provider::start(move |origin, seen, known| match plain_path(seen) {
            "/.well-known/oauth-protected-resource" => Some(Answer::json(&json!({
                "resource": origin, "authorization_servers": [format!("{origin}{named}")],
            }))),
            "/.well-known/oauth-authorization-server" => {
                let mut metadata = metadata(origin);
                metadata["issuer"] = json!(format!("{origin}{says}"));
                metadata["authorization_response_iss_parameter_supported"] = json!(true);
                Some(Answer::json(&metadata))
            }
            "/authorize" => {
                let code = known.next("code");
                let client = query(seen, "client_id").unwrap();
                known.codes.insert(code.clone(), client);
                let issuer = format!("{origin}{answers}");
                Some(back(seen, &[("code", &code), ("iss", &issuer)]))
            }
            _ => None,
        })
        .await;
        let (answer, said) = open(&provider.server.origin).await;
        assert_eq!(
            answer["result"].is_object(),
            good,
            "{named} {says} {answers}: {answer}"
        );
        assert_eq!(said.is_empty(), good, "{said}");
        if !good {
            assert_eq!(provider.count("/token"), 0, "{named} {says} {answers}");
        }
    }
}

#[tokio::test]
async fn a_scope_is_never_requested_only_because_the_server_lists_it() {
    for (resource, offered, expect) in [
        (
            json!(null),
            json!(["openid", "profile", "offline_access"]),
            None,
        ),
        (json!(null), json!(null), None),
        (
            json!(["a"]),
            json!(["openid", "offline_access"]),
            Some("a offline_access"),
        ),
        (json!(["a"]), json!(["openid"]), Some("a")),
    ] {
        let provider = Provider::start(move |origin, seen, _| match plain_path(seen) {
            "/.well-known/oauth-protected-resource" => Some(Answer::json(&json!({
                "resource": origin, "authorization_servers": [origin],
                "scopes_supported": resource,
            }))),
            "/.well-known/oauth-authorization-server" => {
                let mut metadata = metadata(origin);
                metadata["scopes_supported"] = offered.clone();
                Some(Answer::json(&metadata))
            }
            _ => None,
        })
        .await;
        let (answer, _) = open(&provider.server.origin).await;
        assert!(answer["result"].is_object(), "{answer}");
        let seen = provider.server.seen();
        let request = seen
            .iter()
            .find(|seen| plain_path(seen) == "/authorize")
            .unwrap();
        assert_eq!(query(request, "scope").as_deref(), expect);
    }
}

#[tokio::test]
async fn metadata_with_text_that_is_not_printable_ascii_is_refused() {
    for (resource, why) in [
        (
            json!({"resource": "ORIGIN", "authorization_servers": ["ORIGIN/\u{1b}[31mevil"]}),
            "issuer",
        ),
        (
            json!({"resource": "ORIGIN", "authorization_servers": ["ORIGIN/\u{202e}evil"]}),
            "issuer",
        ),
        (
            json!({"resource": "ORIGIN", "authorization_servers": ["ORIGIN"], "scopes_supported": ["a\nb"]}),
            "scope",
        ),
        (
            json!({"resource": "ORIGIN", "authorization_servers": ["ORIGIN"], "scopes_supported": ["größe"]}),
            "scope",
        ),
        (json!({"resource": "ORIGIN/\u{200b}"}), "resource"),
    ] {
        let provider = Provider::start(move |origin, seen, _| {
            (plain_path(seen) == "/.well-known/oauth-protected-resource").then(|| {
                let text = resource.to_string().replace("ORIGIN", origin);
                Answer::json(&serde_json::from_str(&text).unwrap())
            })
        })
        .await;
        let (_, said) = open(&provider.server.origin).await;
        assert!(said.contains(why), "{said}");
        assert!(
            said.chars().all(|c| c.is_ascii() && !c.is_control()),
            "{said:?}"
        );
        assert_eq!(provider.count("/register"), 0);
    }
}

#[tokio::test]
async fn each_cause_of_a_failed_discovery_has_its_own_message() {
    for (path, answer, parts) in [
        (
            "/.well-known/oauth-authorization-server",
            json!({"issuer": "ORIGIN", "token_endpoint": "http://a.example/token"}),
            &[
                "http://a.example/token",
                "token endpoint",
                "not encrypted",
                "https",
            ][..],
        ),
        (
            "/.well-known/oauth-authorization-server",
            json!({"issuer": "https://evil.example", "token_endpoint": "ORIGIN/token"}),
            &["names the issuer https://evil.example"],
        ),
        (
            "/.well-known/oauth-authorization-server",
            json!({"issuer": "ORIGIN", "token_endpoint": "token"}),
            &["its metadata at", "is invalid"],
        ),
        (
            "/.well-known/oauth-protected-resource",
            json!({"resource": "https://evil.example/"}),
            &[
                "is for the resource https://evil.example/",
                "another server",
            ],
        ),
    ] {
        let provider = Provider::start(move |origin, seen, _| {
            (plain_path(seen) == path).then(|| {
                let text = answer.to_string().replace("ORIGIN", origin);
                Answer::json(&serde_json::from_str(&text).unwrap())
            })
        })
        .await;
        let (_, said) = open(&provider.server.origin).await;
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let down = Provider::start(|_, seen, _| {
        plain_path(seen)
            .starts_with("/.well-known/")
            .then(|| Answer::status(502).with("retry-after", "0"))
    })
    .await;
    let (_, said) = open(&down.server.origin).await;
    assert!(
        said.contains("temporarily unavailable (HTTP 502)"),
        "{said}"
    );
}

#[tokio::test]
async fn https_at_a_port_without_tls_is_named_as_such() {
    let server = Server::start(|_, _| Answer::status(200)).await;
    let (_, said) = open(&server.origin.replace("http://", "https://")).await;
    assert!(said.contains("without encryption"), "{said}");
    assert!(said.contains("http://"), "{said}");
}
