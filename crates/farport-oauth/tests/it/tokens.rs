//! The validation, revocation and introspection of tokens.

use std::time::Duration;

use farport_oauth::{
    BearerError, Digest, ErrorCode, NewApiToken, ProtectedResourceMetadata, Random, Scopes, Store,
};
use serde_json::{Value, json};

use crate::support::{
    A_WHILE, App, Browser, Fixture, Form, ISSUER, MCP, START, Seeded, client, error_page,
    parameter, request,
};

const SSE: &str = "https://mcp.example/sse";

async fn confidential(fixture: &Fixture) -> App {
    fixture
        .app(json!({"token_endpoint_auth_method": "client_secret_post"}))
        .await
}

/// A well-formed token that does not exist.
fn unknown(like: &Value) -> Value {
    let text = like.as_str().unwrap();
    let (front, last) = text.split_at(text.len() - 1);
    json!(format!("{front}{}", if last == "A" { "B" } else { "A" }))
}

#[tokio::test]
async fn the_revocation_of_an_unknown_token_succeeds() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let tokens = fixture.tokens(&app, "alice").await;
    for token in [
        json!("x"),
        json!("not a token"),
        json!(app.id),
        unknown(&tokens["access_token"]),
        unknown(&tokens["refresh_token"]),
        // A truncated token.
        json!(&tokens["refresh_token"].as_str().unwrap()[..20]),
    ] {
        fixture.revoke(&app.about(&token)).await.unwrap();
    }
    for hint in ["access_token", "refresh_token", "nonsense"] {
        let form = app.about(&json!("x")).with("token_type_hint", hint);
        fixture.revoke(&form).await.unwrap();
    }
    assert_eq!(
        (
            fixture.grants().await,
            fixture.good(&tokens["access_token"]).await
        ),
        (1, true)
    );
    let error = fixture
        .revoke(&app.about(&json!("x")).without("token"))
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::InvalidRequest);
    let error = fixture
        .revoke(&app.about(&json!("x")).and("token", "y"))
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn only_its_client_can_revoke_a_token() {
    let fixture = Fixture::new();
    let (mine, other) = (confidential(&fixture).await, fixture.public_app().await);
    let tokens = fixture.tokens(&mine, "alice").await;
    for name in ["access_token", "refresh_token"] {
        let token = &tokens[name];
        for (form, expect) in [
            (other.about(token), ErrorCode::UnauthorizedClient),
            (
                mine.about(token).without("client_secret"),
                ErrorCode::InvalidClient,
            ),
            (
                mine.about(token).with("client_secret", "x"),
                ErrorCode::InvalidClient,
            ),
            (
                mine.about(token).with("client_id", "unknown"),
                ErrorCode::InvalidClient,
            ),
            (
                mine.about(token).without("client_id"),
                ErrorCode::InvalidRequest,
            ),
        ] {
            let error = fixture.revoke(&form).await.unwrap_err();
            assert_eq!(error.code, expect, "{name} {form:?}");
        }
    }
    assert!(fixture.good(&tokens["access_token"]).await);
    fixture.token(&mine.refresh(&tokens)).await.unwrap();
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_the_grant_and_an_access_token_only_itself() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    for hint in [None, Some("access_token"), Some("refresh_token")] {
        let bystander = fixture.tokens(&app, "bob").await;
        let first = fixture.tokens(&app, "alice").await;
        fixture.pass(A_WHILE);
        let second = fixture.token(&app.refresh(&first)).await.unwrap();
        let grants = fixture.grants().await;
        // Now the tokens are cached.
        for tokens in [&first, &second, &bystander] {
            assert!(fixture.good(&tokens["access_token"]).await);
        }
        let about = |token| app.about(token).set("token_type_hint", hint);
        fixture
            .revoke(&about(&first["access_token"]))
            .await
            .unwrap();
        assert!(!fixture.good(&first["access_token"]).await, "at once");
        assert!(fixture.good(&second["access_token"]).await);
        assert_eq!(fixture.grants().await, grants);
        // A second revocation succeeds as well.
        fixture
            .revoke(&about(&first["access_token"]))
            .await
            .unwrap();

        fixture
            .revoke(&about(&second["refresh_token"]))
            .await
            .unwrap();
        assert!(!fixture.good(&second["access_token"]).await, "at once");
        assert_eq!(fixture.grants().await, grants - 1);
        let error = fixture.token(&app.refresh(&second)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidGrant);
        assert!(fixture.good(&bystander["access_token"]).await);
    }
    // An old refresh token also ends the grant.
    let first = fixture.tokens(&app, "alice").await;
    fixture.pass(A_WHILE);
    let second = fixture.token(&app.refresh(&first)).await.unwrap();
    assert!(fixture.good(&second["access_token"]).await);
    let grants = fixture.grants().await;
    fixture
        .revoke(&app.about(&first["refresh_token"]))
        .await
        .unwrap();
    assert_eq!(fixture.grants().await, grants - 1);
    assert!(!fixture.good(&second["access_token"]).await);
}

