//! The OAuth client: requests and responses at its public boundary.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use farport_oauth::{
    UnixTime,
    client::{
        AssertionSigner, BearerChallenge, ClientCredential, ClientIdentity, DeviceAuthorization,
        GrantRequest, IssuerMismatch, JWT_BEARER, MetadataError, RegisteredClient,
        RegistrationError, RegistrationRequest, ServerMetadata, TokenError, TokenSuccess,
        authorization_url, check_response_issuer, client_assertion, code_challenge, device_fields,
        is_client_error, metadata_urls, oauth_metadata_url, openid_metadata_url,
        resource_metadata_urls, revocation_fields,
    },
};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use crate::support::signer;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap()
}

#[test]
fn the_form_contains_the_client_id_with_every_authentication_method() {
    let basic = "Basic YSUyRmI6cyUyQislMjY=";
    for (credential, header, more) in [
        (ClientCredential::None, None, &[][..]),
        (ClientCredential::Basic("s+ &"), Some(basic), &[]),
        (
            ClientCredential::Post("s+ &"),
            None,
            &[("client_secret", "s+ &")],
        ),
        (
            ClientCredential::Assertion("a.b.c"),
            None,
            &[
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", "a.b.c"),
            ],
        ),
    ] {
        let client = ClientIdentity {
            id: "a/b",
            credential,
        };
        let request = client.form([("x", "y z")]);
        let mut expected = HashMap::from([("x", "y z"), ("client_id", "a/b")]);
        expected.extend(more.iter().copied());
        let form: HashMap<_, _> = url::form_urlencoded::parse(&request.body)
            .into_owned()
            .collect();
        let form: HashMap<_, _> = form.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(form, expected);
        let sent = request.headers.get("authorization");
        assert_eq!(sent.map(|value| value.to_str().unwrap()), header);
        assert!(sent.is_none_or(http::HeaderValue::is_sensitive));
        assert_eq!(request.headers["accept"], "application/json");
        assert_eq!(
            request.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert!(!format!("{client:?} {request:?}").contains("s+"));
    }
}

struct TestKey;

impl AssertionSigner for TestKey {
    fn algorithm(&self) -> &'static str {
        "ES256"
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        Some(signer().signature("ES256", std::str::from_utf8(text).unwrap()))
    }
}

#[test]
fn an_assertion_names_client_and_server_and_expires_after_two_minutes() {
    let now = UnixTime(1_800_000_000);
    let assertion = client_assertion(&TestKey, "client", "https://a.example", "1", now).unwrap();
    let parts: Vec<_> = assertion.split('.').collect();
    let read =
        |part: &str| -> Value { serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap() };
    assert_eq!(read(parts[0]), json!({"alg": "ES256", "typ": "JWT"}));
    assert_eq!(
        read(parts[1]),
        json!({
            "iss": "client", "sub": "client", "aud": "https://a.example", "jti": "1",
            "iat": now.0, "exp": now.0 + 120,
        })
    );
    assert_eq!(BASE64.decode(parts[2]).unwrap().len(), 64);
}

#[test]
fn each_grant_has_its_fields() {
    let code = GrantRequest::AuthorizationCode {
        code: "c",
        redirect_uri: "r",
        verifier: Some("v"),
    };
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    for (grant, expected, secrets) in [
        (
            code,
            vec![
                ("grant_type", "authorization_code"),
                ("code", "c"),
                ("redirect_uri", "r"),
                ("code_verifier", "v"),
            ],
            vec!["c", "v"],
        ),
        (
            GrantRequest::RefreshToken("t"),
            vec![("grant_type", "refresh_token"), ("refresh_token", "t")],
            vec!["t"],
        ),
        (
            GrantRequest::DeviceCode("d"),
            vec![("grant_type", device), ("device_code", "d")],
            vec!["d"],
        ),
        (
            GrantRequest::ClientCredentials,
            vec![("grant_type", "client_credentials")],
            vec![],
        ),
    ] {
        assert_eq!(grant.fields(None, None), expected);
        assert_eq!(grant.fields(Some(""), None), expected);
        let mut more = expected.clone();
        more.extend([("scope", "a b"), ("resource", "https://r.example")]);
        assert_eq!(grant.fields(Some("a b"), Some("https://r.example")), more);
        assert_eq!(grant.secrets().collect::<Vec<_>>(), secrets);
    }
    assert_eq!(device_fields(Some("a"), None), [("scope", "a")]);
    assert_eq!(
        revocation_fields("t", true),
        [("token", "t"), ("token_type_hint", "refresh_token")]
    );
    assert_eq!(revocation_fields("t", false)[1].1, "access_token");
}

