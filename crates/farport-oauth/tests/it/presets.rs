use farport_oauth::provider::{InvalidSettings, Oidc, Provider, ProviderError};
use serde_json::{Value, json};

use crate::support::{Issuer, NOW, SignIn, query, signer};

fn secret() -> String {
    "s3cr3t".to_owned()
}

/// Each preset signs in at a provider with the issuer of the preset.
#[tokio::test]
async fn each_preset_has_its_issuer() {
    type Make = fn() -> Result<Oidc, InvalidSettings>;
    let presets: [(Make, &str, &str); 8] = [
        (
            || Ok(Oidc::google("client", secret())),
            "https://accounts.google.com",
            "Google",
        ),
        (
            || Oidc::google_at("http://localhost:7000", "client", secret()),
            "http://localhost:7000",
            "Google",
        ),
        (
            || Oidc::auth0("acme.eu.auth0.com", "client", secret()),
            "https://acme.eu.auth0.com/",
            "Auth0",
        ),
        (
            || Oidc::stytch("acme.customers.stytch.com", "client", secret()),
            "https://acme.customers.stytch.com",
            "Stytch",
        ),
        (
            || Oidc::okta("acme.okta.com/oauth2/default", "client", secret()),
            "https://acme.okta.com/oauth2/default",
            "Okta",
        ),
        (
            || Oidc::keycloak("https://id.example/auth/", "acme", "client", secret()),
            "https://id.example/auth/realms/acme",
            "Keycloak",
        ),
        (
            || Oidc::okta("http://localhost:7000/", "client", secret()),
            "http://localhost:7000",
            "Okta",
        ),
        (
            || Oidc::auth0("http://localhost:7000", "client", secret()),
            "http://localhost:7000/",
            "Auth0",
        ),
    ];
    for (make, issuer, name) in presets {
        let provider = make().unwrap();
        assert_eq!(provider.name(), name);
        let sign_in = SignIn::new(provider);
        Issuer::new(issuer).serve(&sign_in.script);
        sign_in.begin().await.unwrap();
        let identity = sign_in.finish().await.unwrap().identity;
        assert_eq!(&*identity.user.issuer, issuer);
    }
}

#[tokio::test]
async fn a_hosted_domain_is_requested_and_checked() {
    for (domains, asked, hd, good) in [
        (
            &["acme.example"][..],
            "acme.example",
            json!("acme.example"),
            true,
        ),
        (
            &["acme.example"],
            "acme.example",
            json!("evil.example"),
            false,
        ),
        (
            &["acme.example"],
            "acme.example",
            json!("ACME.example"),
            false,
        ),
        (
            &["acme.example"],
            "acme.example",
            json!(["acme.example"]),
            false,
        ),
        (&["acme.example"], "acme.example", Value::Null, false),
        (&["a.example", "b.example"], "*", json!("b.example"), true),
        (&["a.example", "b.example"], "*", json!("c.example"), false),
        (&[], "*", json!("c.example"), false),
    ] {
        let provider = Oidc::google("client", secret()).hosted_domains(domains.iter().copied());
        let sign_in = SignIn::new(provider);
        let mut issuer = Issuer::new("https://accounts.google.com");
        issuer.claims["hd"] = hd.clone();
        issuer.claims["email"] = json!("alice@acme.example");
        issuer.user_info["hd"] = json!("acme.example");
        issuer.serve(&sign_in.script);
        let query = query(&sign_in.begin().await.unwrap());
        assert_eq!(query["hd"], asked);
        assert_eq!(query["access_type"], "offline");
        match sign_in.finish().await {
            Ok(_) => assert!(good, "{domains:?} {hd}"),
            Err(error) => {
                assert!(!good, "{domains:?} {hd}: {error}");
                assert!(matches!(error, ProviderError::NotAllowed(_)));
            }
        }
    }
}

#[tokio::test]
async fn permissions_of_auth0_and_workos_are_in_the_access_token() {
    let auth0 = Oidc::auth0("acme.auth0.com", "client", secret())
        .unwrap()
        .auth0_audience("https://todos.example");
    let workos = Oidc::workos("acme.authkit.app", "client", secret()).unwrap();
    for (provider, issuer, audience) in [
        (auth0, "https://acme.auth0.com/", "https://todos.example"),
        (workos, "https://acme.authkit.app", "client"),
    ] {
        let mut issuer = Issuer::new(issuer);
        let header = json!({"alg": "RS256", "kid": "r", "typ": "at+jwt"});
        let access = json!({
            "iss": issuer.issuer, "sub": "u-1", "aud": audience, "exp": NOW + 60,
            "permissions": ["image_generation"],
        });
        issuer.tokens["access_token"] = signer().sign(&header, &access).into();
        let sign_in = SignIn::new(provider);
        issuer.serve(&sign_in.script);
        let query = query(&sign_in.begin().await.unwrap());
        if issuer.issuer.contains("auth0") {
            assert_eq!(query["audience"], audience);
        }
        let identity = sign_in.finish().await.unwrap().identity;
        assert_eq!(identity.allowed.unwrap().to_string(), "image_generation");
        // For `claim("permissions", ..)`.
        assert_eq!(identity.claims["permissions"], json!(["image_generation"]));
    }
}