#[tokio::test]
async fn introspection_requires_client_authentication() {
    let fixture = Fixture::new();
    let (mine, public) = (confidential(&fixture).await, fixture.public_app().await);
    let tokens = fixture.tokens(&public, "alice").await;
    let token = &tokens["access_token"];
    for (form, expect) in [
        (public.about(token), ErrorCode::InvalidClient),
        (
            mine.about(token).without("client_secret"),
            ErrorCode::InvalidClient,
        ),
        (
            mine.about(token).with("client_secret", "x"),
            ErrorCode::InvalidClient,
        ),
        (
            mine.about(token).with("client_id", &public.id),
            ErrorCode::InvalidClient,
        ),
        (Form::new([("token", "x")]), ErrorCode::InvalidRequest),
        (
            mine.about(token).without("token"),
            ErrorCode::InvalidRequest,
        ),
    ] {
        let error = fixture.introspect(&form).await.unwrap_err();
        assert_eq!(error.code, expect, "{form:?}");
    }
}

#[tokio::test]
async fn introspection_reports_valid_tokens_to_their_client_only() {
    let fixture = Fixture::new();
    let (mine, other) = (confidential(&fixture).await, confidential(&fixture).await);
    let first = fixture.tokens(&mine, "alice").await;
    let inactive = json!({"active": false});
    let described = |token_type: &str, lifetime: u64| {
        json!({
            "active": true, "scope": "todos:read todos:write", "client_id": mine.id,
            "token_type": token_type, "iat": START, "exp": START + lifetime, "sub": "alice",
            "aud": MCP, "iss": ISSUER,
        })
    };
    for (name, token_type, lifetime) in [
        ("access_token", "Bearer", 3600),
        ("refresh_token", "refresh_token", 30 * 86_400),
    ] {
        let said = fixture.introspect(&mine.about(&first[name])).await.unwrap();
        assert_eq!(said, described(token_type, lifetime));
        for (app, token) in [
            (&other, first[name].clone()),
            (&mine, unknown(&first[name])),
            (&mine, json!("x")),
        ] {
            let said = fixture.introspect(&app.about(&token)).await.unwrap();
            assert_eq!(said, inactive, "{token}");
        }
    }
    fixture.pass(A_WHILE);
    let second = fixture.token(&mine.refresh(&first)).await.unwrap();
    fixture.pass(A_WHILE);
    let third = fixture.token(&mine.refresh(&second)).await.unwrap();
    let active = async |token: &Value| {
        let said = fixture.introspect(&mine.about(token)).await.unwrap();
        assert!(said["active"] == true || said == inactive, "{said}");
        said["active"] == true
    };
    for (tokens, expect) in [(&first, false), (&second, false), (&third, true)] {
        assert_eq!(active(&tokens["refresh_token"]).await, expect, "replaced");
    }
    // Introspection does not use the token up.
    assert!(active(&third["refresh_token"]).await);
    fixture.pass(3600 - 2 * A_WHILE - 1);
    assert!(active(&first["access_token"]).await);
    fixture.pass(1);
    assert!(!active(&first["access_token"]).await, "expired");
    assert!(active(&third["access_token"]).await);
    fixture
        .revoke(&mine.about(&third["access_token"]))
        .await
        .unwrap();
    assert!(!active(&third["access_token"]).await, "revoked");
    fixture
        .revoke(&mine.about(&third["refresh_token"]))
        .await
        .unwrap();
    assert!(!active(&third["refresh_token"]).await, "revoked");
}

