use farport_oauth::{
    UnixTime,
    provider::{ProviderError, Slack},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Issuer, NOW, SignIn, query};

const ACCESS: &str = "POST https://slack.com/api/oauth.v2.access";
const TEST: &str = "GET https://slack.com/api/auth.test";
const INFO: &str = "GET https://slack.com/api/users.info?user=U1";

fn slack() -> Slack {
    Slack::new("client", "s3cr3t".to_owned())
}

/// The shapes of openid.connect.token and openid.connect.userInfo.
fn openid() -> Issuer {
    let mut issuer = Issuer::new("https://slack.com");
    issuer.claims["sub"] = json!("U1");
    issuer.claims["https://slack.com/team_id"] = json!("T1");
    issuer.claims["https://slack.com/user_id"] = json!("U1");
    issuer.tokens = json!({"ok": true, "access_token": "xoxp-1", "token_type": "Bearer"});
    issuer.metadata["token_endpoint_auth_methods_supported"] =
        json!(["client_secret_post", "client_secret_basic"]);
    issuer.user_info = json!({"ok": true, "sub": "U1", "https://slack.com/team_name": "Acme"});
    issuer
}

fn api(provider: Slack) -> SignIn<Slack> {
    let sign_in = SignIn::new(provider);
    sign_in.script.on_json(
        ACCESS,
        json!({
            "ok": true, "app_id": "A1", "team": {"id": "T1", "name": "Acme"},
            "authed_user": {
                "id": "U1", "scope": "channels:read,users:read,users:read.email",
                "access_token": "xoxe.xoxp-1", "token_type": "user",
                "refresh_token": "xoxe-1", "expires_in": 43200,
            },
        }),
    );
    let who = json!({"ok": true, "team": "Acme", "user": "al", "team_id": "T1", "user_id": "U1"});
    sign_in.script.on_json(TEST, who);
    sign_in.script.on_json(
        INFO,
        json!({"ok": true, "user": {
            "id": "U1", "real_name": "Alice", "is_email_confirmed": true,
            "profile": {"email": "alice@example.com"},
        }}),
    );
    sign_in
}

#[tokio::test]
async fn without_user_scopes_slack_uses_openid_connect() {
    let issuer = openid();
    let sign_in = SignIn::new(slack());
    issuer.serve(&sign_in.script);
    let query = query(&sign_in.begin().await.unwrap());
    assert_eq!(query["nonce"], "the-nonce");
    assert!(!query.contains_key("code_challenge"));
    let identity = sign_in.finish().await.unwrap().identity;
    assert_eq!(&*identity.user.issuer, "https://slack.com");
    assert_eq!(&*identity.user.subject, "T1/U1");
    assert_eq!(identity.email.as_deref(), Some("alice@example.com"));
    let form = sign_in.script.last(&issuer.token()).form();
    assert!(!form.contains_key("code_verifier"));

    let sign_in = SignIn::new(slack().pkce(true));
    issuer.serve(&sign_in.script);
    let query = crate::support::query(&sign_in.begin().await.unwrap());
    assert!(query.contains_key("code_challenge"));
}

#[tokio::test]
async fn with_user_scopes_the_token_acts_for_the_user() {
    let sign_in = api(slack().user_scopes(["channels:read", "users:read", "users:read.email"]));
    let url = sign_in.begin().await.unwrap();
    assert!(
        url.as_str()
            .starts_with("https://slack.com/oauth/v2/authorize?")
    );
    let query = query(&url);
    assert_eq!(
        query["user_scope"],
        "channels:read,users:read,users:read.email"
    );
    let properties = sign_in.finish().await.unwrap();
    let identity = properties.identity;
    assert_eq!(&*identity.user.subject, "T1/U1");
    assert_eq!(identity.name.as_deref(), Some("Alice"));
    assert_eq!(identity.email.as_deref(), Some("alice@example.com"));
    let tokens = properties.upstream.unwrap();
    assert_eq!(tokens.access.expose_secret(), "xoxe.xoxp-1");
    assert_eq!(tokens.expires, Some(UnixTime(NOW + 43200)));
    assert!(tokens.scopes.contains("channels:read"));
    // After a refresh, the tokens are at the top level of the response.
    sign_in.script.on_json(
        ACCESS,
        json!({
            "ok": true, "access_token": "xoxe.xoxp-2", "refresh_token": "xoxe-2",
            "expires_in": 43200, "token_type": "user", "team": {"id": "T1"},
            "authed_user": {"id": "U1"},
        }),
    );
    let tokens = sign_in.refresh(&tokens).await.unwrap();
    assert_eq!(
        sign_in.script.last(ACCESS).form()["refresh_token"],
        "xoxe-1"
    );
    assert_eq!(tokens.access.expose_secret(), "xoxe.xoxp-2");
    assert_eq!(tokens.refresh.as_ref().unwrap().expose_secret(), "xoxe-2");
    assert!(tokens.scopes.contains("channels:read"));
    let error = json!({"ok": false, "error": "invalid_refresh_token"});
    sign_in.script.on_json(ACCESS, error);
    let outcome = sign_in.refresh(&tokens).await;
    assert!(matches!(outcome, Err(ProviderError::Refused(_))));
}

