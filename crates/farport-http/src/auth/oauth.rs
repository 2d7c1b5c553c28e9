//! The OAuth endpoints, from request to response.

use std::sync::Arc;

use bytes::Bytes;
use farport_oauth::{
    Answer, AuthorizationServer, Cookies, ErrorCode, Next, OAuthError, Site, TokenRequest, Visit,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use serde::Serialize;

use super::{Address, Auth, pages, well_known};
use crate::{
    Body, body, cors,
    refusal::Refusal,
    respond,
    service::{Inner, text_header},
};

/// The largest body of an OAuth request, in bytes.
const MOST_BYTES: usize = 64 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

/// An endpoint.
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

    fn takes(self, method: &Method) -> bool {
        let method = match *method {
            Method::HEAD => "GET",
            ref method => method.as_str(),
        };
        self.methods().split(", ").any(|one| one == method)
    }
}

impl Inner {
    /// Answers a request to an OAuth endpoint; `None` when there is none at its path.
    pub(crate) async fn oauth<B>(
        &self,
        parts: &Parts,
        body: B,
        address: Address,
    ) -> Option<Result<Response<Body>, Refusal>>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let auth = self.auth.as_ref()?;
        let endpoint = Endpoint::at(parts.uri.path())?;
        Some(self.endpoint(auth, endpoint, parts, body, address).await)
    }

    async fn endpoint<B>(
        &self,
        auth: &Auth,
        endpoint: Endpoint,
        parts: &Parts,
        body: B,
        address: Address,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let site = auth.site(parts).ok_or(Refusal::Internal)?;
        if endpoint != Endpoint::Document && auth.own().is_none() {
            return Err(Refusal::NoRoute);
        }
        if !endpoint.takes(&parts.method) {
            return Err(Refusal::Method(endpoint.methods()));
        }
        if parts.method == Method::OPTIONS {
            return Ok(cors::preflight(&parts.headers));
        }
        let server = match (endpoint, auth.own()) {
            (Endpoint::Document, _) => return auth.document(site, parts.uri.path()),
            (Endpoint::StyleSheet, _) => return Ok(pages::style_sheet(&auth.theme)),
            (Endpoint::Logo, _) => return pages::logo(&auth.theme).ok_or(Refusal::NoRoute),
            (_, Some(server)) => server,
            (_, None) => return Err(Refusal::NoRoute),
        };
        let request = Asked {
            server,
            site,
            parts,
            address,
        };
        match endpoint {
            Endpoint::Authorize | Endpoint::Callback => {
                let query = parts.uri.query().unwrap_or_default();
                let answer = self.visit(&request, endpoint, query.as_bytes()).await;
                // Who came by a link can go on by a redirect.
                Ok(page(auth, answer, true))
            }
            Endpoint::SignIn | Endpoint::Decide => {
                if media_type(&parts.headers).as_deref() != Some(FORM) {
                    let text = "Content-Type must be application/x-www-form-urlencoded";
                    return Err(Refusal::MediaType(text));
                }
                let form = self.form(body).await?;
                let answer = self.visit(&request, endpoint, &form).await;
                Ok(page(auth, answer, false))
            }
            _ => {
                let body = self.form(body).await?;
                Ok(self.called(&request, endpoint, &body).await)
            }
        }
    }

    async fn form<B>(&self, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let mut limits = self.config.limits;
        limits.body_bytes = limits.body_bytes.min(MOST_BYTES);
        body::read(body, &limits, &*self.runtime).await
    }

    /// Serves a browser.
    async fn visit(&self, asked: &Asked<'_>, endpoint: Endpoint, parameters: &[u8]) -> Answer {
        let visit = Visit {
            site: asked.site,
            parameters,
            cookies: &cookies(&asked.parts.headers),
            address: asked.address,
            now: self.unix_time(),
        };
        match endpoint {
            Endpoint::SignIn => asked.server.sign_in(visit).await,
            Endpoint::Decide => asked.server.decide(visit).await,
            Endpoint::Callback => asked.server.callback(visit).await,
            _ => asked.server.authorize(visit).await,
        }
    }

    /// Serves a client.
    async fn called(&self, asked: &Asked<'_>, endpoint: Endpoint, body: &[u8]) -> Response<Body> {
        let headers = &asked.parts.headers;
        let kind = match endpoint {
            Endpoint::Register => "application/json",
            _ => FORM,
        };
        if media_type(headers).as_deref() != Some(kind) {
            let text = format!("Content-Type must be {kind}");
            return failed(&OAuthError::new(ErrorCode::InvalidRequest, text), false);
        }
        if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
            let text = "There is one Authorization header";
            return failed(&OAuthError::new(ErrorCode::InvalidRequest, text), false);
        }
        let authorization = text_header(headers, &header::AUTHORIZATION);
        let request = TokenRequest {
            authorization,
            body,
            address: asked.address,
        };
        let (server, site, now) = (asked.server, asked.site, self.unix_time());
        let outcome = match endpoint {
            Endpoint::Token => server
                .token(site, request, now)
                .await
                .map(|answer| answered(StatusCode::OK, &answer)),
            Endpoint::Register => server
                .register(body, asked.address, now)
                .await
                .map(|answer| answered(StatusCode::CREATED, &answer)),
            Endpoint::Introspect => server
                .introspect(site, request, now)
                .await
                .map(|answer| answered(StatusCode::OK, &answer)),
            _ => server
                .revoke(site, request, now)
                .await
                .map(|()| unkept(respond::empty(StatusCode::OK))),
        };
        outcome.unwrap_or_else(|error| failed(&error, authorization.is_some()))
    }
}