#[tokio::test]
async fn a_token_is_valid_for_its_resource_until_it_expires() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let tokens = fixture.tokens(&app, "alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    // Twice: from the store and from the cache.
    for _ in 0..2 {
        for (resource, good) in [
            (MCP, true),
            (SSE, false),
            ("https://mcp.example", false),
            ("https://mcp.example/mcp2", false),
            ("https://evil.example/mcp", false),
            ("", false),
        ] {
            let who = fixture.who_at(resource, token).await;
            assert_eq!(who.is_ok(), good, "{resource}");
            assert!(good || matches!(who, Err(BearerError::Invalid)));
        }
    }
    let who = fixture.who(token).await.unwrap();
    assert_eq!(&*who.user.subject, "alice");
    assert_eq!(who.client.as_ref().unwrap().as_str(), app.id);
    assert_eq!(who.scopes, Scopes::parse("todos:read todos:write").unwrap());
    assert_eq!(who.expires.unwrap().0, START + 3600);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let code = Browser::new(&fixture).code(&app.request(), "alice").await;
    for other in [
        "",
        "x",
        refresh,
        &code,
        &token.to_lowercase(),
        &format!("{token} "),
        &token[1..],
    ] {
        let who = fixture.who(other).await;
        assert!(matches!(who, Err(BearerError::Invalid)), "{other}");
    }
    fixture.pass(3599);
    assert!(fixture.good(&tokens["access_token"]).await);
    // A cached token expires, too.
    fixture.pass(1);
    assert!(!fixture.good(&tokens["access_token"]).await);
}

#[tokio::test]
async fn a_token_of_one_site_is_not_valid_at_another() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let elsewhere = farport_oauth::Site::new("https://other.example", ["/mcp"]).unwrap();
    for granted in [Some(MCP), None] {
        let request = app.request().set("resource", granted);
        let code = Browser::new(&fixture).code(&request, "alice").await;
        let form = app.redemption(&code).set("resource", granted);
        let tokens = fixture.token(&form).await.unwrap();
        let token = tokens["access_token"].as_str().unwrap();
        assert!(fixture.who(token).await.is_ok());
        let (resource, now) = ("https://other.example/mcp", fixture.now());
        let who = fixture
            .server
            .resource_server()
            .authenticate(&elsewhere, resource, token, now);
        assert!(
            matches!(who.await, Err(BearerError::Invalid)),
            "{granted:?}"
        );
        // The refresh token is not accepted there either.
        let form = app.refresh(&tokens).encoded();
        let refreshed = fixture
            .server
            .token_endpoint()
            .token(&elsewhere, request_of(&form), now);
        assert!(refreshed.await.is_err());
        assert!(fixture.who(token).await.is_ok());
    }
}

fn request_of(form: &str) -> farport_oauth::TokenRequest<'_> {
    request(None, form, None)
}

#[tokio::test]
async fn an_api_token_has_its_scopes_until_it_expires() {
    let fixture = Fixture::new();
    let random = Seeded::new(7);
    let mut made = Vec::new();
    for (label, lifetime) in [("ci", Some(3600)), ("for ever", None)] {
        let new = NewApiToken {
            label: label.into(),
            scopes: Scopes::parse("todos:read").unwrap(),
            lifetime: lifetime.map(Duration::from_secs),
        };
        let created = new
            .create(&*fixture.store, &random as &dyn Random, fixture.now())
            .await;
        let (record, secret) = created.unwrap();
        let secret = secrecy_text(&secret);
        assert_eq!(record.digest, Digest::of(&secret));
        made.push(secret);
    }
    for resource in [MCP, SSE] {
        let who = fixture.who_at(resource, &made[0]).await.unwrap();
        assert_eq!(
            (&*who.user.subject, who.name.as_deref()),
            ("ci", Some("ci"))
        );
        assert_ne!(&*who.user.issuer, ISSUER);
        assert_eq!(who.scopes, Scopes::parse("todos:read").unwrap());
        assert!(who.upstream.is_none() && who.client.is_none());
    }
    assert!(fixture.who(&unknown_text(&made[0])).await.is_err());
    fixture.pass(3600);
    assert!(fixture.who(&made[0]).await.is_err());
    assert!(fixture.who(&made[1]).await.is_ok());
    let listed = fixture.store.api_tokens().await.unwrap();
    let forever = listed
        .iter()
        .find(|token| &*token.label == "for ever")
        .unwrap();
    fixture.store.remove_api_token(&forever.id).await.unwrap();
    // Another process removed it, so it stays cached for up to ten seconds.
    fixture.pass(10);
    assert!(fixture.who(&made[1]).await.is_err());
}

fn secrecy_text(secret: &secrecy::SecretString) -> String {
    use secrecy::ExposeSecret;
    secret.expose_secret().to_owned()
}

