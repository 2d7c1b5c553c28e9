//! The limit on the total size of all sessions' events.

use std::sync::Arc;

use bytes::Bytes;
use farport_core::{EventBudget, EventStream, Share, StreamLimits};
use futures_util::FutureExt as _;
use std::future::poll_fn;

/// The size of every event in these tests, in bytes.
const EVENT: usize = 100;

/// The budget of these tests, in bytes.
const BUDGET: usize = 10 * EVENT;

/// Returns a stream whose own limits are far above the budget.
fn stream(budget: &Arc<EventBudget>, user: &str) -> EventStream {
    let stream = EventStream::new(StreamLimits {
        events: 1000,
        bytes: 1 << 20,
    });
    stream.count_for(&budget.account(&Share::named(user)));
    stream
}

fn write(stream: &EventStream, events: usize) {
    for _ in 0..events {
        assert!(stream.push(Bytes::from(vec![b'x'; EVENT])));
    }
}

/// Returns the number of events that a reader receives from the start.
fn received(stream: &EventStream) -> usize {
    let mut reader = stream.attach(Some(0));
    let mut events = 0;
    while let Some(Some(_)) = poll_fn(|cx| stream.poll_next(&mut reader, cx)).now_or_never() {
        events += 1;
    }
    events
}

#[test]
fn below_the_budget_no_stream_drops_events() {
    let budget = EventBudget::new(BUDGET);
    let (alice, bob) = (stream(&budget, "alice"), stream(&budget, "bob"));
    write(&alice, 7);
    write(&bob, 3);
    assert_eq!((received(&alice), received(&bob)), (7, 3));
    assert_eq!(budget.total(), BUDGET);
}

#[test]
fn a_flood_of_one_user_only_drops_events_of_that_user() {
    let budget = EventBudget::new(BUDGET);
    let (alice, bob) = (stream(&budget, "alice"), stream(&budget, "bob"));
    write(&alice, 3);
    write(&bob, 50);
    assert_eq!(received(&alice), 3);
    assert!(
        received(&bob) < 10,
        "the flood keeps {} events",
        received(&bob)
    );
    // More sessions of the same user do not change that.
    let more: Vec<_> = (0..5).map(|_| stream(&budget, "bob")).collect();
    for stream in &more {
        write(stream, 50);
    }
    assert_eq!(received(&alice), 3);
    write(&alice, 1);
    assert_eq!(received(&alice), 4);
}

#[test]
fn the_streams_of_one_user_share_one_account() {
    let budget = EventBudget::new(BUDGET);
    let bob: Vec<_> = (0..4).map(|_| stream(&budget, "bob")).collect();
    let alice = stream(&budget, "alice");
    write(&alice, 4);
    for stream in &bob {
        write(stream, 4);
    }
    assert_eq!(received(&alice), 4, "alice holds less than her half");
    let held: usize = bob.iter().map(received).sum();
    assert!(held < 16, "bob's four streams keep {held} events");
}

#[test]
fn all_streams_together_hold_at_most_twice_the_budget() {
    let budget = EventBudget::new(BUDGET);
    let users: Vec<_> = (0..5)
        .map(|user| stream(&budget, &user.to_string()))
        .collect();
    for round in 0..200 {
        write(&users[round * 7 % users.len()], 1 + round % 3);
        assert!(budget.total() <= 2 * BUDGET, "{} bytes", budget.total());
    }
}

#[test]
fn a_dropped_stream_releases_its_bytes() {
    let budget = EventBudget::new(BUDGET);
    for _ in 0..100 {
        let bob = stream(&budget, "bob");
        write(&bob, 8);
        drop(bob);
    }
    assert_eq!(budget.total(), 0);
    let alice = stream(&budget, "alice");
    write(&alice, 10);
    assert_eq!(received(&alice), 10);
}