struct Asked<'a> {
    server: &'a Arc<AuthorizationServer>,
    site: &'a Site,
    parts: &'a Parts,
    address: Address,
}

/// What a browser is shown, or where it is sent.
fn page(auth: &Auth, answer: Answer, redirects: bool) -> Response<Body> {
    let theme = &auth.theme;
    let on_the_web = |url: &str| url.starts_with("https:") || url.starts_with("http:");
    let mut response = match &answer.next {
        Next::SignIn(asked) => pages::sign_in(theme, asked),
        Next::Consent(asked) => pages::consent(theme, asked),
        Next::Provider { url, .. } | Next::Client { url, .. } if redirects && on_the_web(url) => {
            redirect(url)
        }
        Next::Provider { name, url } => pages::to_provider(theme, name, url),
        Next::Client { name, url, granted } => {
            pages::to_client(theme, name.as_deref(), url, *granted)
        }
        Next::Stopped(stopped) => pages::stopped(theme, stopped),
        Next::Refused(refused) => pages::refused(theme, refused),
    };
    pages::set_cookies(&mut response, &answer.cookies);
    response
}

fn redirect(url: &str) -> Response<Body> {
    let mut response = unkept(respond::empty(StatusCode::FOUND));
    match HeaderValue::from_str(url) {
        Ok(mut url) => {
            url.set_sensitive(true);
            response.headers_mut().insert(header::LOCATION, url);
        }
        // URLs are ASCII without control characters.
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
        Ok(json) => unkept(respond::json(status, Bytes::from(json))),
        Err(error) => {
            tracing::error!(%error, "an answer does not serialise");
            unkept(respond::empty(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

/// An error document (RFC 6749, section 5.2).
fn failed(error: &OAuthError, used_header: bool) -> Response<Body> {
    #[derive(Serialize)]
    struct Document<'a> {
        error: &'a str,
        error_description: &'a str,
    }
    tracing::debug!(error = error.code.as_str(), "an OAuth request is refused");
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

/// Tokens are for their client alone, not for what stands between.
fn unkept(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn cookies(headers: &HeaderMap) -> Cookies {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| cookie::Cookie::split_parse(line.to_owned()))
        .filter_map(Result::ok)
        .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
        .collect()
}

/// The type of the body, without its parameters, in lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = text_header(headers, &header::CONTENT_TYPE)?;
    let essence = value.split(';').next().unwrap_or(value);
    Some(essence.trim().to_ascii_lowercase())
}
