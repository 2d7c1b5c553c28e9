//! Where a server's sign-in is: RFC 9728, then RFC 8414 or OpenID Connect Discovery.
//!
//! The MCP server is not trusted, and chooses everything that is read here. So an issuer has to be
//! the one that was named (see [`same_issuer`]), a resource has to cover the server's own URL, text
//! is printable ASCII, and no endpoint is used that may not receive a secret.

use farport_oauth::{join_url, parse_url};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use url::Url;

pub(crate) use farport_oauth::client::ServerMetadata;
use farport_oauth::client::{metadata_urls, resource_metadata_urls};
use farport_oauth::same_issuer;

use super::challenge::Challenge;
use super::requests::Requests;
use super::text::{is_ascii_word, is_scope, printable};
use super::{NextStep, SignInError};
use crate::Error;
use crate::http::{Outgoing, Redirects, is_loopback, is_private, same_origin, shown, usable};
use crate::observe::{Purpose, SignInStep, Watch};

/// What a protected resource says of itself (RFC 9728).
#[derive(Debug, Deserialize)]
struct ResourceMetadata {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Option<Vec<String>>,
}

/// A server's sign-in.
#[derive(Debug)]
pub(crate) struct Discovered {
    pub(crate) server: ServerMetadata,
    /// The resource as its metadata names it.
    pub(crate) resource: Option<String>,
    /// The scopes that the resource's metadata names.
    pub(crate) resource_scopes: Vec<String>,
}

impl Discovered {
    /// The step of a sign-in that found this.
    pub(super) fn step(&self, watch: &Watch) -> SignInStep {
        let url = |url: &Option<Url>| url.as_ref().map(|url| watch.url(url));
        SignInStep::Discovered {
            resource: self.resource.clone(),
            issuer: self.server.issuer.clone(),
            authorization_endpoint: url(&self.server.authorization_endpoint),
            token_endpoint: url(&self.server.token_endpoint),
            registration_endpoint: url(&self.server.registration_endpoint),
            scopes: self.resource_scopes.clone(),
        }
    }
}

/// Looks up how to sign in to `server`.
pub(crate) async fn discover(
    requests: Requests<'_>,
    server: &Url,
    allow_http: bool,
    challenge: &Challenge,
    known_issuer: Option<&str>,
) -> Result<Discovered, Error> {
    let finder = Finder {
        requests,
        server,
        allow_http,
    };
    requests.wait_before(NextStep::ResourceMetadata).await;
    let resource = finder.resource(challenge).await?;
    requests.wait_before(NextStep::ServerMetadata).await;
    let Some(resource) = resource else {
        return finder.without_resource_metadata().await;
    };
    let issuers = &resource.authorization_servers;
    let issuer = known_issuer
        .filter(|known| issuers.iter().any(|issuer| same_issuer(issuer, known)))
        .or(issuers.first().map(String::as_str));
    let Some(issuer) = issuer else {
        return finder
            .without_resource_metadata()
            .await
            .map(|found| Discovered {
                resource: Some(resource.resource),
                resource_scopes: resource.scopes_supported.unwrap_or_default(),
                ..found
            });
    };
    let server = finder.authorization_server(issuer).await?;
    Ok(Discovered {
        server,
        resource: Some(resource.resource),
        resource_scopes: resource.scopes_supported.unwrap_or_default(),
    })
}

struct Finder<'a> {
    requests: Requests<'a>,
    server: &'a Url,
    allow_http: bool,
}

