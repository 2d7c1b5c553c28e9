//! Client authentication (RFC 6749, section 2.3; RFC 7523, section 2.2).

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use url::form_urlencoded;

use crate::UnixTime;

/// The `client_assertion_type` of a JWT assertion (RFC 7523, section 2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The lifetime of a client assertion, in seconds.
const ASSERTION_LIFETIME: u64 = 120;

/// A client ID with the credential for one request.
#[derive(Clone, Copy)]
pub struct ClientIdentity<'a> {
    /// The client ID.
    pub id: &'a str,
    /// The credential.
    pub credential: ClientCredential<'a>,
}

/// How a client authenticates a request.
#[derive(Clone, Copy)]
pub enum ClientCredential<'a> {
    /// `none`: a public client.
    None,
    /// `client_secret_basic`: a secret in the `Authorization` header.
    Basic(&'a str),
    /// `client_secret_post`: a secret in the form.
    Post(&'a str),
    /// `private_key_jwt`: a signed assertion (see [`client_assertion`]).
    Assertion(&'a str),
}

/// Omits the credential.
impl std::fmt::Debug for ClientIdentity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The headers and the body of a POST request with a form.
pub struct FormRequest {
    /// `Accept`, `Content-Type`, and possibly `Authorization`.
    pub headers: HeaderMap,
    /// The encoded form.
    pub body: Bytes,
}

/// Omits the headers and the body, which contain secrets.
impl std::fmt::Debug for FormRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormRequest(..)")
    }
}

impl ClientIdentity<'_> {
    /// Builds an authenticated request with these form fields.
    ///
    /// The form always contains `client_id`. RFC 6749, section 3.2.1, permits that with every method,
    /// and some servers look for the client there first.
    pub fn form<'a>(&self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> FormRequest {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields).append_pair("client_id", self.id);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        match self.credential {
            ClientCredential::None => {}
            ClientCredential::Basic(secret) => {
                headers.insert(header::AUTHORIZATION, basic(self.id, secret));
            }
            ClientCredential::Post(secret) => {
                form.append_pair("client_secret", secret);
            }
            ClientCredential::Assertion(assertion) => {
                form.append_pair("client_assertion_type", JWT_BEARER)
                    .append_pair("client_assertion", assertion);
            }
        }
        FormRequest {
            headers,
            body: form.finish().into(),
        }
    }
}

/// The `Authorization` header of `client_secret_basic`. Both parts are form-encoded first (RFC 6749,
/// section 2.3.1).
pub fn basic(id: &str, secret: &str) -> HeaderValue {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = BASE64_STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
    let value = HeaderValue::from_str(&format!("Basic {pair}"));
    // Base64 is always a valid value.
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// Signs client assertions with the private key of a client.
pub trait AssertionSigner {
    /// The name of the algorithm, such as `ES256`.
    fn algorithm(&self) -> &'static str;

    /// Signs `text`. `None` if the key cannot sign.
    fn sign(&self, text: &[u8]) -> Option<Vec<u8>>;
}

/// Creates a client assertion (RFC 7523, section 2.2), valid for two minutes. `audience` is the issuer of
/// the authorization server, and `jti` a random ID. `None` if the key cannot sign.
pub fn client_assertion(
    signer: &dyn AssertionSigner,
    client_id: &str,
    audience: &str,
    jti: &str,
    now: UnixTime,
) -> Option<String> {
    let header = json!({"alg": signer.algorithm(), "typ": "JWT"});
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": audience, "jti": jti,
        "iat": now, "exp": now.0.saturating_add(ASSERTION_LIFETIME),
    });
    let encode = |part: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let signature = signer.sign(text.as_bytes())?;
    Some(format!(
        "{text}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(signature)
    ))
}
