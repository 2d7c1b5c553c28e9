use farport_oauth::{
    UnixTime,
    provider::{GitHub, Provider, ProviderError},
};
use http::Response;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{CALLBACK, NOW, SignIn, query};

const TOKEN: &str = "POST https://github.com/login/oauth/access_token";
const USER: &str = "GET https://api.github.com/user";
const EMAILS: &str = "GET https://api.github.com/user/emails";

fn github() -> GitHub {
    GitHub::new("client", "s3cr3t".to_owned())
}

fn user() -> Value {
    json!({
        "login": "octocat", "id": 583231, "name": null, "email": "public@example.com",
        "avatar_url": "https://avatars.example/1", "followers_url": "https://api.github.com/x",
        "url": "https://api.github.com/users/octocat", "type": "User",
    })
}

fn emails() -> Value {
    json!([
        {"email": "old@example.com", "primary": false, "verified": true},
        {"email": "octocat@example.com", "primary": true, "verified": true},
    ])
}

fn sign_in(scope: &str) -> SignIn<GitHub> {
    let sign_in = SignIn::new(github());
    let tokens = json!({"access_token": "gho_1", "token_type": "bearer", "scope": scope});
    sign_in.script.on_json(TOKEN, tokens);
    sign_in.script.on_json(USER, user());
    sign_in.script.on_json(EMAILS, emails());
    sign_in
}

#[tokio::test]
async fn the_subject_of_a_user_is_their_number() {
    let sign_in = sign_in("read:user,user:email");
    let url = sign_in.begin().await.unwrap();
    assert!(
        url.as_str()
            .starts_with("https://github.com/login/oauth/authorize?")
    );
    let query = query(&url);
    assert_eq!(query["scope"], "read:user user:email");
    assert_eq!(query["redirect_uri"], CALLBACK);
    assert_eq!(query["code_challenge_method"], "S256");
    let properties = sign_in.finish().await.unwrap();
    let identity = properties.identity;
    assert_eq!(&*identity.user.issuer, "https://github.com");
    assert_eq!(&*identity.user.subject, "583231");
    assert_eq!(identity.name.as_deref(), Some("octocat"));
    assert_eq!(identity.email.as_deref(), Some("octocat@example.com"));
    assert_eq!(identity.claims["login"], "octocat");
    assert!(identity.claims.contains_key("avatar_url"));
    assert!(!identity.claims.contains_key("followers_url"));
    assert!(!identity.claims.contains_key("url"));
    let tokens = properties.upstream.unwrap();
    assert_eq!(tokens.scopes.to_string(), "read:user user:email");
    assert_eq!(tokens.expires, None);
    let seen = sign_in.script.last(TOKEN);
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.form()["client_secret"], "s3cr3t");
    assert_eq!(seen.form()["code_verifier"].len(), 43);
    let seen = sign_in.script.last(USER);
    assert_eq!(seen.header("authorization"), Some("Bearer gho_1"));
    assert_eq!(seen.header("accept"), Some("application/vnd.github+json"));
    assert!(seen.header("user-agent").unwrap().starts_with("farport/"));
}

#[tokio::test]
async fn the_email_address_is_the_verified_primary_one() {
    let unverified = json!([{"email": "a@example.com", "primary": true, "verified": false}]);
    for (scope, emails, expect) in [
        ("user:email", emails(), Some("octocat@example.com")),
        ("user", emails(), Some("octocat@example.com")),
        // The token of a GitHub App names no scopes.
        ("", emails(), Some("octocat@example.com")),
        ("read:user", emails(), None),
        ("user:email", unverified, None),
        ("user:email", json!([]), None),
        ("user:email", json!(["a@example.com", {"email": 7}]), None),
    ] {
        let sign_in = sign_in(scope);
        sign_in.script.on_json(EMAILS, emails.clone());
        let identity = sign_in.finish().await.unwrap().identity;
        assert_eq!(identity.email.as_deref(), expect, "{scope}: {emails}");
    }
    for (status, good) in [(403, true), (404, true), (500, false), (302, false)] {
        let sign_in = sign_in("");
        sign_in.script.on(EMAILS, move |_| {
            let response = Response::builder().status(status);
            Ok(response.body("{}".into()).unwrap())
        });
        assert_eq!(sign_in.finish().await.is_ok(), good, "{status}");
    }
}

#[tokio::test]
async fn errors_have_status_200() {
    for (error, refused) in [
        ("bad_verification_code", true),
        ("incorrect_client_credentials", false),
        ("redirect_uri_mismatch", false),
    ] {
        let sign_in = sign_in("");
        sign_in.script.on_json(TOKEN, json!({"error": error}));
        let outcome = sign_in.finish().await.unwrap_err();
        assert_eq!(matches!(outcome, ProviderError::Refused(_)), refused);
        assert!(outcome.to_string().contains(error));
        assert_eq!(sign_in.script.count(USER), 0);
    }
}

