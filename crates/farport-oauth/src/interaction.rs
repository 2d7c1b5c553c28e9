//! The pages in the browser: from the authorization endpoint through sign-in and consent back to the
//! client.
//!
//! The server trusts nothing that a browser sends, except the secret that continues a transaction,
//! and that only together with the cookie of the browser that started it. The store contains the
//! transaction encrypted.
//!
//! ```text
//! authorize ─┬─ sign-in page ── sign_in ──┐                     (development)
//!            │                            ├─ consent page ── decide ── back to the client
//!            └─ consent page ── decide ── provider ── callback ─┘  (identity provider)
//! ```
//!
//! A user who has already consented to the same client, redirect URI and scopes does not see the
//! consent page again. If the browser goes to the provider without that page, the same user has to
//! return. The page always appears for requests that any program could have sent: a public client on
//! the user's own machine cannot authenticate (RFC 8252, section 8.6).

mod authorize;
mod consent_page;
mod consents;
mod cookies;
mod finish;
mod forms;
mod provider;
mod sign_ins;
mod transactions;

use std::{fmt, net::IpAddr, sync::Arc};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use consent_page::{AccessTime, ConsentPage, SignedInUser};
pub use cookies::{Cookies, SetCookie};
pub use forms::{DENIED_BY_USER, DEVELOPMENT};

use consents::Consents;
use finish::CodeIssuer;
use sign_ins::SignIns;
use transactions::Transactions;

use crate::{
    ClientId, Digest, ErrorCode, Identity, OAuthError, Properties, Scopes, Site, UnixTime,
    limiter::AddressLimiter,
    parse_url,
    server::{Clients, Core, admit},
};

/// The pages in the browser.
pub struct Interaction {
    core: Arc<Core>,
    clients: Arc<Clients>,
    transactions: Transactions,
    sign_ins: SignIns,
    consents: Consents,
    codes: CodeIssuer,
    rate: AddressLimiter,
}

impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interaction")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

impl Interaction {
    pub(crate) fn new(core: Arc<Core>, clients: Arc<Clients>) -> Self {
        Self {
            transactions: Transactions(core.clone()),
            sign_ins: SignIns(core.clone()),
            consents: Consents(core.clone()),
            codes: CodeIssuer {
                core: core.clone(),
                clients: clients.clone(),
            },
            rate: AddressLimiter::new(core.config.authorize_rate),
            core,
            clients,
        }
    }

    /// Counts a request from a browser.
    fn admit(&self, request: &PageRequest<'_>) -> Result<(), OAuthError> {
        admit(&self.rate, request.address, request.now)
    }
}

/// A browser's request for one of the pages.
#[derive(Clone, Copy)]
pub struct PageRequest<'a> {
    /// The requested site.
    pub site: &'a Site,
    /// The query, or the submitted form.
    pub parameters: &'a [u8],
    /// The cookies of the request.
    pub cookies: &'a Cookies,
    /// The address that the request came from.
    pub address: Option<IpAddr>,
    /// The present time.
    pub now: UnixTime,
}

/// Omits the parameters, which contain secrets.
impl fmt::Debug for PageRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageRequest")
            .field("site", &self.site.issuer())
            .field("cookies", &self.cookies)
            .field("address", &self.address)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// The response to a browser: a page or a redirect.
#[derive(Debug)]
pub struct PageResponse {
    /// The page or the redirect.
    pub next: Next,
    /// Cookies to set.
    pub cookies: Vec<SetCookie>,
}

/// The next page or redirect.
pub enum Next {
    /// The sign-in page, which asks for a name.
    SignIn(SignInPage),
    /// The consent page.
    Consent(ConsentPage),
    /// A redirect to the identity provider.
    Provider {
        /// The display name of the provider.
        name: String,
        /// The authorization request to the provider.
        url: String,
    },
    /// A redirect to the client, with a code or an error.
    Client {
        /// The unverified name of the client.
        name: Option<String>,
        /// The redirect URI with the authorization response.
        url: String,
        /// Whether the response contains a code.
        granted: bool,
        /// The error in the response, if it contains no code.
        error: Option<OAuthError>,
    },
    /// An error page with a link back to an unverified client.
    ErrorLink(ErrorLink),
    /// An error page. The browser is never redirected to a client or redirect URI that is not
    /// registered.
    ErrorPage(ErrorPage),
}

/// Omits the query of URLs, which contains a code or a `state`.
impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |url: &str| url.split('?').next().map(str::to_owned);
        match self {
            Self::SignIn(page) => f.debug_tuple("SignIn").field(page).finish(),
            Self::Consent(page) => f.debug_tuple("Consent").field(page).finish(),
            Self::Provider { name, url } => f
                .debug_struct("Provider")
                .field("name", name)
                .field("url", &path(url))
                .finish(),
            Self::Client {
                name, url, granted, ..
            } => f
                .debug_struct("Client")
                .field("name", name)
                .field("url", &path(url))
                .field("granted", granted)
                .finish(),
            Self::ErrorLink(link) => f.debug_tuple("ErrorLink").field(link).finish(),
            Self::ErrorPage(page) => f.debug_tuple("ErrorPage").field(page).finish(),
        }
    }
}

/// An error page with a link back to the client instead of a redirect.
///
/// For a request that fails before a user has signed in, from a client that registered itself or has
/// a metadata document, and whose redirect URI is on the web. Anyone can be such a client, and must
/// not be able to use this server as an open redirector (RFC 9700, section 4.11.2).
#[derive(Clone)]
pub struct ErrorLink {
    /// The error.
    pub error: OAuthError,
    /// The unverified name of the client.
    pub name: Option<String>,
    /// The redirect URI with the error.
    pub url: String,
    /// The destination of the URL.
    pub destination: Destination,
}

