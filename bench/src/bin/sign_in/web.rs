//! Requests over one connection, and the cookies of one browser.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

/// Who asks a server.
pub(crate) struct Web {
    http: Client<HttpConnector, Full<Bytes>>,
    server: String,
    cookies: BTreeMap<String, String>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Web {
    pub(crate) fn new(server: &str) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build(connector),
            server: server.to_owned(),
            cookies: BTreeMap::new(),
        })
    }

    /// As another browser, which has been nowhere yet.
    pub(crate) fn forget(&mut self) {
        self.cookies.clear();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask(Method::GET, path, "text/plain", String::new())
            .await
    }

    pub(crate) async fn json(&mut self, path: &str, body: &serde_json::Value) -> Result<Answer> {
        let json = "application/json";
        self.ask(Method::POST, path, json, body.to_string()).await
    }

    pub(crate) async fn form(&mut self, path: &str, pairs: &[(&str, &str)]) -> Result<Answer> {
        let form = "application/x-www-form-urlencoded";
        self.ask(Method::POST, path, form, encoded(pairs)).await
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        content: &str,
        body: String,
    ) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(header::ACCEPT, "*/*")
            .header(header::CONTENT_TYPE, content)
            .header("x-forwarded-for", next_address());
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let answer = self.http.request(request.body(Full::from(body))?).await?;
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8(body.collect().await?.to_bytes().into())?;
        ensure!(
            parts.status.as_u16() < 400,
            "{path} answers {}: {text}",
            parts.status
        );
        for set in parts.headers.get_all(header::SET_COOKIE) {
            let pair = set.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie")?;
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(Answer {
            headers: parts.headers,
            text,
        })
    }
}

/// A new client address for each request: the server limits requests per address.
fn next_address() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("2001:db8:{:x}:{:x}::1", next >> 16, next & 0xffff)
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