fn unknown_text(like: &str) -> String {
    unknown(&json!(like)).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn metadata_names_the_exact_issuer_and_all_endpoints() {
    let fixture = Fixture::new();
    let said = serde_json::to_value(fixture.server.metadata(&fixture.site)).unwrap();
    let methods = [
        "none",
        "client_secret_post",
        "client_secret_basic",
        "private_key_jwt",
    ];
    for (name, expect) in [
        ("issuer", json!(ISSUER)),
        (
            "authorization_endpoint",
            json!(format!("{ISSUER}/authorize")),
        ),
        ("token_endpoint", json!(format!("{ISSUER}/token"))),
        ("registration_endpoint", json!(format!("{ISSUER}/register"))),
        ("revocation_endpoint", json!(format!("{ISSUER}/revoke"))),
        (
            "introspection_endpoint",
            json!(format!("{ISSUER}/introspect")),
        ),
        (
            "scopes_supported",
            json!(["profile", "todos:read", "todos:write"]),
        ),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        (
            "grant_types_supported",
            json!(["authorization_code", "refresh_token"]),
        ),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("token_endpoint_auth_methods_supported", json!(methods)),
        (
            "introspection_endpoint_auth_methods_supported",
            json!(methods[1..]),
        ),
        (
            "token_endpoint_auth_signing_alg_values_supported",
            json!(["RS256", "ES256"]),
        ),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        ("client_id_metadata_document_supported", json!(true)),
    ] {
        assert_eq!(said[name], expect, "{name}");
    }
    let fixture = Fixture::with(|config| {
        config.registration = false;
        config.client_documents = false;
    });
    let said = serde_json::to_value(fixture.server.metadata(&fixture.site)).unwrap();
    assert!(said.get("registration_endpoint").is_none());
    assert_eq!(said["client_id_metadata_document_supported"], false);
    let scopes = Scopes::parse("b a").unwrap();
    let resource = ProtectedResourceMetadata::new(MCP.into(), vec![ISSUER.into()], &scopes);
    assert_eq!(
        serde_json::to_value(resource).unwrap(),
        json!({
            "resource": MCP, "authorization_servers": [ISSUER],
            "scopes_supported": ["a", "b"], "bearer_methods_supported": ["header"],
        })
    );
}

#[tokio::test]
async fn authorization_requests_are_rate_limited_by_network() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let authorize = async |address: &str| {
        let mut browser = Browser::new(&fixture);
        browser.address = Some(address.parse().unwrap());
        browser.authorize(&app.request()).await
    };
    for n in 0..60 {
        let next = authorize(&format!("2001:db8:1:2::{n}")).await;
        assert!(
            matches!(next, farport_oauth::Next::SignIn(_)),
            "{n} {next:?}"
        );
    }
    let page = error_page(authorize("2001:db8:1:2:ffff::1").await);
    assert_eq!(
        (page.error.code, page.status.as_u16()),
        (ErrorCode::SlowDown, 429)
    );
    assert_eq!(page.error.retry_after, Some(Duration::from_secs(1)));
    for other in ["2001:db8:1:3::1", "192.0.2.1", "::ffff:192.0.2.2"] {
        let next = authorize(other).await;
        assert!(matches!(next, farport_oauth::Next::SignIn(_)), "{other}");
    }
    fixture.pass(1);
    let next = authorize("2001:db8:1:2::1").await;
    assert!(matches!(next, farport_oauth::Next::SignIn(_)), "{next:?}");
    crate::support::error_page(authorize("2001:db8:1:2::1").await);
}

#[tokio::test]
async fn token_requests_are_rate_limited_by_client_and_network() {
    let fixture = Fixture::with(|config| {
        config.token_rate.burst = 5;
        config.token_rate.per_minute = 6;
    });
    let (public, secret) = (fixture.public_app().await, confidential(&fixture).await);
    let ask = async |app: &App, address: &str| {
        let form = app.redemption("x");
        let error = fixture
            .token_from(Some(address.parse().unwrap()), None, &form)
            .await;
        let error = error.unwrap_err();
        (error.code == ErrorCode::SlowDown).then(|| error.retry_after.unwrap().as_secs())
    };
    for n in 0..5 {
        assert_eq!(ask(&public, &format!("2001:db8:1:2::{n}")).await, None);
        assert_eq!(ask(&secret, &format!("192.0.2.{n}")).await, None);
    }
    assert_eq!(ask(&public, "2001:db8:1:2::77").await, Some(10));
    // Other users of the same public client are not affected.
    assert_eq!(ask(&public, "2001:db8:1:3::1").await, None);
    // A confidential client has one limit for all addresses.
    assert_eq!(ask(&secret, "203.0.113.9").await, Some(10));
    fixture.pass(10);
    assert_eq!(ask(&public, "2001:db8:1:2::77").await, None);
    assert_eq!(ask(&secret, "203.0.113.9").await, None);
    assert_eq!(ask(&secret, "203.0.113.9").await, Some(10));
    // Failed authentications do not count toward the client's limit.
    fixture.pass(10);
    for _ in 0..20 {
        let form = secret.redemption("x").with("client_secret", "wrong");
        let error = fixture.token(&form).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClient);
    }
    assert_eq!(ask(&secret, "203.0.113.9").await, None);
}

