use farport_oauth::{
    Reach, Scopes, UnixTime,
    provider::{Oidc, Provider, ProviderError, SecretIn},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{CALLBACK, Issuer, NOW, SignIn, query, signer};

const ISSUER: &str = "https://issuer.example";

fn issuer() -> Issuer {
    Issuer::new(ISSUER)
}

fn provider() -> Oidc {
    Oidc::new(ISSUER, "client", "s3cr3t/+ &".to_owned()).unwrap()
}

fn sign_in(provider: Oidc, issuer: &Issuer) -> SignIn<Oidc> {
    let sign_in = SignIn::new(provider);
    issuer.serve(&sign_in.script);
    sign_in
}

#[tokio::test]
async fn the_authorization_request_has_pkce_nonce_and_state() {
    let mut issuer = issuer();
    issuer.metadata["authorization_endpoint"] =
        json!("https://issuer.example/authorize?tenant=7&state=evil");
    let provider = provider()
        .parameter("prompt", "consent")
        .parameter("redirect_uri", "https://evil.example");
    let sign_in = sign_in(provider, &issuer);
    let url = sign_in.begin().await.unwrap();
    assert!(
        url.as_str()
            .starts_with("https://issuer.example/authorize?")
    );
    let query = query(&url);
    for (name, value) in [
        ("tenant", "7"),
        ("prompt", "consent"),
        ("response_type", "code"),
        ("client_id", "client"),
        ("redirect_uri", CALLBACK),
        ("state", "the-state"),
        ("nonce", "the-nonce"),
        ("scope", "email openid profile"),
        // RFC 7636, appendix B.
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query[name], value, "{name}");
    }
    assert_eq!(query.len(), 10, "nothing else is sent: {url}");
}

#[tokio::test]
async fn a_valid_id_token_identifies_the_user() {
    for header in [
        json!({"alg": "ES256", "kid": "p"}),
        json!({"alg": "RS256", "kid": "r", "typ": "JWT"}),
    ] {
        let mut issuer = issuer();
        issuer.header = header;
        issuer.claims["role"] = json!("admin");
        let sign_in = sign_in(provider(), &issuer);
        let properties = sign_in.finish().await.unwrap();
        let identity = properties.identity;
        assert_eq!(&*identity.user.issuer, ISSUER);
        assert_eq!(&*identity.user.subject, "u-1");
        assert_eq!(identity.name.as_deref(), Some("Alice"));
        assert_eq!(identity.email.as_deref(), Some("alice@example.com"));
        assert_eq!(identity.claims["role"], "admin");
        assert!(identity.claims.get("nonce").is_none());
        assert_eq!(identity.allowed, None);
        let tokens = properties.upstream.unwrap();
        assert_eq!(tokens.access.expose_secret(), "upstream-access");
        assert_eq!(tokens.refresh.unwrap().expose_secret(), "upstream-refresh");
        assert_eq!(tokens.expires, Some(UnixTime(NOW + 3600)));
        assert_eq!(tokens.scopes.to_string(), "email openid profile");
        // The id token was complete, so the user-info endpoint was not called.
        assert_eq!(sign_in.script.count(&issuer.user_info()), 0);
        let reaches = sign_in.script.seen();
        assert!(reaches.iter().all(|seen| seen.reach == Reach::Configured));
    }
}

#[tokio::test]
async fn client_authentication_follows_the_metadata() {
    let basic = "Basic Y2xpZW50OnMzY3IzdCUyRiUyQislMjY=";
    for (methods, set, header) in [
        (Value::Null, None, true),
        (
            json!(["client_secret_basic", "client_secret_post"]),
            None,
            true,
        ),
        (json!(["client_secret_post"]), None, false),
        (json!(["client_secret_basic"]), Some(SecretIn::Body), false),
        (json!(["client_secret_post"]), Some(SecretIn::Header), true),
    ] {
        let mut issuer = issuer();
        if !methods.is_null() {
            issuer.metadata["token_endpoint_auth_methods_supported"] = methods.clone();
        }
        let provider = match set {
            Some(place) => provider().secret_in(place),
            None => provider(),
        };
        let sign_in = sign_in(provider, &issuer);
        sign_in.finish().await.unwrap();
        let seen = sign_in.script.last(&issuer.token());
        let form = seen.form();
        assert_eq!(form["grant_type"], "authorization_code");
        assert_eq!(form["code"], "the-code");
        assert_eq!(form["redirect_uri"], CALLBACK);
        assert_eq!(form["code_verifier"].len(), 43);
        let (in_header, in_body) = if header {
            (Some(basic), None)
        } else {
            (None, Some("s3cr3t/+ &"))
        };
        assert_eq!(seen.header("authorization"), in_header, "{methods}");
        let sent = form.get("client_secret").map(String::as_str);
        assert_eq!(sent, in_body, "{methods}");
        assert_eq!(seen.header("accept"), Some("application/json"));
    }
    let issuer = issuer();
    let public = Oidc::public(ISSUER, "client").unwrap();
    let sign_in = sign_in(public, &issuer);
    sign_in.finish().await.unwrap();
    let seen = sign_in.script.last(&issuer.token());
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(seen.form()["client_id"], "client");
    assert!(!seen.form().contains_key("client_secret"));
}

