//! Request bodies that arrive too slowly.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep};

use crate::fixture::{Fixture, post};

const LIMIT: Duration = Duration::from_secs(15);

/// A body that arrives one byte at a time.
struct Trickle {
    every: Duration,
    left: usize,
    timer: Pin<Box<Sleep>>,
}

impl Trickle {
    fn new(every: Duration, left: usize) -> Self {
        Self {
            every,
            left,
            timer: Box::pin(sleep(every)),
        }
    }
}

impl http_body::Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.timer.as_mut().poll(cx));
        self.left -= 1;
        self.timer = Box::pin(sleep(self.every));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

use std::future::Future;

#[tokio::test(start_paused = true)]
async fn a_body_has_15_seconds_to_arrive() {
    let fixture = Fixture::new();
    for (every, left, took, status) in [
        (
            Duration::from_secs(3600),
            1,
            LIMIT,
            StatusCode::REQUEST_TIMEOUT,
        ),
        (
            Duration::from_secs(1),
            1_000,
            LIMIT,
            StatusCode::REQUEST_TIMEOUT,
        ),
        (
            Duration::from_millis(1),
            1_000_000,
            LIMIT,
            StatusCode::REQUEST_TIMEOUT,
        ),
        // In time, but not a message.
        (
            Duration::from_secs(1),
            14,
            Duration::from_secs(14),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let request = post()
            .header("host", "localhost")
            .header("content-type", "application/json");
        let began = Instant::now();
        let body = Trickle::new(every, left);
        let response = fixture.service.handle(request.body(body).unwrap()).await;
        assert_eq!(response.status(), status, "{every:?}");
        assert_eq!(began.elapsed(), took, "{every:?}");
    }
}
