//! The way through the browser: from the authorization endpoint over sign-in and consent back to
//! the client.
//!
//! Nothing is believed that comes back from a browser, but the secret that continues a
//! transaction, and that only together with the cookie of the browser that began it. What a
//! transaction is about is sealed in the store.
//!
//! ```text
//! authorize ─┬─ sign-in page ── sign_in ──┐                     (development)
//!            │                            ├─ consent page ── decide ── back to the client
//!            └─ consent page ── decide ── provider ── callback ─┘  (identity provider)
//! ```
//!
//! A user who has consented before, to the same client, redirect URI and scopes, sees no consent
//! page again; whoever is sent on to a provider for them has to come back as the same user. They do
//! see it again where anybody could have sent the request: a public client that nobody vouches for,
//! on the user's own machine, proves nothing (RFC 8252, section 8.6).

mod authorize;
mod callback;
mod cookies;
mod decide;
mod finish;
mod sign_in;

use std::{fmt, net::IpAddr, sync::Arc};

use secrecy::SecretString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use cookies::{Cookies, SetCookie};
pub use sign_in::DEVELOPMENT;

use crate::{
    AuthorizationServer, ClientId, Digest, ErrorCode, Identity, OAuthError, Properties, Scopes,
    Site, Transaction, UnixTime,
    keys::Purpose,
    token::{Kind, digest},
};

/// A request of a browser to one of the pages.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The site it came to.
    pub site: &'a Site,
    /// The query, or the form that was sent.
    pub parameters: &'a [u8],
    /// The cookies it brought.
    pub cookies: &'a Cookies,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The present time.
    pub now: UnixTime,
}

/// Parameters hold secrets.
impl fmt::Debug for Visit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("site", &self.site.issuer())
            .field("cookies", &self.cookies)
            .field("address", &self.address)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// What to show a browser, or where to send it.
#[derive(Debug)]
pub struct Answer {
    /// What comes next.
    pub next: Next,
    /// Cookies to set with it.
    pub cookies: Vec<SetCookie>,
}

/// What comes next.
pub enum Next {
    /// Ask who it is.
    SignIn(SignInPage),
    /// Ask for consent.
    Consent(ConsentPage),
    /// On to the identity provider.
    Provider {
        /// What it is called.
        name: String,
        /// Where it is.
        url: String,
    },
    /// Back to the client, with a code or an error.
    Client {
        /// What the client calls itself.
        name: Option<String>,
        /// Its redirect URI with the answer.
        url: String,
        /// Whether it is a code.
        granted: bool,
    },
    /// Say why a client gets nothing that nobody vouches for, and leave it to the user whether to
    /// go back there.
    Stopped(Stopped),
    /// Say what is wrong. A client or redirect URI that is not good is never redirected to.
    Refused(Refused),
}

/// A URL that leads on holds a code or a `state`: it is said without its query.
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
            Self::Client { name, url, granted } => f
                .debug_struct("Client")
                .field("name", name)
                .field("url", &path(url))
                .field("granted", granted)
                .finish(),
            Self::Stopped(stopped) => f.debug_tuple("Stopped").field(stopped).finish(),
            Self::Refused(refused) => f.debug_tuple("Refused").field(refused).finish(),
        }
    }
}

/// A request that comes to nothing before anybody has signed in, of a client that registered itself
/// or is named by its document, and whose redirect URI is on the web.
///
/// Anybody can be such a client. One who sends people here with a request that is wrong on purpose
/// must not have them sent on in this server's name (RFC 9700, section 4.11.2).
#[derive(Clone)]
pub struct Stopped {
    /// Why.
    pub error: OAuthError,
    /// What the client calls itself.
    pub name: Option<String>,
    /// Its redirect URI with the error.
    pub url: String,
    /// Where that leads.
    pub destination: Destination,
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopped")
            .field("error", &self.error)
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

/// What a user is told instead of being sent on.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The error.
    pub error: OAuthError,
    /// The HTTP status.
    pub status: http::StatusCode,
}

/// Asks who it is.
#[derive(Debug)]
pub struct SignInPage {
    /// Continues the transaction; stands in the form as `transaction`.
    pub transaction: SecretString,
    /// What the client calls itself.
    pub client_name: Option<String>,
    /// What was wrong with the last try.
    pub problem: Option<&'static str>,
}