impl Finder<'_> {
    /// The resource's metadata: where the challenge says, or at its well-known places. What goes
    /// wrong at one place is reported when no other place has it.
    async fn resource(&self, challenge: &Challenge) -> Result<Option<ResourceMetadata>, Error> {
        let named = challenge.resource_metadata.as_deref();
        let mut places: Vec<_> = named
            .and_then(|text| self.named(text))
            .into_iter()
            .collect();
        places.extend(resource_metadata_urls(self.server));
        places.dedup();
        let mut failure = None;
        for place in places {
            if let Err(error) = self.check(&place, "its resource metadata") {
                failure.get_or_insert(error);
                continue;
            }
            let text = match self.get(&place).await {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(error) => {
                    failure.get_or_insert(error);
                    continue;
                }
            };
            let Ok(found) = serde_json::from_str::<ResourceMetadata>(&text) else {
                continue;
            };
            self.check_resource(&found.resource)?;
            self.check_scopes(found.scopes_supported.as_deref().unwrap_or_default())?;
            return Ok(Some(found));
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// The place that a challenge names. Some servers write a relative URL, other quotes, or more
    /// than a URL. `None` for nothing.
    fn named(&self, text: &str) -> Option<Url> {
        let text = text.split_whitespace().next()?;
        let text = text.trim_matches(['\'', '"', '<', '>', ',', ';']);
        if text.is_empty() {
            None
        } else {
            join_url(self.server, text).ok()
        }
    }

    fn check_scopes(&self, scopes: &[String]) -> Result<(), Error> {
        if scopes.iter().all(|scope| is_scope(scope)) {
            Ok(())
        } else {
            Err(self.distrust("it names a scope that is not printable ASCII"))
        }
    }

    /// A resource's metadata is for the server if it names the server's address, or one above it.
    fn check_resource(&self, resource: &str) -> Result<(), Error> {
        let named = parse_url(resource).ok().filter(|_| is_ascii_word(resource));
        let covers = named.is_some_and(|named| {
            let (above, below) = (named.path().trim_end_matches('/'), self.server.path());
            same_origin(&named, self.server)
                && below
                    .strip_prefix(above)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if covers {
            return Ok(());
        }
        Err(self.distrust(&format!(
            "its metadata is for the resource {resource}, which is another server"
        )))
    }

    /// The metadata of an issuer that the server named.
    async fn authorization_server(&self, issuer: &str) -> Result<ServerMetadata, Error> {
        let unusable = || {
            self.distrust(&format!(
                "it names the issuer {issuer}, which is not the URL of an issuer"
            ))
        };
        let address = parse_url(issuer).map_err(|_| unusable())?;
        if !is_ascii_word(issuer) || address.query().is_some() || address.fragment().is_some() {
            return Err(unusable());
        }
        self.check(&address, "its issuer")?;
        let places = metadata_urls(&address);
        if let Some(found) = self.first_metadata(places).await? {
            if !same_issuer(&found.issuer, issuer) {
                return Err(self.distrust(&format!(
                    "the metadata of the issuer {issuer} names the issuer {}",
                    found.issuer
                )));
            }
            return self.checked(found);
        }
        // 2025-03-26: a server that publishes no metadata has its endpoints at fixed places.
        if same_origin(&address, self.server) {
            return self.at_fixed_places();
        }
        Err(self.distrust(&format!("its issuer {issuer} publishes no metadata")))
    }

    /// The first authorization server metadata at one of these places. What goes wrong at one place
    /// is reported when no other place has it.
    async fn first_metadata(&self, places: Vec<Url>) -> Result<Option<ServerMetadata>, Error> {
        let mut failure = None;
        for place in places {
            match self.get(&place).await {
                Ok(Some(text)) => match read(&text) {
                    Ok(found) => return Ok(Some(found)),
                    // A page for people, or another document, is no metadata.
                    Err(error) if text.contains("\"issuer\"") => {
                        failure.get_or_insert_with(|| {
                            self.distrust(&format!(
                                "its metadata at {} is invalid: {error}",
                                shown(&place)
                            ))
                        });
                    }
                    Err(_) => {}
                },
                Ok(None) => {}
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// 2025-03-26: the server is its own authorization server.
    async fn without_resource_metadata(&self) -> Result<Discovered, Error> {
        let found = |server| Discovered {
            server,
            resource: None,
            resource_scopes: Vec::new(),
        };
        let mut origin = self.server.clone();
        origin.set_path("");
        let Some(metadata) = self.first_metadata(metadata_urls(&origin)).await? else {
            return self.at_fixed_places().map(found);
        };
        // No issuer was named, so only the place can confirm the one in the document.
        let issuer = parse_url(&metadata.issuer);
        let ours = issuer.is_ok_and(|issuer| same_origin(&issuer, self.server));
        if !ours || !is_ascii_word(&metadata.issuer) {
            return Err(self.distrust(&format!(
                "its own metadata names the issuer {}, which is another server",
                metadata.issuer
            )));
        }
        self.checked(metadata).map(found)
    }

    fn at_fixed_places(&self) -> Result<ServerMetadata, Error> {
        let place = |path: &str| join_url(self.server, path).ok();
        self.checked(ServerMetadata {
            issuer: self.server.origin().ascii_serialization(),
            authorization_endpoint: place("/authorize"),
            token_endpoint: place("/token"),
            registration_endpoint: place("/register"),
            ..ServerMetadata::default()
        })
    }

    fn checked(&self, mut metadata: ServerMetadata) -> Result<ServerMetadata, Error> {
        let endpoints = [
            (
                &metadata.authorization_endpoint,
                "its authorization endpoint",
            ),
            (&metadata.token_endpoint, "its token endpoint"),
            (&metadata.registration_endpoint, "its registration endpoint"),
            (&metadata.revocation_endpoint, "its revocation endpoint"),
            (
                &metadata.device_authorization_endpoint,
                "its device endpoint",
            ),
        ];
        for (endpoint, what) in endpoints {
            if let Some(endpoint) = endpoint {
                self.check(endpoint, what)?;
            }
        }
        let methods = &metadata.code_challenge_methods_supported;
        if methods
            .as_ref()
            .is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
        {
            return Err(self.distrust("its authorization server does not support PKCE with S256"));
        }
        if let Some(scopes) = &mut metadata.scopes_supported {
            scopes.retain(|scope| is_scope(scope));
        }
        Ok(metadata)
    }

    /// Whether farport may use a URL that the server named. Only a server on this machine may name
    /// one on this machine, and only a server in a private network one in a private network. Names
    /// are checked again when they are resolved.
    fn check(&self, url: &Url, what: &str) -> Result<(), Error> {
        let local = is_loopback(url) || is_link_local(url);
        if local && !is_loopback(self.server) || !self.requests.reach().permits(url) {
            if is_private(url) {
                return Err(Error::PrivateNetwork { url: shown(url) });
            }
            return Err(self.distrust(&format!("it names {} as {what}", shown(url))));
        }
        if usable(url, self.allow_http) {
            return Ok(());
        }
        let named = format!("it names {} as {what}", shown(url));
        Err(self.distrust(&match url.scheme() {
            "http" => format!(
                "{named}, which is not encrypted; a server behind a proxy must publish its public https \
                 URLs"
            ),
            _ => named,
        }))
    }

    fn distrust(&self, why: &str) -> Error {
        SignInError::Metadata {
            server: shown(self.server),
            why: printable(why),
        }
        .into()
    }

    /// A document; `None` where there is none.
    async fn get(&self, url: &Url) -> Result<Option<String>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let request = Outgoing {
            method: Method::GET,
            url: url.clone(),
            headers,
            body: bytes::Bytes::new(),
            redirects: Redirects::SameOrigin,
            purpose: Purpose::Metadata,
            attempt: 1,
        };
        let answered = self.requests.send(request).await?;
        Ok((answered.status == StatusCode::OK).then_some(answered.text))
    }
}

/// Reads authorization server metadata. A malformed member counts as an error, unless farport does not
/// use it here.
fn read(text: &str) -> Result<ServerMetadata, String> {
    const UNUSED: [&str; 4] = [
        "introspection_endpoint",
        "introspection_endpoint_auth_methods_supported",
        "jwks_uri",
        "userinfo_endpoint",
    ];
    let found = ServerMetadata::read(text.as_bytes()).map_err(|error| error.to_string())?;
    match found.malformed.iter().find(|name| !UNUSED.contains(name)) {
        Some(name) => Err(format!("`{name}` is malformed")),
        None => Ok(found),
    }
}

fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_link_local() || address.is_unspecified(),
        Some(url::Host::Ipv6(address)) => {
            address.is_unicast_link_local() || address.is_unspecified()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Http, Reach};

    #[test]
    fn a_challenge_names_a_place_in_more_ways_than_one() {
        let http = Http::new(crate::http::HttpOptions::default());
        let server = Url::parse("https://a.example/one/mcp").unwrap();
        let finder = Finder {
            requests: Requests::new(&http, Reach::Public),
            server: &server,
            allow_http: false,
        };
        for (text, expect) in [
            ("https://b.example/x", Some("https://b.example/x")),
            ("'https://b.example/x'", Some("https://b.example/x")),
            (" <https://b.example/x> ", Some("https://b.example/x")),
            ("https://b.example/x, error", Some("https://b.example/x")),
            ("https://b.example/x; junk", Some("https://b.example/x")),
            ("/x/y", Some("https://a.example/x/y")),
            ("x/y", Some("https://a.example/one/x/y")),
            ("//b.example/x", Some("https://b.example/x")),
            ("", None),
            ("''", None),
            (" ", None),
            ("https://", None),
        ] {
            let named = finder.named(text);
            assert_eq!(named.as_ref().map(Url::as_str), expect, "{text:?}");
        }
    }

    #[test]
    fn a_resource_is_the_server_or_above_it() {
        let http = Http::new(crate::http::HttpOptions::default());
        let server = Url::parse("https://a.example/one/mcp").unwrap();
        let finder = Finder {
            requests: Requests::new(&http, Reach::Public),
            server: &server,
            allow_http: false,
        };
        for (resource, good) in [
            ("https://a.example/one/mcp", true),
            ("https://a.example/one/mcp/", true),
            ("https://a.example/one", true),
            ("https://a.example", true),
            ("https://a.example/", true),
            ("https://a.example:443/one", true),
            ("https://a.example/on", false),
            ("https://a.example/one/mcp/more", false),
            ("https://a.example/two", false),
            ("http://a.example/one/mcp", false),
            ("https://a.example:8443/one/mcp", false),
            ("https://b.example/one/mcp", false),
            ("https://a.example.evil.example/one/mcp", false),
            ("https://a.example/one/m\u{200b}cp", false),
            ("mcp", false),
        ] {
            assert_eq!(finder.check_resource(resource).is_ok(), good, "{resource}");
        }
    }

    #[test]
    fn a_server_elsewhere_names_no_address_of_this_machine() {
        let http = Http::new(crate::http::HttpOptions::default());
        for (server, endpoint, good) in [
            ("https://a.example/mcp", "https://b.example/token", true),
            ("https://a.example/mcp", "http://b.example/token", false),
            ("https://a.example/mcp", "https://localhost/token", false),
            ("https://a.example/mcp", "http://127.0.0.1:1/token", false),
            (
                "https://a.example/mcp",
                "http://[::ffff:127.0.0.1]/token",
                false,
            ),
            (
                "https://a.example/mcp",
                "https://169.254.169.254/token",
                false,
            ),
            ("https://a.example/mcp", "https://0.0.0.0/token", false),
            ("https://a.example/mcp", "file:///etc/passwd", false),
            (
                "https://a.example/mcp",
                "https://user:pw@b.example/token",
                false,
            ),
            ("https://a.example/mcp", "https://10.0.0.1/token", false),
            ("https://a.example/mcp", "https://172.16.0.1/token", false),
            ("https://a.example/mcp", "https://192.168.1.1/token", false),
            ("https://a.example/mcp", "https://100.64.0.1/token", false),
            ("https://a.example/mcp", "https://[fd00::1]/token", false),
            (
                "https://a.example/mcp",
                "https://[64:ff9b::10.0.0.1]/token",
                false,
            ),
            ("https://10.0.0.2/mcp", "https://192.168.1.1/token", true),
            ("https://10.0.0.2/mcp", "https://127.0.0.1/token", false),
            ("https://10.0.0.2/mcp", "http://192.168.1.1/token", false),
            ("http://localhost:1/mcp", "https://10.0.0.1/token", true),
            ("http://localhost:1/mcp", "http://127.0.0.1:2/token", true),
            ("http://localhost:1/mcp", "https://b.example/token", true),
        ] {
            let server = Url::parse(server).unwrap();
            let reach = if is_private(&server) {
                Reach::Anywhere
            } else {
                Reach::Public
            };
            let finder = Finder {
                requests: Requests::new(&http, reach),
                server: &server,
                allow_http: false,
            };
            let endpoint = Url::parse(endpoint).unwrap();
            assert_eq!(finder.check(&endpoint, "x").is_ok(), good, "{endpoint}");
        }
    }
}