#[tokio::test]
async fn user_info_without_id_or_login_is_rejected() {
    for user in [
        json!({"login": "octocat"}),
        json!({"login": "octocat", "id": "583231"}),
        json!({"login": "octocat", "id": -1}),
        json!({"login": "octocat", "id": 1.5}),
        json!({"login": "", "id": 1}),
        json!({"id": 1}),
        json!([]),
    ] {
        let sign_in = sign_in("");
        sign_in.script.on_json(USER, user.clone());
        let outcome = sign_in.finish().await;
        assert!(
            matches!(outcome, Err(ProviderError::Unavailable(_))),
            "{user}"
        );
    }
}

#[tokio::test]
async fn a_response_from_another_issuer_is_rejected() {
    for (iss, good) in [
        (None, true),
        (Some("https://github.com"), true),
        (Some("https://github.com/login/oauth"), true),
        (Some("https://evil.example"), false),
    ] {
        let sign_in = sign_in("");
        assert_eq!(sign_in.finish_from(iss).await.is_ok(), good, "{iss:?}");
        assert_eq!(sign_in.script.count(TOKEN), usize::from(good));
    }
}

#[tokio::test]
async fn expiring_tokens_are_refreshed() {
    let sign_in = sign_in("");
    let answer = |n: u8| {
        json!({
            "access_token": format!("ghu_{n}"), "expires_in": 28800,
            "refresh_token": format!("ghr_{n}"), "refresh_token_expires_in": 15811200,
            "token_type": "bearer", "scope": "",
        })
    };
    sign_in.script.on_json(TOKEN, answer(1));
    let tokens = sign_in.finish().await.unwrap().upstream.unwrap();
    assert_eq!(tokens.expires, Some(UnixTime(NOW + 28800)));
    sign_in.script.on_json(TOKEN, answer(2));
    let tokens = sign_in.refresh(&tokens).await.unwrap();
    let form = sign_in.script.last(TOKEN).form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "ghr_1");
    assert_eq!(form["client_secret"], "s3cr3t");
    assert_eq!(tokens.access.expose_secret(), "ghu_2");
    assert_eq!(tokens.refresh.as_ref().unwrap().expose_secret(), "ghr_2");
    let error = json!({"error": "bad_refresh_token", "error_description": "ghr_2 is bad"});
    sign_in.script.on_json(TOKEN, error);
    let outcome = sign_in.refresh(&tokens).await.unwrap_err();
    assert!(matches!(outcome, ProviderError::Refused(_)));
    assert!(!outcome.to_string().contains("ghr_2"));
}

#[tokio::test]
async fn an_enterprise_server_has_its_own_urls_and_users() {
    for (base, api, issuer) in [
        (
            "https://git.example/",
            "https://git.example/api/v3",
            "https://git.example",
        ),
        (
            "http://localhost:9000/gh",
            "http://localhost:9000/gh/api/v3",
            "http://localhost:9000/gh",
        ),
        (
            "https://acme.ghe.com",
            "https://api.acme.ghe.com",
            "https://acme.ghe.com",
        ),
    ] {
        let sign_in = SignIn::new(github().base_url(base).unwrap());
        let token = format!("POST {issuer}/login/oauth/access_token");
        let tokens = json!({"access_token": "x", "scope": "read:user"});
        sign_in.script.on_json(&token, tokens);
        sign_in.script.on_json(&format!("GET {api}/user"), user());
        let url = sign_in.begin().await.unwrap();
        let authorize = format!("{issuer}/login/oauth/authorize?");
        assert!(url.as_str().starts_with(&authorize), "{url}");
        let identity = sign_in.finish().await.unwrap().identity;
        assert_eq!(&*identity.user.issuer, issuer);
    }
    assert!(github().base_url("http://git.example").is_err());
    assert_eq!(github().name(), "GitHub");
    assert!(!format!("{:?}", github()).contains("s3cr3t"));
}

#[tokio::test]
async fn a_token_is_deleted_with_the_secret_of_the_app() {
    let sign_in = sign_in("read:user");
    let tokens = sign_in.finish().await.unwrap().upstream.unwrap();
    const DELETE: &str = "DELETE https://api.github.com/applications/client/token";
    for (status, good) in [
        (204, true),
        (404, true),
        (422, true),
        (401, false),
        (500, false),
    ] {
        sign_in.script.on(DELETE, move |_| {
            let response = Response::builder().status(status);
            Ok(response.body(Default::default()).unwrap())
        });
        assert_eq!(sign_in.revoke(&tokens).await.is_ok(), good, "{status}");
        let seen = sign_in.script.last(DELETE);
        let body: Value = serde_json::from_slice(seen.request.body()).unwrap();
        assert_eq!(body, json!({"access_token": "gho_1"}));
        // client:s3cr3t
        assert_eq!(
            seen.header("authorization"),
            Some("Basic Y2xpZW50OnMzY3IzdA==")
        );
    }
}