/// Asks for consent.
#[derive(Debug)]
pub struct ConsentPage {
    /// Continues the transaction; stands in the form as `transaction`.
    pub transaction: SecretString,
    /// The client's id.
    pub client: ClientId,
    /// What the client calls itself.
    pub client_name: Option<String>,
    /// Its home page.
    pub client_uri: Option<String>,
    /// Where the code goes: a host, a scheme, or this computer.
    pub destination: Destination,
    /// The resource that is asked for.
    pub resource: Arc<str>,
    /// The scopes that are asked for, each with what it allows.
    pub scopes: Vec<(String, Option<String>)>,
    /// Who has signed in, if that is known by now.
    pub user: Option<Signed>,
    /// Where the user will sign in, if they have to.
    pub provider: Option<String>,
}

/// Who has signed in, for a page.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What to call them.
    pub name: String,
}

/// Where a code goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To a program on the user's own computer.
    ThisComputer,
    /// To a web server of this name.
    Host(String),
    /// To the app that has this scheme.
    App(String),
}

/// An authorization request that was accepted.
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
    /// The client wants the user to be asked whatever is remembered.
    ask: bool,
    /// Whether the operator named the client.
    vouched_for: bool,
    /// Whether a code can reach no other client. Consent is remembered for none but these.
    assured: bool,
}

/// What a transaction waits for.
#[derive(Clone, Serialize, Deserialize)]
enum Stage {
    /// For the user to say who they are.
    SignIn(Authorization),
    /// For the user to consent; the user, if known.
    Consent(Authorization, Option<Properties>),
    /// For the user to come back from the provider.
    Provider {
        authorization: Authorization,
        verifier: String,
        nonce: String,
        /// Who consented: the user at the browser just now, or one of whom it is remembered.
        consent: Consented,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Consented {
    JustNow,
    Before(Box<Identity>),
}

/// What is sealed of a transaction.
#[derive(Clone, Serialize, Deserialize)]
struct Pending {
    /// The digest of the cookie that continues it.
    browser: Digest,
    issuer: Arc<str>,
    stage: Stage,
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        // On a page there is nobody to authenticate: an unknown client is a bad request.
        let status = match error.code {
            ErrorCode::InvalidClient => http::StatusCode::BAD_REQUEST,
            code => code.status(),
        };
        Self { error, status }
    }
}

impl From<crate::StoreError> for Refused {
    fn from(error: crate::StoreError) -> Self {
        OAuthError::from(error).into()
    }
}

impl Refused {
    fn forbidden(text: &'static str) -> Self {
        Self {
            error: OAuthError::new(ErrorCode::AccessDenied, text),
            status: http::StatusCode::FORBIDDEN,
        }
    }

    /// What a transaction is that is not there: over, or never was.
    fn over() -> Self {
        let text = "This page has expired or was used before. Start again from your client";
        OAuthError::new(ErrorCode::InvalidRequest, text).into()
    }
}

impl From<Result<Self, Refused>> for Answer {
    fn from(answer: Result<Self, Refused>) -> Self {
        answer.unwrap_or_else(|refused| Self {
            next: Next::Refused(refused),
            cookies: Vec::new(),
        })
    }
}

impl Answer {
    fn of(next: Next) -> Self {
        Self {
            next,
            cookies: Vec::new(),
        }
    }
}

impl AuthorizationServer {
    /// Begins a transaction that `browser`, a cookie's value, can continue.
    async fn begin(
        &self,
        visit: &Visit<'_>,
        browser: &SecretString,
        stage: Stage,
    ) -> Result<SecretString, Refused> {
        let secret = Kind::Transaction.random(self.random());
        let pending = Pending {
            browser: digest(browser),
            issuer: visit.site.issuer().clone(),
            stage,
        };
        let plain = serde_json::to_vec(&pending).map_err(broken)?;
        let transaction = Transaction {
            id: digest(&secret),
            expires: visit.now.after(self.config.transaction_lifetime),
            sealed: self
                .keys
                .seal(self.random(), Purpose::Transaction, &secret, &plain),
        };
        let most = self.config.most_transactions;
        self.world.store.begin(transaction, most).await?;
        Ok(secret)
    }

