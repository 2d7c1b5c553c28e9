//! A connection's timer.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use tokio::time::{self, sleep_until};

/// Keeps one entry in tokio's timer while a connection is open.
///
/// hyper sets a new deadline for the head of every request, and drops it when the head arrives. Tokio
/// keeps all deadlines behind one lock, which a busy connection would take twice per request. This
/// entry stays in the timer; when it is due, it moves to the deadline that is valid by then.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<Entry>>);

type Entry = Option<Pin<Box<time::Sleep>>>;

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Deadline {
            at: deadline.into(),
            entry: self.0.clone(),
        })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}

/// A future that is ready at its deadline. A connection waits for one at a time.
struct Deadline {
    at: time::Instant,
    entry: Arc<Mutex<Entry>>,
}

impl Sleep for Deadline {}

impl Future for Deadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entry.get_or_insert_with(|| Box::pin(sleep_until(self.at)));
        if entry.deadline() > self.at {
            entry.as_mut().reset(self.at);
        }
        loop {
            ready!(entry.as_mut().poll(cx));
            if entry.deadline() >= self.at {
                return Poll::Ready(());
            }
            entry.as_mut().reset(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_deadline_is_met_after_any_earlier_one() {
        let timer = ConnectionTimer::default();
        let began = timer.now();
        // The deadline, how long the test waits for it, and whether it fires; in milliseconds.
        for (due, patience, fires) in [
            (900, 10, false),
            (1_000, 2_000, true),
            (1_500, 2_000, true),
            (9_000, 20, false),
            (2_000, 9_000, true),
        ] {
            let deadline = began + Duration::from_millis(due);
            let waiting = timer.sleep_until(deadline);
            let waited = time::timeout(Duration::from_millis(patience), waiting).await;
            assert_eq!(waited.is_ok(), fires, "{due}");
            if fires {
                let late = timer.now().checked_duration_since(deadline);
                assert!(
                    late.is_some_and(|late| late.as_millis() <= 1),
                    "{due}: {late:?}"
                );
            }
        }
    }
}