#[test]
fn tokens_are_read_from_json_and_from_a_form() {
    for (text, expires_in, scopes) in [
        (r#"{"access_token":"t"}"#, None, None),
        (
            r#"{"access_token":"t","token_type":"BEARER","expires_in":"60","scope":"a b"}"#,
            Some(60),
            Some("a b"),
        ),
        (
            r#"{"access_token":"t","expires_in":60.5,"scope":["a","b"],"error":null}"#,
            Some(60),
            Some("a b"),
        ),
        (
            "access_token=t&token_type=bearer&expires_in=60&scope=a+b",
            Some(60),
            Some("a b"),
        ),
        (
            r#"{"access_token":"t","expires_in":-1,"scope":null}"#,
            None,
            None,
        ),
        (r#"{"access_token":"t","expires_in":"soon"}"#, None, None),
        ("scope=&access_token=t\n", None, Some("")),
    ] {
        let response = TokenSuccess::read(StatusCode::OK, text.as_bytes()).unwrap();
        let tokens = response.tokens().unwrap();
        assert_eq!(tokens.access.expose_secret(), "t", "{text}");
        assert_eq!(tokens.expires_in, expires_in, "{text}");
        let read = tokens.scopes.as_ref().map(|scopes| scopes.join(" "));
        assert_eq!(read.as_deref(), scopes, "{text}");
        assert!(!format!("{response:?} {tokens:?}").contains("\"t\""));
    }
    let all = r#"{"access_token":"a","refresh_token":"r","id_token":"i"}"#;
    let tokens = TokenSuccess::read(StatusCode::OK, all.as_bytes());
    let tokens = tokens.unwrap().tokens().unwrap();
    assert_eq!(tokens.refresh.unwrap().expose_secret(), "r");
    assert_eq!(tokens.id_token.unwrap().expose_secret(), "i");
}

#[test]
fn the_error_code_is_found_in_every_shape() {
    for (code, text, expected) in [
        (400, r#"{"error":"invalid_client"}"#, "invalid_client"),
        (200, r#"{"error":"invalid_client"}"#, "invalid_client"),
        (
            401,
            r#"{"error":"unauthorized_client"}"#,
            "unauthorized_client",
        ),
        (
            403,
            r#"{"error":{"code":"invalid_client"}}"#,
            "invalid_client",
        ),
        (
            400,
            "error=invalid_client&error_description=x",
            "invalid_client",
        ),
        (401, "", "invalid_client"),
        (401, "<h1>Unauthorized</h1>", "invalid_client"),
        (401, r#"{"message":"no"}"#, "invalid_client"),
        (400, "<p>invalid_client: unknown</p>", "invalid_client"),
        (403, "<h1>Forbidden</h1>", ""),
        (500, "invalid_client", ""),
        (400, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
        (
            200,
            r#"{"ok":false,"error":"invalid_code"}"#,
            "invalid_code",
        ),
        (200, r#"{"ok":false}"#, ""),
        (200, "<h1>Welcome</h1>", ""),
        (200, r#"{"access_token":"a","access_token":"b"}"#, ""),
    ] {
        let error = TokenSuccess::read(status(code), text.as_bytes()).unwrap_err();
        assert_eq!(error.code(), expected, "{code} {text}");
        let refused = matches!(expected, "invalid_client" | "unauthorized_client");
        assert_eq!(is_client_error(error.code()), refused, "{code} {text}");
    }
    for text in [
        r#"{}"#,
        r#"{"access_token":""}"#,
        r#"{"access_token":7}"#,
        r#"{"access_token":"a b"}"#,
        r#"{"access_token":"\u00e4"}"#,
    ] {
        let response = TokenSuccess::read(StatusCode::OK, text.as_bytes()).unwrap();
        assert_eq!(
            response.tokens().unwrap_err(),
            TokenError::NoToken,
            "{text}"
        );
    }
    let text = br#"{"access_token":"t","token_type":"mac"}"#;
    let response = TokenSuccess::read(StatusCode::OK, text).unwrap();
    let error = response.tokens().unwrap_err();
    assert_eq!(error, TokenError::TokenType("mac".into()));
}

#[test]
fn a_device_authorization_has_defaults() {
    let read = |body: Value| DeviceAuthorization::read(body.to_string().as_bytes());
    let required = json!({
        "device_code": "d", "user_code": "u", "verification_uri": "https://a.example/device",
    });
    let device = read(required.clone()).unwrap();
    assert_eq!((device.expires_in, device.interval), (900, 5));
    assert_eq!(device.device_code.expose_secret(), "d");
    assert_eq!(device.verification_uri_complete, None);
    let mut google = required.clone();
    google["verification_url"] = google["verification_uri"].take();
    google["expires_in"] = json!("1800");
    google["interval"] = json!(10);
    let device = read(google).unwrap();
    assert_eq!(device.verification_uri, "https://a.example/device");
    assert_eq!((device.expires_in, device.interval), (1800, 10));
    for name in ["device_code", "user_code", "verification_uri"] {
        let mut body = required.clone();
        body[name] = Value::Null;
        assert!(read(body).is_none(), "{name}");
    }
}

#[test]
fn metadata_is_published_at_the_urls_of_the_specifications() {
    for (issuer, expected) in [
        (
            "https://a.example",
            &[
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ][..],
        ),
        (
            "https://a.example/tenant/",
            &[
                "https://a.example/.well-known/oauth-authorization-server/tenant",
                "https://a.example/.well-known/openid-configuration/tenant",
                "https://a.example/tenant/.well-known/openid-configuration",
            ],
        ),
    ] {
        let issuer = url(issuer);
        let urls: Vec<_> = metadata_urls(&issuer).iter().map(Url::to_string).collect();
        assert_eq!(urls, expected);
        assert_eq!(oauth_metadata_url(&issuer).as_str(), expected[0]);
        assert_eq!(
            openid_metadata_url(&issuer).as_str(),
            expected[expected.len() - 1]
        );
    }
    let resource = |text: &str| -> Vec<_> {
        let urls = resource_metadata_urls(&url(text));
        urls.iter().map(Url::to_string).collect()
    };
    assert_eq!(
        resource("https://a.example/mcp?x"),
        [
            "https://a.example/.well-known/oauth-protected-resource/mcp",
            "https://a.example/.well-known/oauth-protected-resource",
        ]
    );
    assert_eq!(
        resource("https://a.example/"),
        ["https://a.example/.well-known/oauth-protected-resource"]
    );
}

#[test]
fn metadata_names_its_issuer_and_malformed_members_are_ignored() {
    let text = json!({
        "issuer": "https://a.example/", "token_endpoint": "https://a.example/token",
        "registration_endpoint": "", "revocation_endpoint": 7, "userinfo_endpoint": "/relative",
        "jwks_uri": "https://A\u{e9}.example/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "introspection_endpoint_auth_methods_supported": "none", "scopes_supported": {"a": 1},
        "authorization_response_iss_parameter_supported": "true",
    })
    .to_string();
    let metadata = ServerMetadata::read_of(text.as_bytes(), "https://a.example").unwrap();
    assert_eq!(
        metadata.token_endpoint.as_ref().map(Url::as_str),
        Some("https://a.example/token")
    );
    assert!(metadata.registration_endpoint.is_none());
    assert!(metadata.revocation_endpoint.is_none());
    assert!(metadata.userinfo_endpoint.is_none());
    assert!(metadata.jwks_uri.is_none());
    assert!(metadata.scopes_supported.is_none());
    assert!(!metadata.authorization_response_iss_parameter_supported);
    assert!(!metadata.supports_token_auth("client_secret_basic"));
    assert!(metadata.supports_introspection_auth("client_secret_basic"));
    assert_eq!(
        metadata.malformed,
        [
            "registration_endpoint",
            "revocation_endpoint",
            "userinfo_endpoint",
            "jwks_uri",
            "scopes_supported",
            "introspection_endpoint_auth_methods_supported",
            "authorization_response_iss_parameter_supported",
        ]
    );
    let again: ServerMetadata =
        serde_json::from_value(serde_json::to_value(&metadata).unwrap()).unwrap();
    assert_eq!(again.token_endpoint, metadata.token_endpoint);
    let error = ServerMetadata::read_of(text.as_bytes(), "https://b.example").unwrap_err();
    assert!(matches!(error, MetadataError::Issuer { .. }), "{error}");
    for text in [
        "",
        "[]",
        "{}",
        r#"{"issuer":7}"#,
        r#"{"issuer":"a","issuer":"a"}"#,
    ] {
        let error = ServerMetadata::read(text.as_bytes()).unwrap_err();
        assert!(matches!(error, MetadataError::Unreadable(_)), "{text}");
    }
}

#[test]
fn an_authorization_request_keeps_the_query_of_the_endpoint() {
    // RFC 7636, appendix B.
    let challenge = code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let untouched = authorization_url(&url("https://a.example/?a%20b"), &[("state", "s")], &[]);
    assert_eq!(untouched.as_str(), "https://a.example/?a%20b&state=s");
    let endpoint = url("https://a.example/authorize?tenant=7&state=evil");
    let extra = [
        ("prompt".to_owned(), "login".to_owned()),
        ("client_id".to_owned(), "evil".to_owned()),
    ];
    let parameters = [("client_id", "c d"), ("state", "s")];
    assert_eq!(
        authorization_url(&endpoint, &parameters, &extra).as_str(),
        "https://a.example/authorize?tenant=7&prompt=login&client_id=c+d&state=s"
    );
}

#[test]
fn a_response_is_from_the_expected_issuer() {
    let check = |iss, announced| check_response_issuer(iss, announced, |iss| iss == "a");
    assert_eq!(check(None, false), Ok(()));
    assert_eq!(check(Some("a"), false), Ok(()));
    assert_eq!(check(Some("a"), true), Ok(()));
    assert_eq!(check(None, true), Err(IssuerMismatch::Missing));
    assert_eq!(check(Some(""), false), Err(IssuerMismatch::Different));
    assert_eq!(check(Some("b"), true), Err(IssuerMismatch::Different));
}

#[test]
fn a_challenge_ignores_malformed_scopes() {
    let mut headers = http::HeaderMap::new();
    let value = "Bearer scope=\"a \\\"b c:d\", error=x";
    headers.insert("www-authenticate", value.parse().unwrap());
    let challenge = BearerChallenge::of(&headers);
    assert_eq!(challenge.scopes(), ["a", "c:d"]);
    assert_eq!(challenge.error.as_deref(), Some("x"));
    assert_eq!(BearerChallenge::default().scopes(), [""; 0]);
}

#[test]
fn a_registration_request_contains_the_metadata_and_the_extra_members() {
    let request = RegistrationRequest {
        client_name: "farport",
        software_version: "1",
        redirect_uris: &["http://127.0.0.1:1/callback"],
        grant_types: &["authorization_code", "refresh_token"],
        auth_method: "none",
        scope: Some("a b"),
    };
    let extra = json!({"client_name": "other", "contacts": ["a@b.example"]});
    let body: Value = serde_json::from_slice(&request.body(extra.as_object().unwrap())).unwrap();
    assert_eq!(
        body,
        json!({
            "client_name": "other", "contacts": ["a@b.example"], "software_version": "1",
            "redirect_uris": ["http://127.0.0.1:1/callback"], "scope": "a b",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "token_endpoint_auth_method": "none", "application_type": "native",
        })
    );
}

#[test]
fn a_registration_needs_a_printable_client_id() {
    let read = |code, text: &str| RegisteredClient::read(status(code), text.as_bytes());
    let text = r#"{"client_id":"a b","client_secret":"s3cret","client_secret_expires_at":0}"#;
    let client = read(201, text).unwrap();
    assert_eq!(client.client_id, "a b");
    assert_eq!(client.client_secret_expires_at, Some(0));
    assert!(!format!("{client:?}").contains("s3cret"));
    assert_eq!(client.client_secret.unwrap().expose_secret(), "s3cret");
    for (code, text, expected) in [
        (201, "{}", RegistrationError::NoClientId),
        (200, "<h1>Welcome</h1>", RegistrationError::NoClientId),
        (
            201,
            r#"{"client_id":"a\u001b"}"#,
            RegistrationError::ClientId,
        ),
    ] {
        assert_eq!(read(code, text).unwrap_err(), expected, "{text}");
    }
    for (text, code, description) in [
        (
            r#"{"error":"invalid_redirect_uri","error_description":"x"}"#,
            "invalid_redirect_uri",
            "x",
        ),
        ("<h1>Forbidden</h1>", "", ""),
    ] {
        let expected = RegistrationError::Refused {
            status: status(403),
            code: code.to_owned(),
            description: description.to_owned(),
        };
        assert_eq!(read(403, text).unwrap_err(), expected, "{text}");
    }
}
