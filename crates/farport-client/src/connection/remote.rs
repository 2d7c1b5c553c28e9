//! The MCP server at the other end: every request to it, with whatever it takes to be let in.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::Notify;
use url::Url;

use crate::Error;
use crate::auth::{Auth, Challenge, SignInError};
use crate::http::{Cookies, Http, Incoming, Outgoing, Redirects, Timeouts, same_origin, shown};
use crate::observe::{Purpose, Watch};
use crate::options::Options;
use crate::secret::Secret;
use crate::spool::Limits;
use crate::store::Store;
use crate::user::User;

/// How often a request is repeated with other tokens.
const MOST_TRIES: u32 = 3;

/// The server.
pub(crate) struct Remote {
    http: Arc<Http>,
    auth: Auth,
    url: Url,
    headers: HeaderMap,
    cookies: Option<Cookies>,
    limits: Limits,
}

impl Remote {
    pub(crate) fn new(options: &Options, store: Store, user: User) -> Result<Self, Error> {
        options.sign_in.check()?;
        let http = Arc::new(Http::new(options.http.clone()));
        let auth = Auth::new(
            Arc::clone(&http),
            options.url.clone(),
            options.identity(),
            options.sign_in.clone(),
            store,
            user,
        );
        Ok(Self {
            http,
            auth,
            url: options.url.clone(),
            headers: options.header_map()?,
            cookies: options.cookies.then(Cookies::default),
            limits: Limits::new(options.largest_held, options.largest_message),
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The address, for people.
    pub(crate) fn shown(&self) -> String {
        shown(&self.url)
    }

    /// How large messages may be.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The time limits.
    pub(crate) fn timeouts(&self) -> &Timeouts {
        self.http.timeouts()
    }

    /// The observer.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.http.watch()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// The headers that the user gave.
    pub(crate) fn own_headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.auth
    }

    /// Sends a request to the server, and signs in where the server requires it. The caller judges any
    /// other response. Each signal of `progress` restarts the time limits of the response.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        progress: Option<&Arc<Notify>>,
    ) -> Result<Incoming, Error> {
        if !same_origin(url, &self.url) {
            return Err(Error::Redirected {
                from: self.shown(),
                to: shown(url),
            });
        }
        let mut tries: u32 = 0;
        loop {
            let mut all = headers.clone();
            for (name, value) in &self.headers {
                all.insert(name, value.clone());
            }
            let own = all.contains_key(header::AUTHORIZATION);
            let bearer = if own { None } else { self.auth.bearer().await? };
            if let Some(bearer) = &bearer {
                all.insert(header::AUTHORIZATION, authorization(bearer)?);
            }
            if let Some(cookies) = &self.cookies {
                cookies.add(&mut all);
            }
            let response = self
                .http
                .send_with_progress(
                    Outgoing {
                        method: method.clone(),
                        url: url.clone(),
                        headers: all,
                        body: body.clone(),
                        redirects: Redirects::SameOrigin,
                        purpose: purpose(&method),
                        attempt: tries + 1,
                    },
                    progress,
                )
                .await?;
            if let Some(cookies) = &self.cookies {
                cookies.learn(response.headers());
            }
            let challenge = Challenge::of(response.headers());
            let step_up = match response.status() {
                StatusCode::UNAUTHORIZED => false,
                StatusCode::FORBIDDEN
                    if challenge.error.as_deref() == Some("insufficient_scope") =>
                {
                    true
                }
                _ => return Ok(response),
            };
            let server = self.shown();
            if own {
                return Err(SignInError::HeaderRefused { server }.into());
            }
            tries += 1;
            if tries > MOST_TRIES {
                let why = crate::auth::reason(&challenge);
                return Err(SignInError::StillRefused { server, why }.into());
            }
            self.auth.challenged_by(response.peer());
            // The connection is for the next request; what it says has been read.
            drop(response);
            if step_up {
                self.auth
                    .insufficient_scope(&challenge, bearer.as_ref())
                    .await?;
            } else {
                self.auth.unauthorized(&challenge, bearer.as_ref()).await?;
            }
        }
    }
}

/// Why a request with this method is made.
fn purpose(method: &Method) -> Purpose {
    match *method {
        Method::GET => Purpose::Stream,
        Method::DELETE => Purpose::CloseSession,
        _ => Purpose::Message,
    }
}

pub(crate) fn authorization(token: &Secret) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| Error::usage_with_hint("the stored token is invalid", "sign in again"))?;
    value.set_sensitive(true);
    Ok(value)
}
