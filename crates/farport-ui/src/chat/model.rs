//! One request to a model: sent, and read as it streams.

use axum::http::{Method, header};
use bytes::Bytes;
use farport_client::{HttpClient, HttpResponse};
use serde::Serialize;

use super::conversation::{Failure, FailureKind};
use super::dialect::{self, ModelEvent, Reader};
use super::providers::Provider;

/// The largest response that is no stream, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;
/// The most of a request or response that is kept to be shown, in bytes.
const MOST_RAW: usize = 1024 * 1024;

/// The exact request to a provider and its response, without the key.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Raw {
    pub(crate) url: String,
    pub(crate) request: String,
    pub(crate) status: Option<u16>,
    pub(crate) response: String,
    /// Whether the request or the response is longer than what is kept.
    pub(crate) cut: bool,
}

impl Raw {
    pub(crate) fn new(provider: &Provider, body: &str) -> Self {
        let mut raw = Self {
            url: provider.masked(provider.chat().as_str()).into_owned(),
            ..Self::default()
        };
        raw.cut |= append(&mut raw.request, &provider.masked(body));
        raw
    }
}

/// Appends as much as is kept. True if that is not all.
fn append(text: &mut String, more: &str) -> bool {
    let mut end = MOST_RAW.saturating_sub(text.len()).min(more.len());
    while !more.is_char_boundary(end) {
        end -= 1;
    }
    text.push_str(&more[..end]);
    end < more.len()
}

/// Sends `body`, and passes on what the model sends. `take` receives each event, and what was read.
///
/// # Errors
/// When the provider cannot be reached, refuses, or its response is incomplete.
pub(crate) async fn ask(
    http: &HttpClient,
    provider: &Provider,
    body: String,
    raw: &mut Raw,
    mut take: impl FnMut(ModelEvent),
) -> Result<(), Failure> {
    let mut headers = provider
        .headers()
        .map_err(|error| Failure::new(FailureKind::Key, error.to_string()))?;
    let accept = axum::http::HeaderValue::from_static("text/event-stream");
    headers.insert(header::ACCEPT, accept);
    let url = provider.chat();
    let sent = http
        .send(Method::POST, &url, headers, Bytes::from(body))
        .await;
    let mut response = sent.map_err(|error| {
        let why = provider.masked(&error.to_string()).into_owned();
        Failure::new(FailureKind::Unreachable, why)
            .hint("check the base URL, and that the provider is running")
    })?;
    raw.status = Some(response.status().as_u16());
    if !response.status().is_success() {
        let text = response.error_text().await;
        let text = provider.masked(&text);
        raw.cut |= append(&mut raw.response, &text);
        return Err(dialect::of_response(response.status().as_u16(), &text));
    }
    read(provider, &mut response, raw, &mut take)
        .await
        .map_err(|mut failure| {
            failure.message = provider.masked(&failure.message).into_owned();
            failure
        })
}

async fn read(
    provider: &Provider,
    response: &mut HttpResponse,
    raw: &mut Raw,
    take: &mut impl FnMut(ModelEvent),
) -> Result<(), Failure> {
    let broken = |error: farport_client::Error| {
        Failure::new(FailureKind::Broken, error.to_string()).hint("retry")
    };
    let mut reader = Reader::new(provider.dialect());
    if response.media_type() == "application/json" {
        let text = response.text(LARGEST).await.map_err(broken)?;
        raw.cut |= append(&mut raw.response, &provider.masked(&text));
        reader.whole(&text)?.into_iter().for_each(&mut *take);
    } else {
        while let Some(event) = response.event().await.map_err(broken)? {
            if !event.name.is_empty() {
                raw.cut |= append(&mut raw.response, &format!("event: {}\n", event.name));
            }
            let data = format!("data: {}\n\n", provider.masked(&event.data));
            raw.cut |= append(&mut raw.response, &data);
            let events = reader.event(&event.name, &event.data)?;
            events.into_iter().for_each(&mut *take);
        }
    }
    reader.end()?.into_iter().for_each(take);
    Ok(())
}
