//! The routes of the OAuth endpoints and their pages.

use std::sync::Arc;

use bytes::Bytes;
use farport_core::Runtime;
use farport_oauth::{
    AuthorizationServer, Cookies, ErrorCode, Next, OAuthError, PageRequest, PageResponse, Site,
    TokenRequest,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use serde::Serialize;

use super::{
    Auth,
    pages::{self, Pages},
    unix_time, well_known,
};
use crate::{
    Body, Limits, assets, body, caller::Address, cors, negotiate::text_header, refusal::Refusal,
    respond,
};

/// The maximum size of an OAuth request's body, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

/// An OAuth endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Document,
    Authorize,
    SignIn,
    Decide,
    Callback,
    StyleSheet,
    Logo,
    Token,
    Register,
    Revoke,
    Introspect,
}

impl Endpoint {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/authorize" => Self::Authorize,
            "/authorize/sign-in" => Self::SignIn,
            "/authorize/decide" => Self::Decide,
            "/authorize/style.css" => Self::StyleSheet,
            "/authorize/logo" => Self::Logo,
            "/callback" => Self::Callback,
            "/token" => Self::Token,
            "/register" => Self::Register,
            "/revoke" => Self::Revoke,
            "/introspect" => Self::Introspect,
            path if well_known::is_well_known(path) => Self::Document,
            _ => return None,
        })
    }

    fn methods(self) -> &'static str {
        match self {
            Self::SignIn | Self::Decide => "POST",
            Self::Token | Self::Register | Self::Revoke | Self::Introspect => "POST, OPTIONS",
            Self::Document => "GET, OPTIONS",
            Self::Authorize | Self::Callback | Self::StyleSheet | Self::Logo => "GET",
        }
    }

    fn accepts(self, method: &Method) -> bool {
        let method = match *method {
            Method::HEAD => "GET",
            ref method => method.as_str(),
        };
        self.methods().split(", ").any(|one| one == method)
    }
}

/// The routes of the OAuth endpoints, their pages, and the metadata documents.
pub(crate) struct OAuthRoutes {
    auth: Arc<Auth>,
    runtime: Arc<dyn Runtime>,
    limits: Limits,
}

impl OAuthRoutes {
    pub(crate) fn new(auth: Arc<Auth>, runtime: Arc<dyn Runtime>, limits: Limits) -> Self {
        let body_bytes = limits.body_bytes.min(MAX_BODY_BYTES);
        Self {
            auth,
            runtime,
            limits: Limits {
                body_bytes,
                ..limits
            },
        }
    }

    /// Handles a request to an OAuth endpoint.
    pub(crate) async fn handle<B>(
        &self,
        parts: &Parts,
        body: B,
        address: Address,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let auth = &*self.auth;
        let endpoint = Endpoint::at(parts.uri.path()).ok_or(Refusal::NoRoute)?;
        let site = auth.site(parts).ok_or(Refusal::Internal)?;
        if endpoint != Endpoint::Document && auth.own().is_none() {
            return Err(Refusal::NoRoute);
        }
        if !endpoint.accepts(&parts.method) {
            return Err(Refusal::Method(endpoint.methods()));
        }
        if parts.method == Method::OPTIONS {
            return Ok(cors::preflight(&parts.headers));
        }
        let server = match (endpoint, auth.own()) {
            (Endpoint::Document, _) => return auth.document(site, parts.uri.path()),
            (Endpoint::StyleSheet, _) => return Ok(assets::style_sheet(&auth.theme)),
            (Endpoint::Logo, _) => return pages::logo(&auth.theme).ok_or(Refusal::NoRoute),
            (_, Some(server)) => server,
            (_, None) => return Err(Refusal::NoRoute),
        };
        let request = EndpointRequest {
            server,
            site,
            parts,
            address,
        };
        match endpoint {
            Endpoint::Authorize | Endpoint::Callback => {
                let query = parts.uri.query().unwrap_or_default();
                let answer = self.visit(&request, endpoint, query.as_bytes()).await;
                // A browser that followed a link may be redirected.
                Ok(page(auth, site, answer, true))
            }
            Endpoint::SignIn | Endpoint::Decide => {
                if media_type(&parts.headers).as_deref() != Some(FORM) {
                    let text = "Content-Type must be application/x-www-form-urlencoded";
                    return Err(Refusal::MediaType(text));
                }
                let form = self.form(&parts.headers, body).await?;
                let answer = self.visit(&request, endpoint, &form).await;
                Ok(page(auth, site, answer, false))
            }
            _ => {
                let body = self.form(&parts.headers, body).await?;
                Ok(self.called(&request, endpoint, &body).await)
            }
        }
    }

