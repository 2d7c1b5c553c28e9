//! The order of messages to the server that later ones rely on.

use std::sync::Mutex;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection::link::lock;

/// How long a message waits for one that it relies on. After that, the server decides what it does with
/// the message.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(3);

/// The last message that later ones rely on, such as `notifications/initialized`.
#[derive(Default)]
pub(super) struct Order(Mutex<Option<CancellationToken>>);

/// The message that another one relies on.
pub(super) struct Before(Option<CancellationToken>);

impl Order {
    /// The place of a message that relies on those before.
    pub(super) fn after(&self) -> Before {
        Before(lock(&self.0).clone())
    }

    /// The place of a message that later ones rely on. They wait until the guard is dropped.
    pub(super) fn relied_on(&self) -> (Before, DropGuard) {
        let accepted = CancellationToken::new();
        let before = lock(&self.0).replace(accepted.clone());
        (Before(before), accepted.drop_guard())
    }
}

impl Before {
    /// Waits until the server has accepted the message before.
    pub(super) async fn accepted(&self) {
        if let Some(accepted) = &self.0 {
            let _ = tokio::time::timeout(ACCEPTED_WITHIN, accepted.cancelled()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_waits_for_those_sent_before_it_and_not_for_ever() {
        let order = Order::default();
        let started = Instant::now();
        let early = order.after();
        let (first, accepts_first) = order.relied_on();
        let (second, accepts_second) = order.relied_on();
        let late = order.after();
        early.accepted().await;
        first.accepted().await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        drop(accepts_first);
        second.accepted().await;
        assert_eq!(started.elapsed(), Duration::ZERO);
        late.accepted().await;
        assert_eq!(started.elapsed(), ACCEPTED_WITHIN);
        drop(accepts_second);
        late.accepted().await;
        assert_eq!(started.elapsed(), ACCEPTED_WITHIN);
    }
}
