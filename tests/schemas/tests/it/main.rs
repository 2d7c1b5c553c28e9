//! The fixture's messages against the official schemas of MCP, in every revision.
//!
//! A [`Peer`] speaks plain HTTP with the fixture and validates each message in both directions: a response against
//! the result of its method, a request or notification against its own definition. The schemas are in `mcp/`.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod conversation;
mod peer;
mod schema;
mod wire;

use std::{fs, path::Path};

use farport::Server;
use farport_core::ProtocolVersion;
use farport_testkit::fixture::{Fixture, FixtureState};
use tokio::sync::oneshot;

use self::{peer::Peer, schema::Schema};

/// Starts the fixture, and runs the conversation of a revision. `least` is the number of messages that the server
/// has to send in it.
async fn validate(revision: ProtocolVersion, least: usize) {
    let state = FixtureState::new().unwrap();
    let server = Server::new(move |cx| Fixture::of(cx, state.clone()));
    let bound = server.host("127.0.0.1").port(0).bind().await.unwrap();
    let origin = format!("http://{}", bound.local_addr());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.serve_until(async {
        let _ = stopped.await;
    }));
    // The client blocks its thread.
    let client = tokio::task::spawn_blocking(move || converse(revision, &origin, least));
    client.await.unwrap();
    let _ = stop.send(());
    serving.await.unwrap().unwrap();
}

fn converse(revision: ProtocolVersion, origin: &str, least: usize) {
    let mut peer = Peer::open(revision, schema_of(revision), origin).unwrap();
    let ended = conversation::run(&mut peer);
    let records = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemas");
    fs::create_dir_all(&records).unwrap();
    let record = records.join(format!("{}.jsonl", revision.as_str()));
    fs::write(&record, peer.record()).unwrap();
    let problems = peer.problems().join("\n");
    let record = record.display();
    if let Err(error) = ended {
        panic!("{error:#}\n{problems}\nall messages: {record}");
    }
    assert!(problems.is_empty(), "{problems}\nall messages: {record}");
    let received = peer.received();
    assert!(
        received >= least,
        "{received} messages, not {least}: {record}"
    );
}

fn schema_of(revision: ProtocolVersion) -> Schema {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mcp");
    let file = folder.join(revision.as_str()).join("schema.json");
    Schema::read(&file).unwrap()
}

#[test]
fn every_revision_that_is_served_has_its_schema() {
    for revision in ProtocolVersion::ALL {
        let _ = schema_of(revision);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_2024_11_05_match_their_schema() {
    validate(ProtocolVersion::V2024_11_05, 45).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_2025_03_26_match_their_schema() {
    validate(ProtocolVersion::V2025_03_26, 49).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_2025_06_18_match_their_schema() {
    validate(ProtocolVersion::V2025_06_18, 48).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_2025_11_25_match_their_schema() {
    validate(ProtocolVersion::V2025_11_25, 52).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_2026_07_28_match_their_schema() {
    validate(ProtocolVersion::V2026_07_28, 56).await;
}
