//! Holds a sign-in before each of its steps, until the user continues.

use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};

use farport_client::{Gate, NextStep};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::state::{State, lock};

/// Whether sign-ins are held, and the step that waits.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    on: bool,
    waiting: Option<Waiting>,
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    step: &'static str,
    go: oneshot::Sender<()>,
}

/// What the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    on: bool,
    /// The number by which the page continues, and the step.
    waiting: Option<(u64, &'static str)>,
}

impl Holds {
    pub(crate) fn shown(&self) -> Shown {
        let inner = lock(&self.0);
        Shown {
            on: inner.on,
            waiting: inner.waiting.as_ref().map(|one| (one.number, one.step)),
        }
    }

    /// Switches the holding on or off. Off also releases the step that waits.
    pub(crate) fn switch(&self, on: bool) {
        let mut inner = lock(&self.0);
        inner.on = on;
        if !on {
            release(inner.waiting.take());
        }
    }

    /// Releases the step with this number. False if it does not wait.
    pub(crate) fn release(&self, number: u64) -> bool {
        let mut inner = lock(&self.0);
        let waits = inner
            .waiting
            .as_ref()
            .is_some_and(|one| one.number == number);
        if waits {
            release(inner.waiting.take());
        }
        waits
    }

    /// Registers a step, if sign-ins are held. A step that waited before is released.
    fn hold(&self, step: &'static str) -> Option<(u64, oneshot::Receiver<()>)> {
        let mut inner = lock(&self.0);
        if !inner.on {
            return None;
        }
        inner.last += 1;
        let number = inner.last;
        let (go, released) = oneshot::channel();
        let before = inner.waiting.replace(Waiting { number, step, go });
        release(before);
        Some((number, released))
    }
}

fn release(waiting: Option<Waiting>) {
    if let Some(waiting) = waiting {
        // This fails if the sign-in was cancelled.
        let _ = waiting.go.send(());
    }
}

/// The gate of one connection.
pub(crate) struct HoldGate(pub(crate) Weak<State>);

impl Gate for HoldGate {
    fn wait(&self, next: NextStep) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let Some(state) = self.0.upgrade() else {
                return;
            };
            let Some((number, released)) = state.holds().hold(name(next)) else {
                return;
            };
            state.changed();
            let _held = Held {
                state: Arc::downgrade(&state),
                number,
            };
            drop(state);
            // The sender is dropped when a newer step waits.
            let _ = released.await;
        })
    }
}

/// A step that waits. Dropping it, as at the end of a cancelled sign-in, removes it from the page.
struct Held {
    state: Weak<State>,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(state) = self.state.upgrade() {
            state.holds().release(self.number);
            state.changed();
        }
    }
}

/// The step by its name in the log of a sign-in.
fn name(step: NextStep) -> &'static str {
    match step {
        NextStep::ResourceMetadata => "resource",
        NextStep::ServerMetadata => "server",
        NextStep::Client => "client",
        NextStep::Authorization => "authorization",
        NextStep::Refresh => "refresh",
        _ => "token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_waits_only_while_sign_ins_are_held() {
        let holds = Holds::default();
        assert!(holds.hold("client").is_none());
        holds.switch(true);
        let (number, mut released) = holds.hold("client").unwrap();
        assert_eq!(holds.shown().waiting, Some((number, "client")));
        assert!(released.try_recv().is_err());
        assert!(!holds.release(number + 1));
        assert!(holds.release(number));
        assert!(released.try_recv().is_ok());
        assert!(!holds.release(number), "it waits once");
        let (_, mut released) = holds.hold("token").unwrap();
        holds.switch(false);
        assert!(released.try_recv().is_ok());
        assert_eq!(
            holds.shown(),
            Shown {
                on: false,
                waiting: None
            }
        );
    }
}
