//! Client authentication (RFC 6749, section 2.3; RFC 7523, section 2.2).

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::token::TokenRequest;
use crate::{
    AuthorizationServer, Client, ClientAuthentication, ClientKeys, Digest, OAuthError, Reach, Site,
    UnixTime,
    jwks::{RemoteKeys, RemoteKeysError},
    jwt::{self, Algorithm, Expect},
    parameters::Parameters,
    provider::World,
};

/// The `client_assertion_type` of RFC 7523.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest that an assertion may live: its `jti` is remembered for as long.
const LONGEST_ASSERTION: Duration = Duration::from_secs(600);

/// How a request says which client it is from.
enum Claimed {
    Nothing,
    Secret(SecretString),
    Assertion(String),
}

impl AuthorizationServer {
    /// The client that a request to the token endpoint, or to one like it, is from.
    pub(super) async fn authenticated_client(
        &self,
        site: &Site,
        request: &TokenRequest<'_>,
        form: &Parameters,
        now: UnixTime,
    ) -> Result<Client, OAuthError> {
        let (id, claimed) = claimed(request.authorization, form)?;
        let client = self.client(&id, request.address, now).await?;
        let unproven = || OAuthError::invalid_client("The client is not known, or not proven");
        let client = client.ok_or_else(unproven)?;
        match (&client.authentication, claimed) {
            (ClientAuthentication::None, Claimed::Nothing) => {}
            (
                ClientAuthentication::ClientSecretPost { secret }
                | ClientAuthentication::ClientSecretBasic { secret },
                Claimed::Secret(presented),
            ) => {
                if Digest::of(presented.expose_secret()) != *secret {
                    return Err(unproven());
                }
            }
            (ClientAuthentication::PrivateKeyJwt { keys }, Claimed::Assertion(assertion)) => {
                self.check_assertion(site, &client, keys, &assertion, now)
                    .await?;
            }
            _ => return Err(unproven()),
        }
        Ok(client)
    }

    async fn check_assertion(
        &self,
        site: &Site,
        client: &Client,
        keys: &ClientKeys,
        assertion: &str,
        now: UnixTime,
    ) -> Result<(), OAuthError> {
        let issuer = site.issuer();
        let endpoint = format!("{issuer}/token");
        let leeway = Duration::from_secs(30);
        let expect = Expect {
            algorithms: &[Algorithm::Rs256, Algorithm::Es256],
            types: &[],
            issuer: client.id.as_str(),
            audience: &[issuer, &endpoint],
            now,
            leeway,
        };
        let claims = match keys {
            ClientKeys::Inline(keys) => {
                jwt::verify(assertion, keys, &expect).map_err(RemoteKeysError::from)
            }
            ClientKeys::At(url) => {
                let world = World {
                    now,
                    fetcher: &self.world.fetcher,
                };
                self.keys_at(url)?.verify(assertion, &expect, world).await
            }
        };
        let claims = claims.map_err(|error| {
            tracing::info!(client = %client.id, %error, "a client assertion is refused");
            OAuthError::invalid_client("The client assertion is not acceptable")
        })?;
        if claims.subject.as_deref() != Some(client.id.as_str()) {
            let text = "The client assertion's sub is not the client";
            return Err(OAuthError::invalid_client(text));
        }
        let jti = claims.id.as_deref();
        let jti = jti.filter(|jti| !jti.is_empty() && jti.len() <= 256);
        let missing = || OAuthError::invalid_client("The client assertion lacks jti");
        let jti = jti.ok_or_else(missing)?;
        if claims.expires > now.after(LONGEST_ASSERTION) {
            let text = "The client assertion lives for more than ten minutes";
            return Err(OAuthError::invalid_client(text));
        }
        let name = Digest::of(format!("jti {} {jti}", client.id));
        let until = claims.expires.after(leeway);
        if !self.world.store.use_once(&name, until, now).await? {
            let text = "The client assertion was used before";
            return Err(OAuthError::invalid_client(text));
        }
        Ok(())
    }

    fn keys_at(&self, url: &str) -> Result<Arc<RemoteKeys>, OAuthError> {
        let made = self.client_keys.get_or_insert_with(url, || {
            let url = Url::parse(url)?;
            Ok::<_, url::ParseError>(Arc::new(RemoteKeys::new(url, Reach::Public)))
        });
        made.map_err(|_| OAuthError::invalid_client("The client's jwks_uri is not a URL"))
    }
}

fn claimed(
    authorization: Option<&str>,
    form: &Parameters,
) -> Result<(String, Claimed), OAuthError> {
    let invalid = OAuthError::invalid_request;
    let named = form.get("client_id");
    let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    let ways = [authorization, secret, assertion];
    if ways.iter().flatten().count() > 1 {
        return Err(invalid("A client proves itself in one way"));
    }
    if let Some(header) = authorization {
        let (id, secret) = basic(header)
            .ok_or_else(|| OAuthError::invalid_client("The Authorization header is malformed"))?;
        if named.is_some_and(|named| named != id) {
            return Err(invalid("client_id is not that of the Authorization header"));
        }
        return Ok((id, Claimed::Secret(secret)));
    }
    if let Some(assertion) = assertion {
        if form.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(invalid(
                "client_assertion_type is not one that is supported",
            ));
        }
        // Not believed before the signature is checked, which is with this client's keys.
        let subject = jwt::unverified_issuer(assertion)
            .map_err(|_| OAuthError::invalid_client("The client assertion is malformed"))?;
        if named.is_some_and(|named| named != subject) {
            return Err(invalid("client_id is not that of the assertion"));
        }
        return Ok((subject, Claimed::Assertion(assertion.to_owned())));
    }
    let id = named.ok_or_else(|| invalid("client_id is missing"))?;
    let claimed = match secret {
        Some(secret) => Claimed::Secret(secret.into()),
        None => Claimed::Nothing,
    };
    Ok((id.to_owned(), claimed))
}

/// The id and secret of HTTP Basic authentication, both of which are encoded as in a form.
fn basic(header: &str) -> Option<(String, SecretString)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?.into()))
}

fn form_decoded(text: &str) -> Option<String> {
    // One name without a value: `&` and `=` would have been encoded.
    if text.contains(['&', '=']) {
        return None;
    }
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    let (decoded, _) = pairs.next()?;
    Some(decoded.into_owned())
}