#[tokio::test]
async fn only_members_of_the_teams_can_sign_in() {
    for (teams, good) in [
        (&["T1"][..], true),
        (&["T2", "T1"], true),
        (&["T2"], false),
        (&["t1"], false),
    ] {
        let issuer = openid();
        let sign_in = SignIn::new(slack().teams(teams.iter().copied()));
        issuer.serve(&sign_in.script);
        let by_api = api(slack()
            .teams(teams.iter().copied())
            .user_scopes(["channels:read"]));
        for outcome in [sign_in.finish().await, by_api.finish().await] {
            match outcome {
                Ok(_) => assert!(good, "{teams:?}"),
                Err(error) => {
                    assert!(!good, "{teams:?}: {error}");
                    assert!(matches!(error, ProviderError::NotAllowed(_)));
                }
            }
        }
    }
}

#[tokio::test]
async fn responses_about_no_or_another_user_are_rejected() {
    for (line, answer) in [
        (ACCESS, json!({"ok": false, "error": "invalid_code"})),
        (ACCESS, json!({"ok": true, "authed_user": {"id": "U1"}})),
        (TEST, json!({"ok": false, "error": "invalid_auth"})),
        (
            TEST,
            json!({"ok": "true", "team_id": "T1", "user_id": "U1"}),
        ),
        (TEST, json!({"ok": true, "team_id": "T1"})),
        (TEST, json!({"ok": true, "team_id": "", "user_id": "U1"})),
        (
            INFO,
            json!({"ok": true, "user": {"id": "U2", "real_name": "Mallory"}}),
        ),
        (INFO, json!({"ok": false, "error": "user_not_found"})),
    ] {
        let sign_in = api(slack().user_scopes(["users:read"]));
        sign_in.script.on_json(line, answer.clone());
        assert!(sign_in.finish().await.is_err(), "{line} {answer}");
    }
    for claim in ["https://slack.com/team_id", "https://slack.com/user_id"] {
        let mut issuer = openid();
        issuer.claims[claim] = Value::Null;
        let sign_in = SignIn::new(slack());
        issuer.serve(&sign_in.script);
        let outcome = sign_in.finish().await;
        assert!(matches!(outcome, Err(ProviderError::Unacceptable(_))));
    }
}

#[tokio::test]
async fn a_team_can_have_no_name() {
    let sign_in = api(slack().user_scopes(["channels:read"]));
    let who = json!({"ok": true, "team_id": "T1", "user_id": "U1"});
    sign_in.script.on_json(TEST, who);
    sign_in.script.on_json(INFO, json!({"ok": true}));
    let identity = sign_in.finish().await.unwrap().identity;
    assert_eq!(&*identity.user.subject, "T1/U1");
    assert_eq!(identity.name, None);
}

#[tokio::test]
async fn another_base_url_keeps_the_settings() {
    let provider = slack()
        .teams(["T1"])
        .pkce(true)
        .user_scopes(["channels:read"])
        .base_url("http://localhost:9000")
        .unwrap();
    let sign_in = SignIn::new(provider);
    let url = sign_in.begin().await.unwrap();
    assert!(
        url.as_str()
            .starts_with("http://localhost:9000/oauth/v2/authorize?")
    );
    let query = query(&url);
    assert_eq!(query["team"], "T1");
    assert_eq!(query["user_scope"], "channels:read");
    assert!(query.contains_key("code_challenge"));
}
