//! What becomes of tokens: where they are good, who may end them, and who is told of them.

use std::time::Duration;

use farport_oauth::{
    BearerError, Digest, ErrorCode, NewApiToken, ProtectedResourceMetadata, Random, Scopes, Store,
};
use serde_json::{Value, json};

use crate::support::{
    A_WHILE, App, Browser, Form, House, ISSUER, MCP, START, Seeded, client, parameter, refused,
    request,
};

const SSE: &str = "https://mcp.example/sse";

async fn confidential(house: &House) -> App {
    house
        .app(json!({"token_endpoint_auth_method": "client_secret_post"}))
        .await
}

/// Fifty-two characters behind a prefix of ours.
fn unknown(like: &Value) -> Value {
    let text = like.as_str().unwrap();
    let (front, last) = text.split_at(text.len() - 1);
    json!(format!("{front}{}", if last == "A" { "B" } else { "A" }))
}

#[tokio::test]
async fn an_unknown_token_is_as_good_as_revoked() {
    let house = House::new();
    let app = house.public_app().await;
    let tokens = house.tokens(&app, "alice").await;
    for token in [
        json!("x"),
        json!("not a token"),
        json!(app.id),
        unknown(&tokens["access_token"]),
        unknown(&tokens["refresh_token"]),
        // A prefix of one proves nothing.
        json!(&tokens["refresh_token"].as_str().unwrap()[..20]),
    ] {
        house.revoke(&app.about(&token)).await.unwrap();
    }
    for hint in ["access_token", "refresh_token", "nonsense"] {
        let form = app.about(&json!("x")).with("token_type_hint", hint);
        house.revoke(&form).await.unwrap();
    }
    assert_eq!(
        (
            house.grants().await,
            house.good(&tokens["access_token"]).await
        ),
        (1, true)
    );
    let error = house.revoke(&app.about(&json!("x")).without("token")).await;
    assert_eq!(error.unwrap_err().code, ErrorCode::InvalidRequest);
    let error = house
        .revoke(&app.about(&json!("x")).and("token", "y"))
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_token_is_revoked_by_the_client_it_was_issued_to_alone() {
    let house = House::new();
    let (mine, other) = (confidential(&house).await, house.public_app().await);
    let tokens = house.tokens(&mine, "alice").await;
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
                mine.about(token).with("client_id", "nobody"),
                ErrorCode::InvalidClient,
            ),
            (
                mine.about(token).without("client_id"),
                ErrorCode::InvalidRequest,
            ),
        ] {
            let error = house.revoke(&form).await.unwrap_err();
            assert_eq!(error.code, expect, "{name} {form:?}");
        }
    }
    assert!(house.good(&tokens["access_token"]).await);
    house.token(&mine.refresh(&tokens)).await.unwrap();
}

#[tokio::test]
async fn revoking_an_access_token_ends_that_token_and_a_refresh_token_the_grant() {
    let house = House::new();
    let app = house.public_app().await;
    for hint in [None, Some("access_token"), Some("refresh_token")] {
        let bystander = house.tokens(&app, "bob").await;
        let first = house.tokens(&app, "alice").await;
        house.pass(A_WHILE);
        let second = house.token(&app.refresh(&first)).await.unwrap();
        let grants = house.grants().await;
        // So that they are believed without the store.
        for tokens in [&first, &second, &bystander] {
            assert!(house.good(&tokens["access_token"]).await);
        }
        let about = |token| app.about(token).set("token_type_hint", hint);
        house.revoke(&about(&first["access_token"])).await.unwrap();
        assert!(!house.good(&first["access_token"]).await, "at once");
        assert!(house.good(&second["access_token"]).await);
        assert_eq!(house.grants().await, grants);
        // That it was there is nothing to be told twice.
        house.revoke(&about(&first["access_token"])).await.unwrap();

        house
            .revoke(&about(&second["refresh_token"]))
            .await
            .unwrap();
        assert!(!house.good(&second["access_token"]).await, "at once");
        assert_eq!(house.grants().await, grants - 1);
        let error = house.token(&app.refresh(&second)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidGrant);
        assert!(house.good(&bystander["access_token"]).await);
    }
    // One that was left behind says as much of whose grant it is.
    let first = house.tokens(&app, "alice").await;
    house.pass(A_WHILE);
    let second = house.token(&app.refresh(&first)).await.unwrap();
    assert!(house.good(&second["access_token"]).await);
    let grants = house.grants().await;
    house
        .revoke(&app.about(&first["refresh_token"]))
        .await
        .unwrap();
    assert_eq!(house.grants().await, grants - 1);
    assert!(!house.good(&second["access_token"]).await);
}