impl fmt::Debug for ErrorLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorLink")
            .field("error", &self.error)
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

/// An error page for the user, without a redirect to the client.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// The problem, as the user should understand it.
    pub problem: Problem,
    /// The error, for the client's developer.
    pub error: OAuthError,
    /// The HTTP status.
    pub status: http::StatusCode,
}

/// The problem that an error page explains to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The client sent an invalid request.
    InvalidRequest,
    /// The server does not know the client.
    UnknownClient,
    /// The client's metadata document is not valid.
    InvalidClient,
    /// The server cannot read the client's metadata document at the moment.
    ClientUnavailable,
    /// The page has expired, or its form was sent before.
    Expired,
    /// Another browser started this sign-in.
    OtherBrowser,
    /// The server does not offer this sign-in method.
    WrongSignIn,
    /// Too many requests from the same address.
    TooManyRequests,
    /// The server failed.
    ServerError,
}

/// The page that asks the user for a name.
#[derive(Debug)]
pub struct SignInPage {
    /// Continues the transaction; the form sends it as `transaction`.
    pub transaction: SecretString,
    /// The unverified name of the client.
    pub client_name: Option<String>,
    /// What was wrong with the last attempt.
    pub problem: Option<&'static str>,
}

/// The destination of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A program on the user's own computer.
    ThisComputer,
    /// A web server with this name.
    Host(String),
    /// The app that handles this scheme.
    App(String),
}

/// A valid authorization request.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Authorization {
    client: ClientId,
    client_name: Option<String>,
    client_uri: Option<String>,
    redirect_uri: Arc<str>,
    state: Option<String>,
    scopes: Scopes,
    resource: Arc<str>,
    challenge: Digest,
    /// Whether the client requests the consent page even for a remembered consent.
    ask: bool,
    /// Whether the client comes from the settings.
    vouched_for: bool,
    /// Whether the code can reach no other client. Only then is consent remembered.
    assured: bool,
    /// Whether the client gets refresh tokens.
    #[serde(default)]
    refreshes: bool,
}

/// The step that a transaction waits for.
#[derive(Clone, Serialize, Deserialize)]
enum Stage {
    /// The user enters a name.
    SignIn(Authorization),
    /// The user consents; with the user, if known.
    Consent(Authorization, Option<Properties>),
    /// The user returns from the provider.
    Provider {
        authorization: Authorization,
        verifier: String,
        nonce: String,
        /// Whether the user consented just now, or an earlier consent is remembered.
        consent: Consented,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Consented {
    JustNow,
    Before(Box<Identity>),
}

/// The encrypted part of a transaction.
#[derive(Clone, Serialize, Deserialize)]
struct Pending {
    /// The digest of the cookie that continues the transaction.
    browser: Digest,
    issuer: Arc<str>,
    stage: Stage,
}

impl From<OAuthError> for ErrorPage {
    fn from(error: OAuthError) -> Self {
        // 401 would request authentication from the browser.
        let status = match error.code {
            ErrorCode::InvalidClient => http::StatusCode::BAD_REQUEST,
            code => code.status(),
        };
        let problem = match error.code {
            ErrorCode::InvalidClient => Problem::InvalidClient,
            ErrorCode::SlowDown => Problem::TooManyRequests,
            ErrorCode::TemporarilyUnavailable => Problem::ClientUnavailable,
            ErrorCode::ServerError => Problem::ServerError,
            _ => Problem::InvalidRequest,
        };
        Self {
            problem,
            error,
            status,
        }
    }
}

impl From<crate::StoreError> for ErrorPage {
    fn from(error: crate::StoreError) -> Self {
        OAuthError::from(error).into()
    }
}

impl ErrorPage {
    /// For a client that is not registered, or no longer.
    fn unknown_client(error: OAuthError) -> Self {
        Self {
            problem: Problem::UnknownClient,
            ..error.into()
        }
    }

    fn forbidden(problem: Problem, text: &'static str) -> Self {
        Self {
            problem,
            error: OAuthError::new(ErrorCode::AccessDenied, text),
            status: http::StatusCode::FORBIDDEN,
        }
    }

    /// For a transaction that has expired, has completed, or never existed.
    fn expired() -> Self {
        let text = "the page has expired or was used before; start again from the client";
        Self {
            problem: Problem::Expired,
            ..OAuthError::new(ErrorCode::InvalidRequest, text).into()
        }
    }
}

impl From<Result<Self, ErrorPage>> for PageResponse {
    fn from(result: Result<Self, ErrorPage>) -> Self {
        result.unwrap_or_else(|page| Self {
            next: Next::ErrorPage(page),
            cookies: Vec::new(),
        })
    }
}

impl PageResponse {
    fn of(next: Next) -> Self {
        Self {
            next,
            cookies: Vec::new(),
        }
    }
}

fn destination(redirect_uri: &str) -> Destination {
    if crate::redirect::is_loopback(redirect_uri) {
        return Destination::ThisComputer;
    }
    match parse_url(redirect_uri) {
        Ok(url) if url.scheme() == "https" => {
            Destination::Host(url.host_str().unwrap_or_default().to_owned())
        }
        Ok(url) => Destination::App(url.scheme().to_owned()),
        Err(_) => Destination::App(String::new()),
    }
}

fn internal_error(error: serde_json::Error) -> ErrorPage {
    tracing::error!(%error, "cannot serialize a transaction");
    OAuthError::server_error().into()
}