    async fn form<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        body::read(body, headers, &self.limits, &*self.runtime).await
    }

    /// Handles a browser's request.
    async fn visit(
        &self,
        request: &EndpointRequest<'_>,
        endpoint: Endpoint,
        parameters: &[u8],
    ) -> PageResponse {
        let visit = PageRequest {
            site: request.site,
            parameters,
            cookies: &cookies(&request.parts.headers),
            address: request.address,
            now: unix_time(&*self.runtime),
        };
        let interaction = request.server.interaction();
        match endpoint {
            Endpoint::SignIn => interaction.sign_in(visit).await,
            Endpoint::Decide => interaction.decide(visit).await,
            Endpoint::Callback => interaction.callback(visit).await,
            _ => interaction.authorize(visit).await,
        }
    }

    /// Handles a client's request.
    async fn called(
        &self,
        called: &EndpointRequest<'_>,
        endpoint: Endpoint,
        body: &[u8],
    ) -> Response<Body> {
        let headers = &called.parts.headers;
        let kind = match endpoint {
            Endpoint::Register => "application/json",
            _ => FORM,
        };
        if media_type(headers).as_deref() != Some(kind) {
            let text = format!("Content-Type must be {kind}");
            return failed(&OAuthError::new(ErrorCode::InvalidRequest, text), false);
        }
        if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
            let text = "the Authorization header is repeated";
            return failed(&OAuthError::new(ErrorCode::InvalidRequest, text), false);
        }
        let authorization = text_header(headers, &header::AUTHORIZATION);
        let request = TokenRequest {
            authorization,
            body,
            address: called.address,
        };
        let (server, site, now) = (called.server, called.site, unix_time(&*self.runtime));
        let tokens = server.token_endpoint();
        let outcome = match endpoint {
            Endpoint::Token => tokens
                .token(site, request, now)
                .await
                .map(|answer| answered(StatusCode::OK, &answer)),
            Endpoint::Register => server
                .registration()
                .register(body, called.address, now)
                .await
                .map(|answer| answered(StatusCode::CREATED, &answer)),
            Endpoint::Introspect => tokens
                .introspect(site, request, now)
                .await
                .map(|answer| answered(StatusCode::OK, &answer)),
            _ => tokens
                .revoke(site, request, now)
                .await
                .map(|()| uncached(respond::empty(StatusCode::OK))),
        };
        if let Some(work) = server.upstream_revocations().work(now) {
            self.runtime.spawn(work);
        }
        outcome.unwrap_or_else(|error| failed(&error, authorization.is_some()))
    }
}

/// A request to an endpoint of the authorization server.
struct EndpointRequest<'a> {
    server: &'a Arc<AuthorizationServer>,
    site: &'a Site,
    parts: &'a Parts,
    address: Address,
}

/// Returns the page for a browser, or a redirect.
fn page(auth: &Auth, site: &Site, answer: PageResponse, redirects: bool) -> Response<Body> {
    let pages = Pages::new(&auth.theme, site);
    let on_the_web = |url: &str| url.starts_with("https:") || url.starts_with("http:");
    let mut response = match &answer.next {
        Next::SignIn(asked) => pages.sign_in(asked),
        Next::Consent(asked) => pages.consent(asked),
        Next::Provider { url, .. } | Next::Client { url, .. } if redirects && on_the_web(url) => {
            redirect(url)
        }
        Next::Provider { name, url } => pages.to_provider(name, url),
        Next::Client {
            name, url, error, ..
        } => pages.to_client(name.as_deref(), url, error.as_ref()),
        Next::ErrorLink(stopped) => pages.stopped(stopped),
        Next::ErrorPage(refused) => pages.refused(refused),
    };
    pages::set_cookies(&mut response, &answer.cookies);
    response
}

fn redirect(url: &str) -> Response<Body> {
    let mut response = uncached(respond::empty(StatusCode::FOUND));
    match HeaderValue::from_str(url) {
        Ok(mut url) => {
            url.set_sensitive(true);
            response.headers_mut().insert(header::LOCATION, url);
        }
        // Cannot happen: URLs are ASCII without control characters.
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    let policy = HeaderValue::from_static("no-referrer");
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, policy);
    response
}

fn answered(status: StatusCode, answer: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(answer) {
        Ok(json) => uncached(respond::json(status, Bytes::from(json))),
        Err(error) => {
            tracing::error!(%error, "cannot serialize a response");
            uncached(respond::empty(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

/// Returns an error document (RFC 6749, section 5.2).
fn failed(error: &OAuthError, used_header: bool) -> Response<Body> {
    #[derive(Serialize)]
    struct Document<'a> {
        error: &'a str,
        error_description: &'a str,
    }
    tracing::debug!(error = error.code.as_str(), "refused an OAuth request");
    let document = Document {
        error: error.code.as_str(),
        error_description: &error.description,
    };
    let mut response = answered(error.code.status(), &document);
    let headers = response.headers_mut();
    if let Some(wait) = error.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    if used_header && error.code == ErrorCode::InvalidClient {
        let basic = HeaderValue::from_static("Basic realm=\"token\"");
        headers.insert(header::WWW_AUTHENTICATE, basic);
    }
    response
}

/// Forbids caches to store a response, because it may contain tokens (RFC 6749, section 5.1).
fn uncached(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Reads the `Cookie` headers (RFC 6265, section 4.2.1).
fn cookies(headers: &HeaderMap) -> Cookies {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

/// Returns the media type of the body, without its parameters, in lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = text_header(headers, &header::CONTENT_TYPE)?;
    let essence = value.split(';').next().unwrap_or(value);
    Some(essence.trim().to_ascii_lowercase())
}
