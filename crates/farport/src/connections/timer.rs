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

/// Keeps one entry in tokio's timer for as long as a connection is open.
///
/// hyper asks for a new deadline for the head of every request, and drops it when the head is
/// there. Tokio keeps all deadlines behind one lock, which a busy connection would take twice a
/// request. Here the entry stays where it is; when its time has come, it is set to the deadline
/// that counts by then.
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

/// Ready once its time has come. A connection waits for one of them at a time.
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
    async fn every_deadline_is_kept_whatever_came_before_it() {
        let timer = ConnectionTimer::default();
        let began = timer.now();
        // Each of them: when it is due, and for how long it is waited for; in milliseconds.
        for (due, patience) in [
            (900, 10),
            (1_000, 2_000),
            (1_500, 2_000),
            (9_000, 20),
            (2_000, 9_000),
        ] {
            let deadline = began + Duration::from_millis(due);
            let waiting = timer.sleep_until(deadline);
            let asked = timer.now();
            let came = time::timeout(Duration::from_millis(patience), waiting).await;
            let passed = timer.now() - asked;
            if patience < due {
                assert!(
                    came.is_ok() || passed >= Duration::from_millis(patience),
                    "{due}"
                );
            }
            assert_eq!(came.is_ok(), timer.now() >= deadline, "{due}");
            if came.is_ok() {
                let late = timer.now() - deadline.max(asked);
                assert!(late <= Duration::from_millis(2), "{due} came {late:?} late");
            }
        }
    }
}
