//! Client authentication (RFC 6749, section 2.3; RFC 7523, section 2.2).

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::{Clients, Core, admit, shared::slow_down, token_request::TokenRequest};
use crate::{
    Client, ClientAuthentication, ClientId, ClientKeys, Digest, ErrorCode, OAuthError, Reach, Site,
    UnixTime,
    client::JWT_BEARER,
    jwks::{RemoteKeys, RemoteKeysError},
    jwt::{self, Algorithm, Expect},
    limiter::{AddressLimiter, Limiter, Rate, network},
    parameters::Parameters,
    parse_url,
};

/// The longest lifetime of an assertion. Its `jti` is remembered that long.
const LONGEST_ASSERTION: Duration = Duration::from_secs(600);

/// The credential of a client in a request.
enum Credential {
    None,
    Secret(SecretString),
    Assertion(String),
}

/// Authenticates the clients of the token, revocation and introspection endpoints, and limits their
/// rates.
pub(super) struct ClientAuthenticator {
    core: Arc<Core>,
    clients: Arc<Clients>,
    /// The keys at the `jwks_uri` of clients.
    keys: Cache<String, Arc<RemoteKeys>>,
    address_rate: AddressLimiter,
    client_rate: Limiter<(ClientId, Option<IpAddr>)>,
}

impl ClientAuthenticator {
    pub(super) fn new(core: Arc<Core>, clients: Arc<Clients>) -> Self {
        let Rate { burst, per_minute } = core.config.token_rate;
        let address_rate = Rate {
            burst: burst.saturating_mul(10),
            per_minute: per_minute.saturating_mul(10),
        };
        Self {
            keys: Cache::new(1_000),
            address_rate: AddressLimiter::new(address_rate),
            client_rate: Limiter::new(core.config.token_rate),
            core,
            clients,
        }
    }

    /// Reads a form and authenticates the client that sent it.
    pub(super) async fn read_form(
        &self,
        site: &Site,
        request: TokenRequest<'_>,
        now: UnixTime,
    ) -> Result<(Client, Parameters), OAuthError> {
        admit(&self.address_rate, request.address, now)?;
        let form = Parameters::read(request.body)?;
        if let Some(name) = form.repeated() {
            let text = format!("{name} is repeated");
            let code = match name {
                "resource" => ErrorCode::InvalidTarget,
                _ => ErrorCode::InvalidRequest,
            };
            return Err(OAuthError::new(code, text));
        }
        let client = self.authenticate(site, &request, &form, now).await?;
        self.admit_client(&client, request.address, now)?;
        Ok((client, form))
    }

    /// Counts a token request of a client. All users of a public client share its ID, so its requests
    /// are counted per network, and no user can exhaust the rate of the others.
    fn admit_client(
        &self,
        client: &Client,
        address: Option<IpAddr>,
        now: UnixTime,
    ) -> Result<(), OAuthError> {
        let public = matches!(client.authentication, ClientAuthentication::None);
        let network = address.filter(|_| public).map(network);
        let key = (client.id.clone(), network);
        self.client_rate.admit(&key, now).map_err(slow_down)
    }

