//! Requests to other servers: identity providers and clients' metadata documents.

use bytes::Bytes;
use farport_oauth::parse_url;
use farport_oauth::{BoxFuture, Fetch, FetchError, Fetcher, Reach};
use futures_util::{
    TryStreamExt,
    future::{Either, select},
};
use http::HeaderMap;
use js_sys::Uint8Array;
use url::{Host, Url};
use web_sys::{RequestInit, RequestRedirect};
use worker::{AbortController, Headers, send::SendFuture};

use crate::platform::runtime::sleep;

/// Sends requests with the platform's `fetch`, which resolves names itself and only reaches the public
/// network. A URL from a client must also have a public name and use https.
pub(crate) struct WorkerFetcher;

impl Fetcher for WorkerFetcher {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>> {
        Box::pin(SendFuture::new(async move {
            if fetch.reach == Reach::Public {
                check(&fetch.request.uri().to_string())?;
            }
            let controller = AbortController::default();
            let timeout = sleep(fetch.timeout);
            let sent = send(fetch.request, fetch.most_bytes, controller.signal());
            let answer = match select(Box::pin(sent), timeout).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => Err(FetchError::TimedOut),
            };
            // Otherwise the rest of the response would keep arriving.
            if answer.is_err() {
                controller.abort();
            }
            answer
        }))
    }
}

/// Names that are never public, including all names below them.
const SPECIAL: [&str; 8] = [
    "localhost",
    "local",
    "internal",
    "home.arpa",
    "invalid",
    "test",
    "onion",
    "alt",
];

/// Refuses a client's URL that is not public.
fn check(url: &str) -> Result<(), FetchError> {
    let forbidden = |why: String| Err(FetchError::Forbidden(why));
    let Ok(url) = parse_url(url) else {
        return forbidden("the URL is invalid".to_owned());
    };
    if url.scheme() != "https" {
        return forbidden("the URL is not https".to_owned());
    }
    let Some(Host::Domain(name)) = url.host() else {
        return forbidden("the URL has an address instead of a name".to_owned());
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let below = |special: &&str| {
        let rest = name.strip_suffix(*special);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if !name.contains('.') || SPECIAL.iter().any(below) {
        return forbidden(format!("{name} is not a public name"));
    }
    Ok(())
}

/// Describes an error without the URL, whose query may contain a secret.
fn failed(error: worker::Error) -> FetchError {
    FetchError::Failed(format!("the request failed: {error}"))
}

async fn send(
    request: http::Request<Bytes>,
    most: usize,
    signal: worker::AbortSignal,
) -> Result<http::Response<Bytes>, FetchError> {
    let (parts, body) = request.into_parts();
    let js = |error: wasm_bindgen::JsValue| failed(error.into());
    let init = RequestInit::new();
    init.set_method(parts.method.as_str());
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(Headers::from(&parts.headers).as_ref());
    if !body.is_empty() {
        init.set_body(&Uint8Array::from(&body[..]));
    }
    let url = parts.uri.to_string();
    let request = web_sys::Request::new_with_str_and_init(&url, &init).map_err(js)?;
    let sent = worker::Fetch::Request(request.into());
    let mut answer = sent.send_with_signal(&signal).await.map_err(failed)?;
    let mut response = http::Response::new(Bytes::new());
    let status = http::StatusCode::from_u16(answer.status_code());
    *response.status_mut() = status.map_err(|error| FetchError::Failed(error.to_string()))?;
    *response.headers_mut() = HeaderMap::from(answer.headers());
    let mut chunks = match answer.stream() {
        Ok(chunks) => chunks,
        // A response without a body has no stream.
        Err(_) => return Ok(response),
    };
    let mut read = Vec::new();
    while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
        if read.len() + chunk.len() > most {
            return Err(FetchError::TooLong);
        }
        read.extend_from_slice(&chunk);
    }
    *response.body_mut() = read.into();
    Ok(response)
}
