//! Open streams end when their authorization ends.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use farport_core::policy::{Kind, Policy, scope, signed_in, when};
use farport_http::{Auth, Authority, Presented, RESOURCES, Theme, TokenValidator};
use farport_oauth::{
    ApiTokens, Authenticated, BearerError, BoxFuture, MemoryStore, Scopes, Site, UnixTime, UserId,
};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::fixture::{Fixture, next, post};

/// The validator of an external authorization server with one token, `good`.
#[derive(Debug, Default)]
struct External {
    revoked: AtomicBool,
    expires: Mutex<Option<UnixTime>>,
    /// The scope of the token, if it has one.
    scope: Mutex<Option<&'static str>>,
    down: AtomicBool,
}

impl TokenValidator for External {
    fn issuers(&self) -> Vec<Arc<str>> {
        vec!["https://as.example".into()]
    }

    fn validate<'a>(
        &'a self,
        token: &'a str,
        _: &'a str,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Arc<Authenticated>, BearerError>> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(BearerError::Unavailable("no response".into()));
            }
            let expires = *self.expires.lock().unwrap();
            let over = expires.is_some_and(|end| end <= now);
            if token != "good" || over || self.revoked.load(Ordering::SeqCst) {
                return Err(BearerError::Invalid);
            }
            let user = UserId {
                issuer: "https://as.example".into(),
                subject: "ann".into(),
            };
            let scope = *self.scope.lock().unwrap();
            let scopes = scope.into_iter().map(Arc::<str>::from).collect();
            let mut who = Authenticated::new(user, scopes);
            who.expires = expires;
            Ok(Arc::new(who))
        })
    }

    fn validate_presented<'a>(
        &'a self,
        presented: Presented<'a>,
        resource: &'a str,
    ) -> BoxFuture<'a, Result<Arc<Authenticated>, BearerError>> {
        self.validate(presented.token, resource, presented.now)
    }
}

struct Scenario {
    fixture: Fixture,
    external: Arc<External>,
    permitted: Arc<AtomicBool>,
}

/// Returns a server with a rule for the method `say` and a resource, which permits the user while
/// `permitted` is true.
fn scenario() -> Scenario {
    let external = Arc::new(External::default());
    let permitted = Arc::new(AtomicBool::new(true));
    let mut policy = Policy::protected();
    let allowed = permitted.clone();
    let rule = when(move |_| allowed.load(Ordering::SeqCst));
    policy.permit(Kind::Method, "say", rule.clone());
    policy.permit(Kind::Resource, "note://closed", rule);
    policy.permit(Kind::Method, "open", signed_in());
    policy.permit(Kind::Method, "write", scope("write"));
    let tokens = Arc::new(ApiTokens::new(Arc::new(MemoryStore::default())));
    let site = Site::new("https://mcp.example", RESOURCES).unwrap();
    let auth = Auth::new(
        vec![site],
        Authority::External(external.clone(), tokens),
        Arc::new(policy),
        Scopes::none(),
        Scopes::none(),
        Theme::default(),
    );
    Scenario {
        fixture: Fixture::protected(auth),
        external,
        permitted,
    }
}

fn with_token(request: http::request::Builder) -> http::request::Builder {
    request.header("authorization", "Bearer good")
}

/// The kinds of open streams.
#[derive(Clone, Copy, Debug)]
enum Open {
    /// The own stream of a session with a subscription.
    Listening,
    /// The stream of a session's call.
    Call,
    /// The stream of a session's call, after the client resumed it.
    Resumed,
    /// A batch of calls.
    Batch,
    /// A call of 2026-07-28.
    Modern,
    /// HTTP+SSE.
    Legacy,
}

const ALL: [Open; 6] = [
    Open::Listening,
    Open::Call,
    Open::Resumed,
    Open::Batch,
    Open::Modern,
    Open::Legacy,
];

impl Scenario {
    async fn send(
        &self,
        request: http::request::Builder,
        body: &Value,
    ) -> Response<farport_http::Body> {
        self.fixture
            .send(with_token(request), &body.to_string())
            .await
    }