#[tokio::test]
async fn missing_claims_come_from_the_user_info() {
    let mut issuer = issuer();
    for name in ["name", "email", "email_verified"] {
        issuer.claims.as_object_mut().unwrap().remove(name);
    }
    issuer.user_info = json!({
        "sub": "u-1", "name": "Alice B.", "email": "a@example.com", "email_verified": true,
        "iss": "https://evil.example", "permissions": "read write",
    });
    let provider = provider().permissions_claim("permissions");
    let sign_in = sign_in(provider, &issuer);
    let identity = sign_in.finish().await.unwrap().identity;
    assert_eq!(identity.name.as_deref(), Some("Alice B."));
    assert_eq!(identity.email.as_deref(), Some("a@example.com"));
    assert_eq!(identity.claims["iss"], ISSUER);
    assert_eq!(identity.allowed.unwrap().to_string(), "read write");
    let seen = sign_in.script.last(&issuer.user_info());
    assert_eq!(seen.header("authorization"), Some("Bearer upstream-access"));
}

#[tokio::test]
async fn email_verified_of_the_user_info_does_not_apply_to_the_id_token() {
    let mut issuer = issuer();
    for name in ["name", "email_verified"] {
        issuer.claims.as_object_mut().unwrap().remove(name);
    }
    issuer.user_info = json!({
        "sub": "u-1", "name": "Alice", "email": "other@example.com", "email_verified": true,
    });
    let identity = sign_in(provider(), &issuer)
        .finish()
        .await
        .unwrap()
        .identity;
    assert_eq!(identity.email, None);
}

#[tokio::test]
async fn permissions_limit_what_a_user_may_grant() {
    let role = || {
        provider()
            .permissions_claim("/realm_access/roles")
            .permission("admin", ["todos:read", "todos:write"])
    };
    for (provider, claims, expect) in [
        (provider(), json!({}), None),
        (
            provider().permissions_claim("permissions"),
            json!({"permissions": ["a", "b"]}),
            Some("a b"),
        ),
        (
            provider().permissions_claim("permissions"),
            json!({"permissions": "b a"}),
            Some("a b"),
        ),
        (
            provider().permissions_claim("permissions"),
            json!({}),
            Some(""),
        ),
        (
            role(),
            json!({"realm_access": {"roles": ["admin", "user"]}}),
            Some("todos:read todos:write user"),
        ),
    ] {
        let mut issuer = issuer();
        let more = claims.as_object().unwrap().clone();
        issuer.claims.as_object_mut().unwrap().extend(more);
        let identity = sign_in(provider, &issuer).finish().await.unwrap().identity;
        let allowed = identity.allowed.map(|scopes| scopes.to_string());
        assert_eq!(allowed.as_deref(), expect, "{claims}");
    }
}

