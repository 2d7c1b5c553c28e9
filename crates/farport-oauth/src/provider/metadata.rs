//! What an OpenID provider says of itself (OpenID Connect Discovery 1.0).

use serde_json::Value;
use url::Url;

use super::{exchange::SecretIn, urls};
use crate::json;

/// The part of it that is used.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    pub(crate) userinfo: Option<Url>,
    pub(crate) keys: Url,
    pub(crate) secret_in: SecretIn,
    /// Whether its answers say who they are from (RFC 9207).
    pub(crate) names_itself: bool,
}

/// Where the document of an issuer is.
pub(crate) fn location(issuer: &Url) -> Url {
    urls::below(issuer, ".well-known/openid-configuration")
}

impl Metadata {
    /// The longest document that is read, in bytes.
    pub(crate) const MOST_BYTES: usize = 128 * 1024;

    /// Reads the document of `issuer`. An error is for the log.
    pub(crate) fn read(text: &[u8], issuer: &str) -> Result<Self, String> {
        let members = json::object(text)
            .map_err(|error| format!("the provider's metadata are not a JSON object: {error}"))?;
        let said = members.get("issuer").and_then(Value::as_str);
        if said != Some(issuer) {
            // The difference is often a slash.
            let said: String = said.unwrap_or("nobody").chars().take(200).collect();
            let said = said.escape_debug();
            return Err(format!(
                "the provider's metadata are those of {said}, and not of {issuer}; the issuer in \
                 the settings has to be written exactly as the provider writes it"
            ));
        }
        let endpoint = |name: &str| urls::endpoint_of(&members, issuer, name);
        let required = |name: &str| {
            endpoint(name)?.ok_or_else(|| format!("the provider's metadata have no {name}"))
        };
        let methods = members.get("token_endpoint_auth_methods_supported");
        let methods = methods.and_then(Value::as_array);
        let has = |method: &str| methods.is_none_or(|all| all.iter().any(|one| one == method));
        Ok(Self {
            authorization: required("authorization_endpoint")?,
            token: required("token_endpoint")?,
            userinfo: endpoint("userinfo_endpoint")?,
            keys: required("jwks_uri")?,
            secret_in: match has("client_secret_basic") {
                true => SecretIn::Header,
                false => SecretIn::Body,
            },
            names_itself: members.get("authorization_response_iss_parameter_supported")
                == Some(&true.into()),
        })
    }
}
