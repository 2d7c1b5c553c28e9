use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use farport_oauth::{BoxFuture, Fetch, FetchError, Fetcher, Reach};
use http::{Request, Response};

type Reply = Result<Response<Bytes>, FetchError>;
type Route = Arc<dyn Fn(&Request<Bytes>) -> Reply + Send + Sync>;

/// Simulated servers, which record their requests.
#[derive(Default)]
pub(crate) struct Script {
    routes: Mutex<HashMap<String, Route>>,
    seen: Mutex<Vec<Seen>>,
    /// The delay of each response.
    delay: Duration,
}

/// A recorded request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method and URL.
    pub(crate) line: String,
    pub(crate) request: Request<Bytes>,
    pub(crate) reach: Reach,
    pub(crate) timeout: Duration,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.request.headers().get(name)?.to_str().unwrap())
    }

    /// The fields of the form.
    pub(crate) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.request.body())
            .into_owned()
            .collect()
    }
}

/// A JSON response with status 200.
pub(crate) fn json(body: &serde_json::Value) -> Response<Bytes> {
    let response = Response::builder().header("content-type", "application/json");
    response.body(body.to_string().into()).unwrap()
}

impl Script {
    /// Servers with a delay.
    pub(crate) fn slow(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    /// Handles requests for `line`, a method and a URL, with `route`.
    pub(crate) fn on(
        &self,
        line: &str,
        route: impl Fn(&Request<Bytes>) -> Reply + Send + Sync + 'static,
    ) {
        let mut routes = self.routes.lock().unwrap();
        routes.insert(line.to_owned(), Arc::new(route));
    }

    /// Responds to `line` with this JSON.
    pub(crate) fn on_json(&self, line: &str, body: serde_json::Value) {
        self.on(line, move |_| Ok(json(&body)));
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The number of requests for `line`.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line == line).count()
    }

    /// The last request for `line`.
    pub(crate) fn last(&self, line: &str) -> Seen {
        let seen = self.seen();
        let last = seen.into_iter().rfind(|seen| seen.line == line);
        last.unwrap_or_else(|| panic!("no request for {line}"))
    }
}

impl Fetcher for Script {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let request = fetch.request;
            let line = format!("{} {}", request.method(), request.uri());
            self.seen.lock().unwrap().push(Seen {
                line: line.clone(),
                request: request.clone(),
                reach: fetch.reach,
                timeout: fetch.timeout,
            });
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            let route = self.routes.lock().unwrap().get(&line).cloned();
            let Some(route) = route else {
                return Err(FetchError::Failed(format!("no route for {line}")));
            };
            let answer = route(&request)?;
            if answer.body().len() > fetch.most_bytes {
                return Err(FetchError::TooLong);
            }
            Ok(answer)
        })
    }
}
