//! Authorization requests and responses: PKCE (RFC 7636) and the issuer (RFC 9207).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use url::Url;

/// The S256 code challenge of a verifier (RFC 7636, section 4.2).
pub fn code_challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// Builds the URL of an authorization request. `parameters` replace parameters with the same name in
/// `extra` and in the query of the endpoint.
pub fn authorization_url(
    endpoint: &Url,
    parameters: &[(&str, &str)],
    extra: &[(String, String)],
) -> Url {
    let is_set = |name: &str| parameters.iter().any(|(set, _)| *set == name);
    let mut url = endpoint.clone();
    // Otherwise the query stays as the server wrote it.
    if endpoint.query_pairs().any(|(name, _)| is_set(&name)) {
        let kept = endpoint.query_pairs().filter(|(name, _)| !is_set(name));
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    let mut query = url.query_pairs_mut();
    query.extend_pairs(extra.iter().filter(|(name, _)| !is_set(name)));
    query.extend_pairs(parameters);
    drop(query);
    url
}

/// An authorization response is not from the expected authorization server (RFC 9207).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerMismatch {
    /// The response has no `iss`, although the metadata announces it.
    #[error(
        "the response has no iss, although the metadata of the authorization server announces it"
    )]
    Missing,
    /// The response has the `iss` of another authorization server.
    #[error("the response is from another issuer")]
    Different,
}

/// Checks the `iss` of an authorization response, also of one with an error (RFC 9207, section 2.4).
///
/// `announced` is `authorization_response_iss_parameter_supported` of the metadata. `is_expected` compares
/// with the expected issuer.
///
/// # Errors
/// When `iss` is missing although announced, or is not the expected one.
pub fn check_response_issuer(
    iss: Option<&str>,
    announced: bool,
    is_expected: impl FnOnce(&str) -> bool,
) -> Result<(), IssuerMismatch> {
    match iss {
        None if announced => Err(IssuerMismatch::Missing),
        None => Ok(()),
        Some(iss) if is_expected(iss) => Ok(()),
        Some(_) => Err(IssuerMismatch::Different),
    }
}
