//! Where a server's sign-in is: RFC 9728, then RFC 8414 or OpenID Connect Discovery.
//!
//! Everything found is what a server that nobody vouches for says of itself. So: an issuer is
//! compared byte by byte with the one that was looked for, a resource with the server's own address,
//! and no endpoint is used that a secret must not go to.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use url::Url;

use super::SignInError;
use super::challenge::Challenge;
use crate::Error;
use crate::http::{Http, Outgoing, Redirects, is_loopback, same_origin, shown, usable};

/// The most that a metadata document may have, in bytes.
const LARGEST: usize = 256 * 1024;

/// What an authorization server says of itself (RFC 8414).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ServerMetadata {
    pub(crate) issuer: String,
    #[serde(default)]
    pub(crate) authorization_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) token_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) registration_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) revocation_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) device_authorization_endpoint: Option<Url>,
    #[serde(default)]
    pub(crate) scopes_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) grant_types_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    pub(crate) client_id_metadata_document_supported: bool,
}

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

/// Looks up how to sign in to `server`.
pub(crate) async fn discover(
    http: &Http,
    server: &Url,
    allow_http: bool,
    challenge: &Challenge,
    known_issuer: Option<&str>,
) -> Result<Discovered, Error> {
    let finder = Finder {
        http,
        server,
        allow_http,
    };
    let Some(resource) = finder.resource(challenge).await? else {
        return finder.without_resource_metadata().await;
    };
    let issuers = &resource.authorization_servers;
    let issuer = known_issuer
        .filter(|known| issuers.iter().any(|issuer| issuer == known))
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
    http: &'a Http,
    server: &'a Url,
    allow_http: bool,
}