#[tokio::test]
async fn token_requests_from_one_address_have_ten_times_the_limit() {
    let fixture = Fixture::with(|config| config.token_rate.burst = 2);
    let ask = async |address: &str| {
        let body = "grant_type=refresh_token&client_id=unknown";
        let asked = request(None, body, Some(address.parse().unwrap()));
        let answer = fixture
            .server
            .token_endpoint()
            .token(&fixture.site, asked, fixture.now())
            .await;
        answer.unwrap_err()
    };
    for n in 0..20 {
        let error = ask(&format!("2001:db8:1:2::{n}")).await;
        assert_eq!(error.code, ErrorCode::InvalidClient);
    }
    let error = ask("2001:db8:1:2::ffff").await;
    assert_eq!(error.code, ErrorCode::SlowDown);
    assert!(error.retry_after.is_some());
    assert_eq!(ask("192.0.2.1").await.code, ErrorCode::InvalidClient);
}

#[tokio::test]
async fn a_rate_limit_error_is_not_sent_to_a_redirect_uri() {
    let fixture = Fixture::with(|config| config.authorize_rate.burst = 1);
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    browser.address = Some("192.0.2.1".parse().unwrap());
    let bad = app.request().with("response_type", "token");
    let url = client(browser.authorize(&bad).await);
    assert!(parameter(&url, "error").is_some());
    let page = error_page(browser.authorize(&bad).await);
    assert_eq!(page.error.code, ErrorCode::SlowDown);
}

#[tokio::test]
async fn grants_of_a_user_are_limited_and_the_least_recently_used_end() {
    let fixture = Fixture::with(|config| {
        config.most_grants = 5;
        config.most_grants_per_client = 3;
        config.authorize_rate.burst = 1000;
    });
    let (one, two) = (fixture.public_app().await, fixture.public_app().await);
    let mut signed_in = Vec::new();
    let live = async |signed_in: &[(&str, Value)]| {
        let mut live = Vec::new();
        for (name, answer) in signed_in {
            // The access token shows it. A refresh would count as a use.
            if fixture.good(&answer["access_token"]).await {
                live.push(*name);
            }
        }
        live.join(" ")
    };
    for (name, app, user, expect) in [
        ("a", &one, "alice", "a"),
        ("b", &one, "alice", "a b"),
        ("c", &one, "alice", "a b c"),
        // Grants of another user do not count.
        ("x", &one, "bob", "a b c x"),
        // The limit per client, then the limit per user.
        ("d", &one, "alice", "b c x d"),
        ("e", &two, "alice", "b c x d e"),
        ("f", &two, "alice", "b c x d e f"),
        ("g", &two, "alice", "c x d e f g"),
    ] {
        signed_in.push((name, fixture.tokens(app, user).await));
        fixture.pass(A_WHILE);
        assert_eq!(live(&signed_in).await, expect, "after {name}");
    }
    // A used grant stays, even if it is old.
    let refreshed = fixture.token(&one.refresh(&signed_in[2].1)).await.unwrap();
    for (name, app, expect) in [("h", &two, "c x d f g h"), ("i", &one, "c x f g h i")] {
        fixture.pass(A_WHILE);
        signed_in.push((name, fixture.tokens(app, "alice").await));
        assert_eq!(live(&signed_in).await, expect, "after {name}");
    }
    assert!(fixture.good(&refreshed["access_token"]).await);
    // A grant with an unredeemed code does not count.
    let code = Browser::new(&fixture).code(&one.request(), "alice").await;
    assert_eq!(live(&signed_in).await, "c x f g h i");
    signed_in.push(("j", fixture.tokens(&two, "alice").await));
    assert_eq!(live(&signed_in).await, "c x g h i j");
    let redeemed = fixture.token(&one.redemption(&code)).await.unwrap();
    assert!(fixture.good(&redeemed["access_token"]).await);
}
