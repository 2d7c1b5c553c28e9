//! Recovery over HTTP+SSE: one stream at a time, one owner, and waits that grow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farport_client::Store;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Answer, Client, Feed, Reply, Seen, Server, eventually, options};

/// A server of 2024-11-05, whose tests make it sick.
#[derive(Clone, Default)]
struct House {
    feeds: Arc<Mutex<Vec<Feed>>>,
    opened: Arc<Mutex<Vec<Instant>>>,
    most_open: Arc<Mutex<usize>>,
    sick: Arc<AtomicBool>,
}

impl House {
    /// Starts it. `sick` answers while it is sick; `None` is the usual.
    async fn start<F>(&self, sick: F) -> Server
    where
        F: Fn(&Seen, &House) -> Option<Reply> + Send + Sync + 'static,
    {
        let house = self.clone();
        Server::start(move |_, seen: &Seen| {
            if house.sick.load(Ordering::SeqCst)
                && let Some(reply) = sick(seen, &house)
            {
                return reply;
            }
            house.usual(seen)
        })
        .await
    }

    fn usual(&self, seen: &Seen) -> Reply {
        if seen.method == "GET" {
            return self.open_stream();
        }
        let Some(number) = seen.path.strip_prefix("/message?stream=") else {
            return Answer::status(405).into();
        };
        let body = seen.json();
        if !body["id"].is_null() && !body["method"].is_null() {
            let result = json!({"protocolVersion": "2024-11-05", "stream": number});
            let number: usize = number.parse().unwrap();
            self.feeds.lock().unwrap()[number]
                .event(&json!({"jsonrpc": "2.0", "id": body["id"], "result": result}));
        }
        Answer::status(202).into()
    }

    fn open_stream(&self) -> Reply {
        let (reply, feed) = Reply::stream(200);
        let mut feeds = self.feeds.lock().unwrap();
        feed.send(format!(
            "event: endpoint\ndata: /message?stream={}\n\n",
            feeds.len()
        ));
        feeds.push(feed);
        self.opened.lock().unwrap().push(Instant::now());
        let open = feeds.iter().filter(|feed| !feed.is_closed()).count();
        let mut most = self.most_open.lock().unwrap();
        *most = open.max(*most);
        reply
    }

    /// Ends all streams.
    fn cut(&self) {
        for feed in &mut *self.feeds.lock().unwrap() {
            let (_, dead) = Reply::stream(200);
            *feed = dead;
        }
    }

    fn streams(&self) -> usize {
        self.opened.lock().unwrap().len()
    }
}

#[tokio::test]
async fn streams_that_end_before_initialize_is_answered_do_not_multiply() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::default();
    let server = house
        .start(|seen, house| {
            (seen.method == "POST").then(|| {
                house.cut();
                Answer::status(202).into()
            })
        })
        .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    house.sick.store(true, Ordering::SeqCst);
    house.cut();
    eventually("four more streams", || house.streams() >= 5).await;
    let opened = house.opened.lock().unwrap().clone();
    let waits: Vec<Duration> = opened.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits[1..].iter().zip([740, 1490, 2990]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
    assert!(*house.most_open.lock().unwrap() <= 1);
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_on_the_stream_that_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::default();
    let server = house
        .start(|seen, _| (seen.method == "POST").then(|| Answer::status(503).into()))
        .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    let before = server.count("initialize");
    house.sick.store(true, Ordering::SeqCst);
    house.cut();
    eventually("attempts", || server.count("initialize") >= before + 3).await;
    assert_eq!(house.streams(), 2);
    house.sick.store(false, Ordering::SeqCst);
    let answer = client.ask("tools/call", json!({})).await;
    assert_eq!(answer["result"]["stream"], "1", "{answer}");
    assert_eq!(house.streams(), 2);
}

#[tokio::test]
async fn a_session_that_post_does_not_know_is_opened_again_while_its_stream_lives() {
    for status in [400, 404, 410] {
        let folder = tempfile::tempdir().unwrap();
        let house = House::default();
        let server = house
            .start(move |seen, _| {
                seen.path
                    .ends_with("?stream=0")
                    .then(|| Answer::status(status).into())
            })
            .await;
        let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
        client.open().await;
        let first = client.ask("tools/call", json!({})).await;
        assert_eq!(first["result"]["stream"], "0", "{first}");
        house.sick.store(true, Ordering::SeqCst);
        let second = client.ask("tools/call", json!({})).await;
        assert_eq!(second["result"]["stream"], "1", "{status} {second}");
        eventually("the old stream is closed", || {
            house.feeds.lock().unwrap()[0].is_closed()
        })
        .await;
        assert_eq!(house.streams(), 2, "{status}");
    }
}

#[tokio::test]
async fn calls_made_while_the_session_is_opened_again_go_to_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::default();
    let server = house
        .start(|seen, _| {
            (seen.method == "GET").then(|| Answer::status(503).with("retry-after", "1").into())
        })
        .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    let lost = client.begin("tools/call", json!({"slow": true})).await;
    assert_eq!(client.answer(&lost).await["result"]["stream"], "0");
    house.sick.store(true, Ordering::SeqCst);
    house.cut();
    eventually("an attempt", || server.verbs("GET") >= 3).await;
    let id = client.begin("tools/call", json!({})).await;
    house.sick.store(false, Ordering::SeqCst);
    let answer = client.answer(&id).await;
    assert_eq!(answer["result"]["stream"], "1", "{answer}");
    let posts: Vec<Value> = server
        .seen()
        .iter()
        .filter(|seen| seen.json()["id"] == id)
        .map(|seen| json!(seen.path))
        .collect();
    assert_eq!(posts, [json!("/message?stream=1")]);
}

#[tokio::test]
async fn a_call_that_the_ended_session_has_accepted_fails_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::default();
    let server = house
        .start(|seen, _| {
            (seen.json()["method"] == "tools/call").then(|| Answer::status(202).into())
        })
        .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    house.sick.store(true, Ordering::SeqCst);
    let id = client.begin("tools/call", json!({})).await;
    eventually("the call", || server.count("tools/call") == 1).await;
    house.cut();
    let answer = client.answer(&id).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("stream ended"), "{said}");
}

#[tokio::test]
async fn an_error_without_an_id_answers_the_only_call() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::default();
    let server = house
        .start(|seen, house| {
            (seen.json()["method"] == "tools/call").then(|| {
                let error = json!({"code": -32700, "message": "cannot read it"});
                house.feeds.lock().unwrap()[0]
                    .event(&json!({"jsonrpc": "2.0", "id": null, "error": error}));
                Answer::status(202).into()
            })
        })
        .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    house.sick.store(true, Ordering::SeqCst);
    let answer = client.ask("tools/call", json!({})).await;
    assert_eq!(answer["error"]["message"], "cannot read it", "{answer}");
}
