//! Calls of a session wait until its handler has seen `notifications/initialized`.
//!
//! The transport accepts a notification before the handler has run, and the client's next request
//! may arrive at once. A handler that keeps its peer in `on_initialized`, in order to announce changes
//! later, must have it by then.

use std::{sync::Arc, time::Duration};

use farport_core::{BoxFuture, Instance, Method, Notified, Reply, Runtime};
use futures_util::future::{Either, select};
use tokio_util::sync::CancellationToken;

use super::Session;

/// The longest time that calls wait. A handler may take longer, for example because it asks the
/// client for its roots.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Fires when the calls of a session may start.
pub(super) type Initializing = CancellationToken;

/// Holds the calls of a session back until this is dropped.
struct HeldCalls {
    session: Arc<Session>,
    initializing: Initializing,
}

impl Drop for HeldCalls {
    fn drop(&mut self) {
        self.session.lock().initializing = None;
        self.initializing.cancel();
    }
}

/// Passes a notification to the handler in a separate task.
pub(super) fn spawn_notify(
    session: &Arc<Session>,
    instance: Arc<dyn Instance>,
    notified: Notified,
    runtime: &dyn Runtime,
) {
    if notified.notification.method != Method::Initialized {
        return runtime.spawn(instance.notify(notified));
    }
    let held = HeldCalls {
        session: session.clone(),
        initializing: Initializing::new(),
    };
    session.lock().initializing = Some(held.initializing.clone());
    let limit = runtime.sleep(LONGEST_WAIT);
    runtime.spawn(Box::pin(async move {
        let handled = select(instance.notify(notified), limit).await;
        drop(held);
        if let Either::Right(((), unfinished)) = handled {
            unfinished.await;
        }
    }));
}

/// Lets a call start when the handler has seen `notifications/initialized`.
pub(super) fn after_initialized(
    initializing: Option<Initializing>,
    work: BoxFuture<'static, Reply>,
) -> BoxFuture<'static, Reply> {
    match initializing {
        None => work,
        Some(initializing) => Box::pin(async move {
            initializing.cancelled().await;
            work.await
        }),
    }
}