#[tokio::test]
async fn introspection_is_for_clients_that_prove_themselves() {
    let house = House::new();
    let (mine, public) = (confidential(&house).await, house.public_app().await);
    let tokens = house.tokens(&public, "alice").await;
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
        let error = house.introspect(&form).await.unwrap_err();
        assert_eq!(error.code, expect, "{form:?}");
    }
}

#[tokio::test]
async fn a_token_is_active_to_its_client_while_it_is_good_and_nothing_is_said_otherwise() {
    let house = House::new();
    let (mine, other) = (confidential(&house).await, confidential(&house).await);
    let first = house.tokens(&mine, "alice").await;
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
        let said = house.introspect(&mine.about(&first[name])).await.unwrap();
        assert_eq!(said, described(token_type, lifetime));
        for (app, token) in [
            (&other, first[name].clone()),
            (&mine, unknown(&first[name])),
            (&mine, json!("x")),
        ] {
            let said = house.introspect(&app.about(&token)).await.unwrap();
            assert_eq!(said, inactive, "{token}");
        }
    }
    house.pass(A_WHILE);
    let second = house.token(&mine.refresh(&first)).await.unwrap();
    house.pass(A_WHILE);
    let third = house.token(&mine.refresh(&second)).await.unwrap();
    let active = async |token: &Value| {
        let said = house.introspect(&mine.about(token)).await.unwrap();
        assert!(said["active"] == true || said == inactive, "{said}");
        said["active"] == true
    };
    for (tokens, expect) in [(&first, false), (&second, false), (&third, true)] {
        assert_eq!(
            active(&tokens["refresh_token"]).await,
            expect,
            "left behind"
        );
    }
    // It looked, and used nothing up.
    assert!(active(&third["refresh_token"]).await);
    house.pass(3600 - 2 * A_WHILE - 1);
    assert!(active(&first["access_token"]).await);
    house.pass(1);
    assert!(!active(&first["access_token"]).await, "expired");
    assert!(active(&third["access_token"]).await);
    house
        .revoke(&mine.about(&third["access_token"]))
        .await
        .unwrap();
    assert!(!active(&third["access_token"]).await, "revoked");
    house
        .revoke(&mine.about(&third["refresh_token"]))
        .await
        .unwrap();
    assert!(!active(&third["refresh_token"]).await, "revoked");
}

#[tokio::test]
async fn a_token_is_good_at_its_resource_until_it_ends_and_nowhere_else() {
    let house = House::new();
    let app = house.public_app().await;
    let tokens = house.tokens(&app, "alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    // Twice: once from the store, and once from what is remembered of it.
    for _ in 0..2 {
        for (resource, good) in [
            (MCP, true),
            (SSE, false),
            ("https://mcp.example", false),
            ("https://mcp.example/mcp2", false),
            ("https://evil.example/mcp", false),
            ("", false),
        ] {
            let who = house.who_at(resource, token).await;
            assert_eq!(who.is_ok(), good, "{resource}");
            assert!(good || matches!(who, Err(BearerError::Invalid)));
        }
    }
    let who = house.who(token).await.unwrap();
    assert_eq!(&*who.user.subject, "alice");
    assert_eq!(who.client.as_ref().unwrap().as_str(), app.id);
    assert_eq!(who.scopes, Scopes::parse("todos:read todos:write").unwrap());
    assert_eq!(who.expires.unwrap().0, START + 3600);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let code = Browser::new(&house).code(&app.request(), "alice").await;
    for other in [
        "",
        "x",
        refresh,
        &code,
        &token.to_lowercase(),
        &format!("{token} "),
        &token[1..],
    ] {
        let who = house.who(other).await;
        assert!(matches!(who, Err(BearerError::Invalid)), "{other}");
    }
    house.pass(3599);
    assert!(house.good(&tokens["access_token"]).await);
    // The moment before is remembered, and the end counts all the same.
    house.pass(1);
    assert!(!house.good(&tokens["access_token"]).await);
}

#[tokio::test]
async fn a_token_of_one_of_our_hosts_is_not_good_at_another() {
    let house = House::new();
    let app = house.public_app().await;
    let elsewhere = farport_oauth::Site::new("https://other.example", ["/mcp"]).unwrap();
    for granted in [Some(MCP), None] {
        let request = app.request().set("resource", granted);
        let code = Browser::new(&house).code(&request, "alice").await;
        let form = app.redemption(&code).set("resource", granted);
        let tokens = house.token(&form).await.unwrap();
        let token = tokens["access_token"].as_str().unwrap();
        assert!(house.who(token).await.is_ok());
        let (resource, now) = ("https://other.example/mcp", house.now());
        let who = house.server.authenticate(&elsewhere, resource, token, now);
        assert!(
            matches!(who.await, Err(BearerError::Invalid)),
            "{granted:?}"
        );
        // Nor is anybody there told what it is.
        let form = app.refresh(&tokens).encoded();
        let refreshed = house.server.token(&elsewhere, request_of(&form), now);
        assert!(refreshed.await.is_err());
        assert!(house.who(token).await.is_ok());
    }
}

fn request_of(form: &str) -> farport_oauth::TokenRequest<'_> {
    request(None, form, None)
}