    /// Takes up a transaction: nobody else can any more. It is left alone when another browser
    /// brings it.
    async fn take_up(
        &self,
        visit: &Visit<'_>,
        secret: Option<&str>,
        cookie: impl Fn(&Digest) -> Option<SecretString>,
    ) -> Result<Stage, Refused> {
        let secret = secret.filter(|secret| Kind::Transaction.fits(secret));
        let secret: SecretString = secret.ok_or_else(Refused::over)?.into();
        let id = digest(&secret);
        let store = &self.world.store;
        let found = store.transaction(&id).await?;
        let found = found.filter(|found| found.expires > visit.now);
        let pending: Pending =
            self.opened(Purpose::Transaction, &secret, found.map(|t| t.sealed))?;
        if pending.issuer != *visit.site.issuer() {
            return Err(Refused::over());
        }
        let cookie = cookie(&id);
        if cookie.is_none_or(|cookie| digest(&cookie) != pending.browser) {
            let text = "This page belongs to another browser. Start again from your client";
            return Err(Refused::forbidden(text));
        }
        let taken = store.take_transaction(&id).await?;
        taken.ok_or_else(Refused::over)?;
        Ok(pending.stage)
    }

    fn opened<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        secret: &SecretString,
        sealed: Option<Vec<u8>>,
    ) -> Result<T, Refused> {
        let sealed = sealed.ok_or_else(Refused::over)?;
        let plain = self.keys.open(purpose, secret, &sealed);
        let plain = plain.map_err(|error| {
            tracing::warn!(%error, "a transaction does not open; is the master key another one?");
            Refused::over()
        })?;
        serde_json::from_slice(&plain).map_err(broken)
    }

    /// The browser's own secret, which it has or gets, and the cookie that sets it. It is set each
    /// time, so that it lasts for longer than the page that it belongs to.
    fn browser(&self, visit: &Visit<'_>) -> (SecretString, SetCookie) {
        let name = cookies::name(visit.site, "browser");
        let known = visit.cookies.get(&name);
        let secret: SecretString = match known.filter(|known| Kind::Cookie.fits(known)) {
            Some(known) => known.into(),
            None => Kind::Cookie.random(self.random()),
        };
        let (pages, browsers) = (
            self.config.transaction_lifetime,
            self.config.sign_in_lifetime,
        );
        let cookie = SetCookie::new(visit.site, "browser", secret.clone(), pages.max(browsers));
        (secret, cookie)
    }

    /// Takes up a transaction that a form of ours continues.
    async fn take_up_form(
        &self,
        visit: &Visit<'_>,
        secret: Option<&str>,
    ) -> Result<(Stage, SecretString), Refused> {
        let cookie = visit.cookies.get(&cookies::name(visit.site, "browser"));
        let cookie = cookie.map(SecretString::from);
        let stage = self.take_up(visit, secret, |_| cookie.clone()).await?;
        Ok((stage, cookie.unwrap_or_default()))
    }

    fn consent_page(
        &self,
        transaction: SecretString,
        authorization: &Authorization,
        user: Option<&Identity>,
    ) -> ConsentPage {
        let described = |scope: &str| {
            let description = self.config.scope_descriptions.get(scope);
            (scope.to_owned(), description.cloned())
        };
        let provider = match &self.sign_in {
            crate::SignInMethod::Provider(provider) if user.is_none() => Some(provider.name()),
            _ => None,
        };
        ConsentPage {
            transaction,
            client: authorization.client.clone(),
            client_name: authorization.client_name.clone(),
            client_uri: authorization.client_uri.clone(),
            destination: destination(&authorization.redirect_uri),
            resource: authorization.resource.clone(),
            scopes: authorization.scopes.iter().map(described).collect(),
            user: user.map(|user| Signed { name: called(user) }),
            provider: provider.map(str::to_owned),
        }
    }
}

/// What to call a user on a page.
fn called(user: &Identity) -> String {
    let name = user.name.as_deref().or(user.email.as_deref());
    name.unwrap_or(&user.user.subject).to_owned()
}

fn destination(redirect_uri: &str) -> Destination {
    if crate::redirect::is_loopback(redirect_uri) {
        return Destination::ThisComputer;
    }
    match url::Url::parse(redirect_uri) {
        Ok(url) if url.scheme() == "https" => {
            Destination::Host(url.host_str().unwrap_or_default().to_owned())
        }
        Ok(url) => Destination::App(url.scheme().to_owned()),
        Err(_) => Destination::App(String::new()),
    }
}

fn broken(error: serde_json::Error) -> Refused {
    tracing::error!(%error, "a transaction does not serialise");
    OAuthError::server_error().into()
}
