use farport_oauth::provider::{OAuth2, OAuth2Urls, ProviderError, SecretIn};
use serde_json::{Value, json};

use crate::support::{SignIn, query};

const TOKEN: &str = "POST https://idp.example/token";
const USER: &str = "GET https://api.idp.example/me";

fn provider() -> OAuth2 {
    let urls = OAuth2Urls {
        authorize: "https://idp.example/authorize",
        token: "https://idp.example/token",
        user_info: "https://api.idp.example/me",
    };
    OAuth2::new("https://idp.example", urls, "client", "s3cr3t".to_owned()).unwrap()
}

fn sign_in(provider: OAuth2, user: Value) -> SignIn<OAuth2> {
    let sign_in = SignIn::new(provider);
    sign_in
        .script
        .on_json(TOKEN, json!({"access_token": "a", "token_type": "Bearer"}));
    sign_in.script.on_json(USER, user);
    sign_in
}

#[tokio::test]
async fn the_settings_select_members_of_the_user_info() {
    let user = json!({
        "data": {"id": 77, "title": "Alice"}, "sub": "u-1", "name": "Other",
        "email": "alice@example.com", "roles": ["a"],
    });
    let provider = provider()
        .subject("/data/id")
        .display_name("/data/title")
        .permissions_claim("roles")
        .scopes(["profile"])
        .secret_in(SecretIn::Body)
        .named("Idp");
    let sign_in = sign_in(provider, user);
    let query = query(&sign_in.begin().await.unwrap());
    assert_eq!(query["scope"], "profile");
    assert_eq!(query["code_challenge_method"], "S256");
    let properties = sign_in.finish().await.unwrap();
    let identity = properties.identity;
    assert_eq!(&*identity.user.issuer, "https://idp.example");
    assert_eq!(&*identity.user.subject, "77");
    assert_eq!(identity.name.as_deref(), Some("Alice"));
    // The provider does not report it as verified.
    assert_eq!(identity.email, None);
    assert_eq!(identity.allowed.unwrap().to_string(), "a");
    assert_eq!(properties.upstream.unwrap().scopes.to_string(), "profile");
    assert_eq!(sign_in.script.last(TOKEN).form()["client_secret"], "s3cr3t");
    let seen = sign_in.script.last(USER);
    assert_eq!(seen.header("authorization"), Some("Bearer a"));
}

#[tokio::test]
async fn user_info_without_a_subject_is_rejected() {
    for user in [
        json!({}),
        json!({"sub": ""}),
        json!({"sub": null}),
        json!({"sub": 1.5}),
        json!({"sub": true}),
        json!({"sub": ["u-1"]}),
        json!("u-1"),
    ] {
        let outcome = sign_in(provider(), user.clone()).finish().await;
        assert!(
            matches!(outcome, Err(ProviderError::Unavailable(_))),
            "{user}"
        );
    }
    let good = sign_in(provider(), json!({"sub": "u-1"}));
    good.finish().await.unwrap();
    let outcome = good.finish_from(Some("https://evil.example")).await;
    assert!(matches!(outcome, Err(ProviderError::Unacceptable(_))));
}

#[test]
fn endpoints_have_to_be_https() {
    for urls in [
        [
            "http://idp.example/a",
            "https://idp.example/t",
            "https://idp.example/u",
        ],
        [
            "https://idp.example/a",
            "http://idp.example/t",
            "https://idp.example/u",
        ],
        [
            "https://idp.example/a",
            "https://idp.example/t",
            "idp.example/u",
        ],
    ] {
        let [authorize, token, user_info] = urls;
        let urls = OAuth2Urls {
            authorize,
            token,
            user_info,
        };
        assert!(OAuth2::new("i", urls, "client", String::new()).is_err());
    }
}

#[tokio::test]
async fn tokens_are_revoked_at_the_configured_endpoint() {
    const REVOKE: &str = "POST https://idp.example/revoke";
    let user = json!({"sub": "u-1"});
    let without = sign_in(provider(), user.clone());
    let tokens = without.finish().await.unwrap().upstream.unwrap();
    without.revoke(&tokens).await.unwrap();
    assert_eq!(without.script.count(REVOKE), 0);
    let provider = provider().revocation_url("https://idp.example/revoke");
    let with = sign_in(provider.unwrap(), user);
    with.script.on_json(REVOKE, json!({}));
    with.revoke(&tokens).await.unwrap();
    let form = with.script.last(REVOKE).form();
    assert_eq!(form["token"], "a");
    assert_eq!(form["token_type_hint"], "access_token");
}