impl Finder<'_> {
    async fn resource(&self, challenge: &Challenge) -> Result<Option<ResourceMetadata>, Error> {
        let mut places = Vec::new();
        if let Some(place) = &challenge.resource_metadata {
            let place = Url::parse(place)
                .map_err(|_| self.distrust("its challenge names metadata at no address"))?;
            self.check(&place, "metadata")?;
            places.push(place);
        }
        let mut well_known = inserted(self.server, "oauth-protected-resource")
            .into_iter()
            .collect::<Vec<_>>();
        well_known.extend(at_root(self.server, "oauth-protected-resource"));
        places.extend(well_known);
        places.dedup();
        for place in places {
            let Some(text) = self.get(&place).await? else {
                continue;
            };
            let Ok(found) = serde_json::from_str::<ResourceMetadata>(&text) else {
                continue;
            };
            self.check_resource(&found.resource)?;
            return Ok(Some(found));
        }
        Ok(None)
    }

    /// A resource's metadata is for the server if it names the server's address, or one above it.
    fn check_resource(&self, resource: &str) -> Result<(), Error> {
        let named = Url::parse(resource).ok();
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
        Err(self.distrust(&format!("it says that it is {resource}")))
    }

    /// The metadata of an issuer that the server named.
    async fn authorization_server(&self, issuer: &str) -> Result<ServerMetadata, Error> {
        let address = Url::parse(issuer)
            .map_err(|_| self.distrust(&format!("{issuer} is named as its issuer")))?;
        self.check(&address, "an issuer")?;
        if address.query().is_some() || address.fragment().is_some() {
            return Err(self.distrust(&format!("{issuer} is named as its issuer")));
        }
        for place in issuer_places(&address) {
            let Some(text) = self.get(&place).await? else {
                continue;
            };
            let Ok(found) = serde_json::from_str::<ServerMetadata>(&text) else {
                continue;
            };
            if found.issuer != issuer {
                return Err(self.distrust(&format!(
                    "the metadata of {issuer} is in the name of {}",
                    found.issuer
                )));
            }
            return self.checked(found);
        }
        // 2025-03-26: a server that describes nothing has its endpoints at fixed places.
        if same_origin(&address, self.server) {
            return self.at_fixed_places();
        }
        Err(self.distrust(&format!("{issuer} publishes no metadata")))
    }

    /// 2025-03-26: the server is its own authorization server.
    async fn without_resource_metadata(&self) -> Result<Discovered, Error> {
        let found = |server| Discovered {
            server,
            resource: None,
            resource_scopes: Vec::new(),
        };
        for name in ["oauth-authorization-server", "openid-configuration"] {
            let Some(place) = at_root(self.server, name) else {
                continue;
            };
            let Some(text) = self.get(&place).await? else {
                continue;
            };
            let Ok(metadata) = serde_json::from_str::<ServerMetadata>(&text) else {
                continue;
            };
            // Nobody named an issuer, so there is only the place to hold its name against.
            if !Url::parse(&metadata.issuer).is_ok_and(|issuer| same_origin(&issuer, &place)) {
                return Err(self.distrust(&format!(
                    "its own metadata is in the name of {}",
                    metadata.issuer
                )));
            }
            return self.checked(metadata).map(found);
        }
        self.at_fixed_places().map(found)
    }

    fn at_fixed_places(&self) -> Result<ServerMetadata, Error> {
        let place = |path: &str| self.server.join(path).ok();
        self.checked(ServerMetadata {
            issuer: self.server.origin().ascii_serialization(),
            authorization_endpoint: place("/authorize"),
            token_endpoint: place("/token"),
            registration_endpoint: place("/register"),
            ..ServerMetadata::default()
        })
    }

    fn checked(&self, metadata: ServerMetadata) -> Result<ServerMetadata, Error> {
        let endpoints = [
            (
                &metadata.authorization_endpoint,
                "an authorization endpoint",
            ),
            (&metadata.token_endpoint, "a token endpoint"),
            (&metadata.registration_endpoint, "a registration endpoint"),
            (&metadata.revocation_endpoint, "a revocation endpoint"),
            (&metadata.device_authorization_endpoint, "a device endpoint"),
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
        Ok(metadata)
    }

    /// Whether an address that the server named may be asked. One on this machine may only be named
    /// by a server on this machine.
    fn check(&self, url: &Url, what: &str) -> Result<(), Error> {
        let local = is_loopback(url) || is_link_local(url);
        if usable(url, self.allow_http) && (!local || is_loopback(self.server)) {
            return Ok(());
        }
        Err(self.distrust(&format!("it names {} as {what}", shown(url))))
    }

    fn distrust(&self, why: &str) -> Error {
        SignInError::Metadata {
            server: shown(self.server),
            why: why.to_owned(),
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
        };
        let mut response = self.http.send(request).await?;
        match response.status() {
            StatusCode::OK => response.text(LARGEST).await.map(Some),
            status if status.is_server_error() => Err(self.distrust(&format!(
                "{} answered with HTTP {}",
                shown(url),
                status.as_u16()
            ))),
            _ => Ok(None),
        }
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

/// `/.well-known/NAME/path`; `None` where the path is empty.
fn inserted(url: &Url, name: &str) -> Option<Url> {
    let path = url.path().trim_end_matches('/');
    (!path.is_empty()).then(|| with_path(url, &format!("/.well-known/{name}{path}")))
}

/// `/.well-known/NAME`
fn at_root(url: &Url, name: &str) -> Option<Url> {
    Some(with_path(url, &format!("/.well-known/{name}")))
}

fn with_path(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Where an issuer's metadata may be, in the order of the MCP specification.
fn issuer_places(issuer: &Url) -> Vec<Url> {
    const OAUTH: &str = "oauth-authorization-server";
    const OPENID: &str = "openid-configuration";
    match (inserted(issuer, OAUTH), inserted(issuer, OPENID)) {
        (Some(oauth), Some(openid)) => {
            let path = issuer.path().trim_end_matches('/');
            let appended = with_path(issuer, &format!("{path}/.well-known/{OPENID}"));
            vec![oauth, openid, appended]
        }
        _ => [at_root(issuer, OAUTH), at_root(issuer, OPENID)]
            .into_iter()
            .flatten()
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_the_specification_says() {
        for (issuer, expect) in [
            (
                "https://a.example",
                vec![
                    "https://a.example/.well-known/oauth-authorization-server",
                    "https://a.example/.well-known/openid-configuration",
                ],
            ),
            (
                "https://a.example/tenant/",
                vec![
                    "https://a.example/.well-known/oauth-authorization-server/tenant",
                    "https://a.example/.well-known/openid-configuration/tenant",
                    "https://a.example/tenant/.well-known/openid-configuration",
                ],
            ),
        ] {
            let places = issuer_places(&Url::parse(issuer).unwrap());
            let places: Vec<_> = places.iter().map(Url::as_str).collect();
            assert_eq!(places, expect);
        }
    }

    #[test]
    fn a_resource_is_the_server_or_above_it() {
        let http = Http::new(crate::http::HttpOptions::default());
        let server = Url::parse("https://a.example/one/mcp").unwrap();
        let finder = Finder {
            http: &http,
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
            ("http://localhost:1/mcp", "http://127.0.0.1:2/token", true),
            ("http://localhost:1/mcp", "https://b.example/token", true),
        ] {
            let server = Url::parse(server).unwrap();
            let finder = Finder {
                http: &http,
                server: &server,
                allow_http: false,
            };
            let endpoint = Url::parse(endpoint).unwrap();
            assert_eq!(finder.check(&endpoint, "x").is_ok(), good, "{endpoint}");
        }
    }
}