    /// Authenticates the client of a request.
    async fn authenticate(
        &self,
        site: &Site,
        request: &TokenRequest<'_>,
        form: &Parameters,
        now: UnixTime,
    ) -> Result<Client, OAuthError> {
        let (id, credential) = credential(request.authorization, form)?;
        let client = self.clients.find(&id, request.address, now).await?;
        let unauthenticated = || {
            OAuthError::invalid_client(
                "the client is unknown, or its credentials are wrong; register the client again",
            )
        };
        let client = client.ok_or_else(unauthenticated)?;
        match (&client.authentication, credential) {
            (ClientAuthentication::None, Credential::None) => {}
            (
                ClientAuthentication::ClientSecretPost { secret }
                | ClientAuthentication::ClientSecretBasic { secret },
                Credential::Secret(presented),
            ) => {
                if Digest::of(presented.expose_secret()) != *secret {
                    return Err(unauthenticated());
                }
            }
            (ClientAuthentication::PrivateKeyJwt { keys }, Credential::Assertion(assertion)) => {
                self.check_assertion(site, &client, keys, &assertion, now)
                    .await?;
            }
            _ => return Err(unauthenticated()),
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
        let leeway = Duration::from_secs(30);
        let expect = Expect {
            algorithms: &[Algorithm::Rs256, Algorithm::Es256],
            types: &[],
            issuer: client.id.as_str(),
            audience: &[issuer],
            now,
            leeway,
        };
        let claims = match keys {
            ClientKeys::Inline(keys) => {
                jwt::verify(assertion, keys, &expect).map_err(RemoteKeysError::from)
            }
            ClientKeys::At(url) => {
                let context = self.core.fetch_context(now);
                self.keys_at(url)?.verify(assertion, &expect, context).await
            }
        };
        let claims = claims.map_err(|error| {
            tracing::info!(client = %client.id, %error, "rejected a client assertion");
            OAuthError::invalid_client("the client assertion is not valid")
        })?;
        // Another server that also accepts the assertion could replay it here
        // (draft-ietf-oauth-rfc7523bis, section 4).
        if !matches!(&*claims.audience, [only] if **only == **issuer) {
            let text = format!("the client assertion must have the single aud {issuer}");
            return Err(OAuthError::invalid_client(text));
        }
        if claims.subject.as_deref() != Some(client.id.as_str()) {
            let text = "the sub of the client assertion is not the client_id";
            return Err(OAuthError::invalid_client(text));
        }
        let jti = claims.id.as_deref();
        let jti = jti.filter(|jti| !jti.is_empty() && jti.len() <= 256);
        let missing = || OAuthError::invalid_client("the client assertion has no valid jti");
        let jti = jti.ok_or_else(missing)?;
        if claims.expires > now.after(LONGEST_ASSERTION) {
            let text = "the client assertion is valid for more than ten minutes";
            return Err(OAuthError::invalid_client(text));
        }
        let name = Digest::of(format!("jti {} {jti}", client.id));
        let until = claims.expires.after(leeway);
        if !self.core.store().use_once(&name, until, now).await? {
            let text = "the client assertion was used before";
            return Err(OAuthError::invalid_client(text));
        }
        Ok(())
    }

    fn keys_at(&self, url: &str) -> Result<Arc<RemoteKeys>, OAuthError> {
        let keys = self.keys.get_or_insert_with(url, || {
            let url = parse_url(url)?;
            Ok::<_, url::ParseError>(Arc::new(RemoteKeys::new(url, Reach::Public)))
        });
        keys.map_err(|_| OAuthError::invalid_client("the client's jwks_uri is not a URL"))
    }
}

/// Reads the client ID and the credential of a request.
fn credential(
    authorization: Option<&str>,
    form: &Parameters,
) -> Result<(String, Credential), OAuthError> {
    let invalid = OAuthError::invalid_request;
    let named = form.get("client_id");
    let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    let methods = [authorization, secret, assertion];
    if methods.iter().flatten().count() > 1 {
        return Err(invalid(
            "the request uses more than one client authentication method",
        ));
    }
    if let Some(header) = authorization {
        let (id, secret) = basic(header)
            .ok_or_else(|| OAuthError::invalid_client("the Authorization header is malformed"))?;
        if named.is_some_and(|named| named != id) {
            return Err(invalid("client_id differs from the Authorization header"));
        }
        return Ok((id, Credential::Secret(secret)));
    }
    if let Some(assertion) = assertion {
        if form.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(invalid(
                "client_assertion_type is not supported; use jwt-bearer (RFC 7523)",
            ));
        }
        // Not trusted until the signature is verified with this client's keys.
        let subject = jwt::unverified_issuer(assertion)
            .map_err(|_| OAuthError::invalid_client("the client assertion is malformed"))?;
        if named.is_some_and(|named| named != subject) {
            return Err(invalid("client_id differs from the client assertion"));
        }
        return Ok((subject, Credential::Assertion(assertion.to_owned())));
    }
    let id = named.ok_or_else(|| invalid("client_id is missing"))?;
    let credential = match secret {
        Some(secret) => Credential::Secret(secret.into()),
        None => Credential::None,
    };
    Ok((id.to_owned(), credential))
}

/// Decodes the client ID and the secret of HTTP Basic authentication, both of which are form-encoded.
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
    // The encoded text contains no `&` or `=`, so it parses as one name without a value.
    if text.contains(['&', '=']) {
        return None;
    }
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    let (decoded, _) = pairs.next()?;
    Some(decoded.into_owned())
}
