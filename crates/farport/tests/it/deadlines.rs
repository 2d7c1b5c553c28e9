//! Timeouts, on a clock that jumps to the next timer when nothing else can run, except for one test.

use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    client::{modern, modern_call, request, text, tool},
    events::{Events, Next},
    http::{Ask, Wire},
    server::start,
    soon,
    workshop::Kind,
};

/// The timeout for the head and for the body of a request.
const LIMIT: Duration = Duration::from_secs(15);

/// The tolerance for timers that count from a later moment.
const SLACK: Duration = Duration::from_secs(5);

type Case = Pin<Box<dyn Future<Output = ()>>>;

/// Runs a case that must end at the timeout, and not much earlier.
fn cut_at_the_limit(name: &'static str, case: impl Future<Output = ()> + 'static) -> Case {
    Box::pin(async move {
        let began = Instant::now();
        timeout(LIMIT + SLACK, case)
            .await
            .unwrap_or_else(|_| panic!("{name} is still there"));
        let took = began.elapsed();
        assert!(took > LIMIT - SLACK, "{name} was cut after {took:?}");
    })
}

/// Sends `first`, then one byte per second, until the server closes the connection. The server may
/// send a response first.
async fn trickle(address: SocketAddr, first: Vec<u8>, byte: &'static str) {
    let mut wire = Wire::connect(address).await;
    wire.send(first).await;
    if byte.is_empty() {
        if let Some(response) = wire.response().await {
            assert_eq!(response.status, 408);
            let (_, wire) = response.whole().await;
            assert!(wire.closes().await);
        }
        return;
    }
    loop {
        sleep(Duration::from_secs(1)).await;
        if wire.try_send(byte).await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_come_is_cut_within_15_seconds() {
    let server = start(Kind::Quiet).await;
    let at = server.address;
    let chunked = Ask::post("/mcp").with("transfer-encoding", "chunked");
    let case = |name, first: Vec<u8>, byte| cut_at_the_limit(name, trickle(at, first, byte));
    let mut cases = vec![
        case("nothing", Vec::new(), ""),
        case(
            "half a head",
            b"POST /mcp HTTP/1.1\r\nhost: loc".to_vec(),
            "",
        ),
        case(
            "a head that trickles",
            b"GET /health HTTP/1.1\r\nx: ".to_vec(),
            "y",
        ),
        case(
            "headers that trickle",
            b"GET /health HTTP/1.1\r\n".to_vec(),
            "a:b\r\n",
        ),
        case("no body", Ask::post("/mcp").head(100).into_bytes(), ""),
        case(
            "no body for sse",
            Ask::post("/sse/message?sessionId=x").head(100).into_bytes(),
            "",
        ),
        case(
            "a body that trickles",
            Ask::post("/mcp").head(100).into_bytes(),
            " ",
        ),
        case(
            "chunks that trickle",
            chunked.head(0).into_bytes(),
            "1\r\n \r\n",
        ),
        case(
            "half a chunk",
            [chunked.head(0).as_bytes(), b"ff\r\nabc"].concat(),
            "",
        ),
    ];
    // An idle connection between two requests has the same timeout.
    cases.push(cut_at_the_limit("idle between requests", async move {
        let mut wire = Wire::connect(at).await;
        wire.send(Ask::get("/health").bytes()).await;
        let response = wire.response().await.unwrap();
        assert_eq!(response.headers["keep-alive"], "timeout=15");
        let (_, wire) = response.whole().await;
        assert!(wire.closes().await);
    }));
    // During that time, the server serves other clients.
    cases.push(Box::pin(async move {
        for _ in 0..15 {
            assert_eq!(modern_call(1, "echo", json!({})).status(at).await, 200);
            sleep(Duration::from_secs(1)).await;
        }
    }));
    join_all(cases).await;
}

/// Waits for the first comment. No event may come before it.
async fn comment(name: &'static str, mut events: Events) {
    let began = Instant::now();
    let next = timeout(Duration::from_secs(25), events.next()).await;
    assert_eq!(next, Ok(Next::Comment("keep-alive".into())), "{name}");
    let took = began.elapsed();
    assert!(took > Duration::from_secs(15), "{name} after {took:?}");
}

// Streams compare times of the system's clock, which cannot be paused. The rules are tested on a virtual clock in
// farport-http; this is the one test that waits for a native server.
#[tokio::test]
async fn a_quiet_stream_has_a_comment_every_15_to_25_seconds() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-11-25").await;
    let mut listening = client.listen(None).await.events();
    assert!(listening.event().await.is_priming());
    let mut call = client
        .stream_progress(1, "gated", json!({ "text": "call" }))
        .await;
    call.message().await;
    let mut params = tool("gated", json!({ "text": "modern" }));
    params["_meta"] = json!({ "progressToken": 1 });
    let mut modern_call = modern(1, "tools/call", params)
        .to(server.address)
        .await
        .events();
    modern_call.message().await;
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    let subscribed = modern(1, "subscriptions/listen", wanted);
    let mut subscribed = subscribed.to(server.address).await.events();
    subscribed.message().await;
    let mut legacy = Ask::get("/sse").to(server.address).await.events();
    legacy.event().await;
    tokio::join!(
        comment("session", listening),
        comment("call", call),
        comment("modern call", modern_call),
        comment("subscription", subscribed),
        comment("legacy", legacy),
    );
}

#[tokio::test(start_paused = true)]
async fn running_calls_have_ten_seconds_at_shutdown() {
    let server = start(Kind::Quiet).await;
    let shop = server.shop.clone();
    let call = modern_call(1, "wait", json!({ "text": "for ever" }));
    let waiting = tokio::spawn(call.sent_to(server.address));
    shop.has_seen("began for ever").await;
    let began = Instant::now();
    let stopped = server.stop();
    timeout(Duration::from_secs(10) + SLACK, stopped)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(began.elapsed() > Duration::from_secs(8));
    waiting.abort();
}

#[tokio::test]
async fn a_response_announces_how_long_its_connection_stays_open() {
    let server = start(Kind::Quiet).await;
    let call = || modern_call(1, "echo", json!({}));
    for (ask, stays) in [
        (call(), true),
        (call().with("connection", "keep-alive"), true),
        (call().with("connection", "Close"), false),
        (Ask::get("/nowhere"), true),
    ] {
        let response = ask.to(server.address).await;
        let said = response.headers.get("keep-alive");
        assert_eq!(
            said.is_some_and(|said| said == "timeout=15"),
            stays,
            "{ask:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_delays_no_other() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    // Far more than the sockets buffer. The stream drops unread events, the oldest first.
    let flood = json!({ "text": "flood", "count": 400 });
    let mut params = tool("flood", flood);
    params["_meta"] = json!({ "progressToken": 1 });
    let mut wires = Vec::new();
    for ask in [
        client.posting(&request("flood", "tools/call", params.clone())),
        modern(1, "tools/call", params.clone()),
    ] {
        let mut wire = Wire::connect(server.address).await;
        wire.send(ask.bytes()).await;
        wires.push(wire);
    }
    for _ in 0..20 {
        assert_eq!(client.call("echo", json!({})).await.status, 200);
        let other = modern_call(2, "echo", json!({}));
        assert_eq!(other.status(server.address).await, 200);
    }
    // The session's call does not wait for its reader: it finishes unread.
    server.shop.has_seen("ended flood").await;
    for wire in wires {
        let events = soon(wire.response()).await.unwrap().events().rest().await;
        assert_eq!(text(&events.last().unwrap().message()), "flood");
        assert!(events.len() <= 401);
    }
}