#[tokio::test]
async fn an_api_token_is_good_for_its_scopes_until_it_ends() {
    let house = House::new();
    let random = Seeded::new(7);
    let mut made = Vec::new();
    for (label, lifetime) in [("ci", Some(3600)), ("for ever", None)] {
        let new = NewApiToken {
            label: label.into(),
            scopes: Scopes::parse("todos:read").unwrap(),
            lifetime: lifetime.map(Duration::from_secs),
        };
        let created = new
            .create(&*house.store, &random as &dyn Random, house.now())
            .await;
        let (record, secret) = created.unwrap();
        let secret = secrecy_text(&secret);
        assert_eq!(record.digest, Digest::of(&secret));
        made.push(secret);
    }
    for resource in [MCP, SSE] {
        let who = house.who_at(resource, &made[0]).await.unwrap();
        assert_eq!(
            (&*who.user.subject, who.name.as_deref()),
            ("ci", Some("ci"))
        );
        assert_ne!(&*who.user.issuer, ISSUER);
        assert_eq!(who.scopes, Scopes::parse("todos:read").unwrap());
        assert!(who.upstream.is_none() && who.client.is_none());
    }
    assert!(house.who(&unknown_text(&made[0])).await.is_err());
    house.pass(3600);
    assert!(house.who(&made[0]).await.is_err());
    assert!(house.who(&made[1]).await.is_ok());
    let listed = house.store.api_tokens().await.unwrap();
    let forever = listed
        .iter()
        .find(|token| &*token.label == "for ever")
        .unwrap();
    house.store.remove_api_token(&forever.id).await.unwrap();
    // Another process removed it: it is believed for ten seconds at most.
    house.pass(10);
    assert!(house.who(&made[1]).await.is_err());
}

fn secrecy_text(secret: &secrecy::SecretString) -> String {
    use secrecy::ExposeSecret;
    secret.expose_secret().to_owned()
}

