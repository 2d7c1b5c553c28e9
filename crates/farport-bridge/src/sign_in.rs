//! Signing in and out without a client.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};

use crate::Error;
use crate::auth::{Challenge, revoke};
use crate::http::{Http, HttpOptions, status_error};
use crate::message::{self, Id};
use crate::options::Options;
use crate::person::Person;
use crate::remote::Remote;
use crate::session::{BOTH, JSON};
use crate::store::{Store, Summary};

/// What became of a sign-in that was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedOut {
    /// The server took the tokens back, and they are forgotten here.
    Revoked,
    /// They are forgotten here. The server has no way to take them back.
    Forgotten,
}

/// Signs in to the server of `options`, whether or not there is a sign-in already. Whether it asks
/// for one at all: `false` where it lets everybody in.
///
/// # Errors
/// When the server is not there, or the sign-in fails.
pub async fn log_in(options: Options, store: Store, person: Person) -> Result<bool, Error> {
    let http = Http::new(options.http.clone());
    let challenge = match ask(&http, &options).await? {
        Some(challenge) => challenge,
        None => return Ok(false),
    };
    let remote = Remote::new(&options, store, person)?;
    remote.auth().sign_in_now(&challenge).await?;
    Ok(true)
}

/// What the server says to somebody without a token; `None` where it lets them in.
async fn ask(http: &Http, options: &Options) -> Result<Option<Challenge>, Error> {
    let mut headers = options.header_map()?;
    headers.insert(header::ACCEPT, BOTH);
    headers.insert(header::CONTENT_TYPE, JSON);
    let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"farport","version":"0"}}"#;
    let text = message::request(&Id::ours("login", 1), "initialize", params);
    let post = request(options, Method::POST, headers, Bytes::from(text));
    let mut response = http.send(post).await?;
    if matches!(
        response.status(),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    ) {
        let mut headers = options.header_map()?;
        headers.insert(
            header::ACCEPT,
            header::HeaderValue::from_static("text/event-stream"),
        );
        response = http
            .send(request(options, Method::GET, headers, Bytes::new()))
            .await?;
    }
    match response.status() {
        StatusCode::UNAUTHORIZED => Ok(Some(Challenge::of(response.headers()))),
        status if status.is_success() || status == StatusCode::BAD_REQUEST => Ok(None),
        status => {
            let said = response.unexpected_text().await;
            Err(status_error(response.url(), status, &said))
        }
    }
}

fn request(
    options: &Options,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> crate::http::Outgoing {
    crate::http::Outgoing {
        method,
        url: options.url.clone(),
        headers,
        body,
        redirects: crate::http::Redirects::SameOrigin,
    }
}

/// Ends a sign-in of [`Store::list`]: the server is asked to take the tokens back, and they are
/// forgotten. `None` where there was none.
///
/// # Errors
/// When its file cannot be removed, or the keyring that its tokens are in cannot be used. A server that does not take them back is told of in `person`,
/// and they are forgotten all the same.
pub async fn log_out(
    http: HttpOptions,
    store: &Store,
    summary: &Summary,
    person: &Person,
) -> Result<Option<LoggedOut>, Error> {
    let record = store.record(&summary.key).await?;
    let mut outcome = LoggedOut::Forgotten;
    if let Some(record) = &record {
        match revoke(&Http::new(http), record).await {
            Ok(true) => outcome = LoggedOut::Revoked,
            Ok(false) => {}
            Err(error) => person.tell(&error.to_string()),
        }
    }
    Ok(store.forget(&summary.key).await?.then_some(outcome))
}
