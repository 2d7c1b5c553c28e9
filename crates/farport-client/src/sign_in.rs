//! Signing in and out without a client.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};

use crate::Error;
use crate::auth::{Challenge, revoke};
use crate::connection::exchange::{BOTH, JSON};
use crate::connection::remote::Remote;
use crate::http::{Http, HttpOptions, status_error};
use crate::message::{self, Id};
use crate::options::Options;
use crate::store::{Store, Summary};
use crate::user::User;

/// How a sign-in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedOut {
    /// The server revoked the tokens, and farport deleted them.
    Revoked,
    /// farport deleted the tokens. The server has no revocation endpoint.
    Forgotten,
}

/// Signs in to the server of `options`, also when there is a sign-in already. `false` when the server
/// needs no sign-in.
///
/// # Errors
/// When the server cannot be reached, or the sign-in fails.
pub async fn log_in(options: Options, store: Store, user: User) -> Result<bool, Error> {
    let http = Http::new(options.http.clone());
    let Some((challenge, peer)) = ask(&http, &options).await? else {
        return Ok(false);
    };
    let remote = Remote::new(&options, store, user)?;
    remote.auth().challenged_by(peer);
    remote.auth().sign_in_now(&challenge).await?;
    Ok(true)
}

/// The server's challenge to a request without a token, and the address that it came from; `None`
/// when the server needs no token.
async fn ask(http: &Http, options: &Options) -> Result<Option<(Challenge, Option<IpAddr>)>, Error> {
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
        StatusCode::UNAUTHORIZED => {
            let challenge = Challenge::of(response.headers());
            Ok(Some((challenge, response.peer())))
        }
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
        purpose: crate::observe::Purpose::Challenge,
        attempt: 1,
    }
}

/// Ends a sign-in of [`Store::list`]: revokes its tokens at the server and deletes them here. `None`
/// when there was none.
///
/// # Errors
/// When its file cannot be removed, or the keyring with its tokens cannot be used. A failed
/// revocation is reported to `user`, and the tokens are deleted all the same.
pub async fn log_out(
    http: HttpOptions,
    store: &Store,
    summary: &Summary,
    user: &User,
) -> Result<Option<LoggedOut>, Error> {
    let record = store.record(&summary.key).await?;
    let mut outcome = LoggedOut::Forgotten;
    if let Some(record) = &record {
        match revoke(&Http::new(http), record).await {
            Ok(true) => outcome = LoggedOut::Revoked,
            Ok(false) => {}
            Err(error) => user.report_error(&error),
        }
    }
    Ok(store.forget(&summary.key).await?.then_some(outcome))
}