fn unknown_text(like: &str) -> String {
    unknown(&json!(like)).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn metadata_say_what_there_is_under_the_issuer_to_the_byte() {
    let house = House::new();
    let said = serde_json::to_value(house.server.metadata(&house.site)).unwrap();
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
    let house = House::with(|config| {
        config.registration = false;
        config.client_documents = false;
    });
    let said = serde_json::to_value(house.server.metadata(&house.site)).unwrap();
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
async fn a_network_authorizes_so_often_and_is_told_when_again() {
    let house = House::new();
    let app = house.public_app().await;
    let authorize = async |address: &str| {
        let mut browser = Browser::new(&house);
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
    let refused = refused(authorize("2001:db8:1:2:ffff::1").await);
    assert_eq!(
        (refused.error.code, refused.status.as_u16()),
        (ErrorCode::SlowDown, 429)
    );
    assert_eq!(refused.error.retry_after, Some(Duration::from_secs(1)));
    for other in ["2001:db8:1:3::1", "192.0.2.1", "::ffff:192.0.2.2"] {
        let next = authorize(other).await;
        assert!(matches!(next, farport_oauth::Next::SignIn(_)), "{other}");
    }
    house.pass(1);
    let next = authorize("2001:db8:1:2::1").await;
    assert!(matches!(next, farport_oauth::Next::SignIn(_)), "{next:?}");
    crate::support::refused(authorize("2001:db8:1:2::1").await);
}

#[tokio::test]
async fn a_client_asks_for_tokens_so_often_and_a_public_one_at_each_network() {
    let house = House::with(|config| {
        config.token_rate.burst = 5;
        config.token_rate.per_minute = 6;
    });
    let (public, secret) = (house.public_app().await, confidential(&house).await);
    let ask = async |app: &App, address: &str| {
        let form = app.redemption("x");
        let error = house
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
    // Somebody else's use of the same public client is not used up.
    assert_eq!(ask(&public, "2001:db8:1:3::1").await, None);
    // One with a secret is one, from wherever it asks.
    assert_eq!(ask(&secret, "203.0.113.9").await, Some(10));
    house.pass(10);
    assert_eq!(ask(&public, "2001:db8:1:2::77").await, None);
    assert_eq!(ask(&secret, "203.0.113.9").await, None);
    assert_eq!(ask(&secret, "203.0.113.9").await, Some(10));
    // Who fails to prove to be a client does not use up what is that client's.
    house.pass(10);
    for _ in 0..20 {
        let form = secret.redemption("x").with("client_secret", "wrong");
        let error = house.token(&form).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClient);
    }
    assert_eq!(ask(&secret, "203.0.113.9").await, None);
}

#[tokio::test]
async fn an_address_asks_the_token_endpoint_ten_times_as_often_as_a_client() {
    let house = House::with(|config| config.token_rate.burst = 2);
    let ask = async |address: &str| {
        let body = "grant_type=refresh_token&client_id=nobody";
        let asked = request(None, body, Some(address.parse().unwrap()));
        let answer = house.server.token(&house.site, asked, house.now()).await;
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
async fn a_refusal_for_haste_is_not_told_to_a_redirect_uri() {
    let house = House::with(|config| config.authorize_rate.burst = 1);
    let app = house.public_app().await;
    let mut browser = Browser::new(&house);
    browser.address = Some("192.0.2.1".parse().unwrap());
    let bad = app.request().with("response_type", "token");
    let url = client(browser.authorize(&bad).await);
    assert!(parameter(&url, "error").is_some());
    let refused = refused(browser.authorize(&bad).await);
    assert_eq!(refused.error.code, ErrorCode::SlowDown);
}

#[tokio::test]
async fn a_users_grants_are_bounded_and_those_unused_for_longest_give_way() {
    let house = House::with(|config| {
        config.most_grants = 5;
        config.most_grants_per_client = 3;
        config.authorize_rate.burst = 1000;
    });
    let (one, two) = (house.public_app().await, house.public_app().await);
    let mut signed_in = Vec::new();
    let live = async |signed_in: &[(&str, Value)]| {
        let mut live = Vec::new();
        for (name, answer) in signed_in {
            // A refresh would be a use.
            if house.good(&answer["access_token"]).await {
                live.push(*name);
            }
        }
        live.join(" ")
    };
    for (name, app, user, expect) in [
        ("a", &one, "alice", "a"),
        ("b", &one, "alice", "a b"),
        ("c", &one, "alice", "a b c"),
        // Another's do not count.
        ("x", &one, "bob", "a b c x"),
        // One client's, then all of a user's.
        ("d", &one, "alice", "b c x d"),
        ("e", &two, "alice", "b c x d e"),
        ("f", &two, "alice", "b c x d e f"),
        ("g", &two, "alice", "c x d e f g"),
    ] {
        signed_in.push((name, house.tokens(app, user).await));
        house.pass(A_WHILE);
        assert_eq!(live(&signed_in).await, expect, "after {name}");
    }
    // What is in use stays, as old as it is.
    let refreshed = house.token(&one.refresh(&signed_in[2].1)).await.unwrap();
    for (name, app, expect) in [("h", &two, "c x d f g h"), ("i", &one, "c x f g h i")] {
        house.pass(A_WHILE);
        signed_in.push((name, house.tokens(app, "alice").await));
        assert_eq!(live(&signed_in).await, expect, "after {name}");
    }
    assert!(house.good(&refreshed["access_token"]).await);
    // A code that nobody redeems takes nobody's place, and nobody takes its place.
    let code = Browser::new(&house).code(&one.request(), "alice").await;
    assert_eq!(live(&signed_in).await, "c x f g h i");
    signed_in.push(("j", house.tokens(&two, "alice").await));
    let redeemed = house.token(&one.redemption(&code)).await.unwrap();
    assert!(house.good(&redeemed["access_token"]).await);
}