    async fn session(&self, version: &str) -> String {
        let opening = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {},
            "clientInfo": { "name": "tester", "version": "1" } } });
        let opened = self.send(post(), &opening).await;
        assert_eq!(opened.status(), StatusCode::OK);
        let id = opened.headers()["mcp-session-id"].to_str().unwrap();
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let accepted = self.send(post().header("mcp-session-id", id), &ready).await;
        assert_eq!(accepted.status(), StatusCode::ACCEPTED);
        id.to_owned()
    }

    async fn listen(&self, session: &str, last: Option<&str>) -> Response<farport_http::Body> {
        let mut get = Request::get("/mcp")
            .header("accept", "text/event-stream")
            .header("mcp-session-id", session);
        if let Some(last) = last {
            get = get.header("last-event-id", last);
        }
        self.send(get, &Value::Null).await
    }

    async fn open(&self, open: Open) -> Response<farport_http::Body> {
        let say = |id: u64| {
            json!({ "jsonrpc": "2.0", "id": id, "method": "say",
                    "params": { "texts": ["one"], "gate": "never" } })
        };
        match open {
            Open::Listening => {
                let session = self.session("2025-11-25").await;
                let subscribe = json!({ "jsonrpc": "2.0", "id": 1,
                    "method": "resources/subscribe", "params": { "uri": "note://closed" } });
                let request = post().header("mcp-session-id", &session);
                assert_eq!(
                    self.send(request, &subscribe).await.status(),
                    StatusCode::OK
                );
                self.listen(&session, None).await
            }
            Open::Call => {
                let session = self.session("2025-11-25").await;
                self.send(post().header("mcp-session-id", session), &say(1))
                    .await
            }
            Open::Resumed => {
                let session = self.session("2025-11-25").await;
                let request = post().header("mcp-session-id", &session);
                let mut body = self.send(request, &say(1)).await.into_body();
                let primed = next(&mut body).await.unwrap();
                let id = primed.lines().next().unwrap().strip_prefix("id: ").unwrap();
                drop(body);
                self.listen(&session, Some(id)).await
            }
            Open::Batch => {
                let session = self.session("2025-03-26").await;
                let batch = json!([say(1), say(2)]);
                self.send(post().header("mcp-session-id", session), &batch)
                    .await
            }
            Open::Modern => {
                let mut call = say(1);
                call["params"]["_meta"] = json!({
                    "progressToken": 1,
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {} });
                let request = post()
                    .header("mcp-protocol-version", "2026-07-28")
                    .header("mcp-method", "say");
                self.send(request, &call).await
            }
            Open::Legacy => {
                let get = Request::get("/sse").header("accept", "text/event-stream");
                let mut opened = self.send(get, &Value::Null).await;
                let endpoint = next(opened.body_mut()).await.unwrap();
                let endpoint = endpoint
                    .lines()
                    .find_map(|line| line.strip_prefix("data: "));
                let endpoint = endpoint.unwrap().to_owned();
                let opening = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize",
                    "params": { "protocolVersion": "2024-11-05", "capabilities": {},
                    "clientInfo": { "name": "tester", "version": "1" } } });
                let subscribe = json!({ "jsonrpc": "2.0", "id": 1,
                    "method": "resources/subscribe", "params": { "uri": "note://closed" } });
                for message in [opening, subscribe] {
                    let taken = self.send(Request::post(&endpoint), &message).await;
                    assert_eq!(taken.status(), StatusCode::ACCEPTED);
                    assert!(next(opened.body_mut()).await.unwrap().contains("result"));
                }
                opened
            }
        }
    }

    /// Reads a stream to its end, and returns how long that took.
    async fn lasts(response: Response<farport_http::Body>) -> Duration {
        let began = Instant::now();
        let mut body = response.into_body();
        while next(&mut body).await.is_some() {}
        began.elapsed()
    }

    async fn assert_challenged(&self, open: Open) {
        let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "open", "params": {} });
        let path = match open {
            Open::Legacy => Request::get("/sse").header("accept", "text/event-stream"),
            _ => post(),
        };
        let refused = self.send(path, &call).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{open:?}");
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

const SOON: Duration = Duration::from_secs(15);

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_expires() {
    for open in ALL {
        let scenario = scenario();
        // An hour after the start of the virtual clock.
        *scenario.external.expires.lock().unwrap() = Some(UnixTime(1_000_000_000 + 3600));
        let opened = scenario.open(open).await;
        assert_eq!(opened.status(), StatusCode::OK, "{open:?}");
        let lasted = Scenario::lasts(opened).await;
        let expect = Duration::from_secs(3600);
        assert!(
            lasted <= expect && lasted > expect - SOON,
            "{open:?} {lasted:?}"
        );
        scenario.assert_challenged(open).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_soon_after_its_token_is_revoked() {
    for open in ALL {
        let scenario = scenario();
        let opened = scenario.open(open).await;
        let external = scenario.external.clone();
        let revoking = tokio::spawn(async move {
            sleep(Duration::from_secs(1000)).await;
            external.revoked.store(true, Ordering::SeqCst);
        });
        let lasted = Scenario::lasts(opened).await;
        revoking.await.unwrap();
        let expect = Duration::from_secs(1000);
        assert!(
            lasted >= expect && lasted <= expect + SOON,
            "{open:?} {lasted:?}"
        );
        scenario.assert_challenged(open).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_soon_after_its_permission_is_revoked() {
    for open in ALL {
        let scenario = scenario();
        let opened = scenario.open(open).await;
        let permitted = scenario.permitted.clone();
        let revoking = tokio::spawn(async move {
            sleep(Duration::from_secs(1000)).await;
            permitted.store(false, Ordering::SeqCst);
        });
        let lasted = Scenario::lasts(opened).await;
        revoking.await.unwrap();
        let expect = Duration::from_secs(1000);
        assert!(
            lasted >= expect && lasted <= expect + SOON,
            "{open:?} {lasted:?}"
        );
        // The user is still signed in.
        let session = scenario.session("2025-11-25").await;
        let again = scenario.listen(&session, None).await;
        assert_eq!(again.status(), StatusCode::OK, "{open:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_does_not_end_a_stream() {
    let scenario = scenario();
    let opened = scenario.open(Open::Listening).await;
    let external = scenario.external.clone();
    let outages = tokio::spawn(async move {
        sleep(Duration::from_secs(100)).await;
        external.down.store(true, Ordering::SeqCst);
        sleep(Duration::from_secs(30)).await;
        external.down.store(false, Ordering::SeqCst);
        sleep(Duration::from_secs(1000)).await;
        external.down.store(true, Ordering::SeqCst);
    });
    let lasted = Scenario::lasts(opened).await;
    outages.await.unwrap();
    let (least, most) = (Duration::from_secs(1130), Duration::from_secs(1130 + 90));
    assert!(lasted > least && lasted < most, "{lasted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_user_has_the_scopes_of_the_latest_validation() {
    let scenario = scenario();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "write", "params": {} });
    let session = scenario.session("2025-11-25").await;
    for (scope, expect) in [
        (None, StatusCode::FORBIDDEN),
        (Some("write"), StatusCode::OK),
        (Some("read"), StatusCode::FORBIDDEN),
    ] {
        *scenario.external.scope.lock().unwrap() = scope;
        let request = post().header("mcp-session-id", &session);
        let response = scenario.send(request, &call).await;
        assert_eq!(response.status(), expect, "{scope:?}");
    }
}