#[tokio::test]
async fn permissions_come_only_from_a_valid_access_token() {
    let good = json!({
        "iss": ISSUER, "aud": ["https://api.example"], "sub": "u-1", "exp": NOW + 60,
        "permissions": ["read:todos"],
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (claims, alg, expect) in [
        (good.clone(), "ES256", Some("read:todos")),
        (with("permissions", json!([])), "ES256", Some("")),
        (with("sub", json!("u-2")), "ES256", None),
        (with("aud", json!("client")), "ES256", None),
        (with("iss", json!("https://evil.example")), "ES256", None),
        (with("exp", json!(NOW - 61)), "ES256", None),
        (good.clone(), "none", None),
    ] {
        let mut issuer = issuer();
        let header = json!({"alg": alg, "kid": "p", "typ": "at+jwt"});
        issuer.tokens["access_token"] = signer().sign(&header, &claims).into();
        // The claim of the id token does not count.
        issuer.claims["permissions"] = json!(["everything"]);
        let provider = provider()
            .permissions_claim("permissions")
            .permissions_in_access_token("https://api.example");
        let outcome = sign_in(provider, &issuer).finish().await;
        match expect {
            Some(expect) => {
                let identity = outcome.unwrap().identity;
                assert_eq!(identity.allowed.unwrap(), Scopes::parse(expect).unwrap());
                assert_eq!(identity.claims["permissions"], claims["permissions"]);
            }
            None => assert!(
                matches!(outcome, Err(ProviderError::Unacceptable(_))),
                "{claims}"
            ),
        }
    }
}

#[tokio::test]
async fn a_refresh_keeps_omitted_values() {
    let issuer = issuer();
    let sign_in = sign_in(provider(), &issuer);
    let tokens = sign_in.finish().await.unwrap().upstream.unwrap();
    sign_in.script.on_json(
        &issuer.token(),
        json!({"access_token": "second", "token_type": "bearer", "expires_in": "60"}),
    );
    let tokens = sign_in.refresh(&tokens).await.unwrap();
    let form = sign_in.script.last(&issuer.token()).form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "upstream-refresh");
    assert_eq!(tokens.access.expose_secret(), "second");
    let refresh = tokens.refresh.as_ref().unwrap();
    assert_eq!(refresh.expose_secret(), "upstream-refresh");
    assert_eq!(tokens.expires, Some(UnixTime(NOW + 60)));
    assert_eq!(tokens.scopes.to_string(), "email openid profile");
    sign_in.script.on_json(
        &issuer.token(),
        json!({"access_token": "third", "refresh_token": "other", "scope": "openid"}),
    );
    let mut tokens = sign_in.refresh(&tokens).await.unwrap();
    assert_eq!(tokens.refresh.unwrap().expose_secret(), "other");
    assert_eq!(tokens.expires, None);
    assert_eq!(tokens.scopes.to_string(), "openid");
    tokens.refresh = None;
    let outcome = sign_in.refresh(&tokens).await;
    assert!(matches!(outcome, Err(ProviderError::Refused(_))));
}

#[tokio::test]
async fn a_new_key_is_fetched() {
    let mut issuer = issuer();
    let mut sign_in = sign_in(provider(), &issuer);
    sign_in.finish().await.unwrap();
    issuer.header["kid"] = json!("new");
    issuer.serve(&sign_in.script);
    sign_in
        .script
        .on_json(&issuer.keys(), json!({"keys": [signer().p256_jwk("new")]}));
    sign_in.now = UnixTime(NOW + 31);
    sign_in.finish().await.unwrap();
    assert_eq!(sign_in.script.count(&issuer.keys()), 2);
}

#[tokio::test]
async fn metadata_is_cached_and_survives_an_outage() {
    let issuer = issuer();
    let line = "GET https://issuer.example/.well-known/openid-configuration";
    let mut sign_in = sign_in(provider(), &issuer);
    for _ in 0..5 {
        sign_in.begin().await.unwrap();
        sign_in.finish().await.unwrap();
    }
    assert_eq!(sign_in.script.count(line), 1);
    sign_in
        .script
        .on(line, |_| Err(farport_oauth::FetchError::TimedOut));
    sign_in.now = UnixTime(NOW + 3600);
    sign_in.begin().await.unwrap();
    sign_in.now = UnixTime(NOW + 7200);
    let outcome = sign_in.begin().await;
    assert!(matches!(outcome, Err(ProviderError::Unavailable(_))));
}

#[test]
fn an_issuer_must_be_https_and_debug_output_has_no_secret() {
    for issuer in [
        "http://issuer.example",
        "issuer.example",
        "https://a@b.example",
    ] {
        assert!(Oidc::new(issuer, "client", String::new()).is_err());
    }
    let provider = provider();
    assert_eq!(provider.name(), "issuer.example");
    assert!(!format!("{provider:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn tokens_are_revoked_at_the_endpoint_in_the_metadata() {
    let revoke = format!("POST {ISSUER}/revoke");
    let without = sign_in(provider(), &issuer());
    let tokens = without.finish().await.unwrap().upstream.unwrap();
    without.revoke(&tokens).await.unwrap();
    assert_eq!(without.script.count(&revoke), 0);
    let mut issuer = issuer();
    issuer.metadata["revocation_endpoint"] = json!(format!("{ISSUER}/revoke"));
    let with = sign_in(provider(), &issuer);
    with.revoke(&tokens).await.unwrap_err();
    with.script.on_json(&revoke, json!({}));
    with.revoke(&tokens).await.unwrap();
    let seen = with.script.seen();
    let seen: Vec<_> = seen.iter().filter(|seen| seen.line == revoke).collect();
    let sent: Vec<_> = seen[1..].iter().map(|seen| seen.form()).collect();
    assert_eq!(sent.len(), 2);
    for (form, token, hint) in [
        (&sent[0], "upstream-refresh", "refresh_token"),
        (&sent[1], "upstream-access", "access_token"),
    ] {
        assert_eq!(form["token"], token);
        assert_eq!(form["token_type_hint"], hint);
    }
    assert!(
        seen[0]
            .header("authorization")
            .unwrap()
            .starts_with("Basic ")
    );
}
