//! Requests to authorization servers: within the reach of the MCP server, bounded, and repeated when
//! a server is overloaded or a connection drops.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;
use url::Url;

use super::{Gate, NextStep, SignInError};
use crate::Error;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::http::{Http, Outgoing, Reach, shown};
use crate::observe::{SignInStep, Watch};
use crate::secret::Secret;

/// The largest response that is read, in bytes.
const LARGEST: usize = 256 * 1024;
/// How often a request is repeated.
const RETRIES: u32 = 3;
/// The longest single wait, whatever `Retry-After` says.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// No retry begins later than this after the first attempt: a client waits for its own request while
/// farport signs in, and another instance for the lock.
const BUDGET: Duration = Duration::from_secs(30);

/// Sends the requests of a sign-in.
#[derive(Clone, Copy)]
pub(crate) struct Requests<'a> {
    http: &'a Http,
    reach: Reach,
    retries: u32,
    gate: Option<&'a dyn Gate>,
    clock: &'a Clock,
}

/// A whole response.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) text: String,
    /// What `Retry-After` says.
    wait: Option<Duration>,
}

impl<'a> Requests<'a> {
    pub(crate) fn new(http: &'a Http, reach: Reach) -> Self {
        Self {
            http,
            reach,
            retries: RETRIES,
            gate: None,
            clock: Clock::SYSTEM,
        }
    }

    /// The same, with another clock than the system's.
    pub(super) fn at(self, clock: &'a Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// The same, with a gate before each step.
    pub(super) fn gated(self, gate: Option<&'a dyn Gate>) -> Self {
        Self { gate, ..self }
    }

    /// Waits until the next step may start.
    pub(super) async fn wait_before(&self, next: NextStep) {
        if let Some(gate) = self.gate {
            gate.wait(next).await;
        }
    }

    /// Masks a secret in what an observer receives.
    pub(super) fn hide(&self, secret: &Secret) {
        if let Some(watch) = self.http.watch() {
            watch.hide(secret.expose());
        }
    }

    /// Reports a step of the sign-in to the observer.
    pub(super) fn observe(&self, step: impl FnOnce(&Watch) -> SignInStep) {
        if let Some(watch) = self.http.watch() {
            watch.step(step(watch));
        }
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    /// The same, without retries.
    pub(super) fn once(self) -> Self {
        Self { retries: 0, ..self }
    }

    /// Checks that a browser which opens `url` stays within the reach.
    pub(super) async fn check_browser(&self, url: &Url) -> Result<(), Error> {
        let permitted = if self.http.uses_proxy(url) {
            self.reach.permits(url)
        } else {
            self.reach.permits_browser(url).await
        };
        if permitted {
            Ok(())
        } else {
            Err(Error::PrivateNetwork { url: shown(url) })
        }
    }

    /// Sends a request and reads its response. Repeats it after 408, 429, most of 5xx, and when the
    /// connection cannot be opened or breaks: after `Retry-After`, or after waits that grow.
    ///
    /// A code exchange is repeated too. If the first attempt did spend the code, the server refuses
    /// the second one and revokes tokens that never arrived: nothing is lost that was not lost before.
    ///
    /// # Errors
    /// When the last attempt gets no response, or the server is still overloaded.
    pub(super) async fn send(&self, request: Outgoing) -> Result<Answered, Error> {
        let started = Instant::now();
        let mut backoff = Backoff::default();
        let mut long_waits = 0;
        let url = request.url.clone();
        for retry in 0..u32::MAX {
            let mut request = request.clone();
            request.attempt = retry + 1;
            let outcome = self.attempt(request).await;
            let (asked, why) = match &outcome {
                Ok(answered) if answered.is_transient() => {
                    (answered.wait, format!("HTTP {}", answered.status.as_u16()))
                }
                Err(error) if is_transient(error) => (None, error.to_string()),
                _ => return outcome,
            };
            if asked.is_some_and(|wait| wait > LONGEST_WAIT) {
                long_waits += 1;
            }
            let wait = asked
                .unwrap_or_else(|| backoff.failed(Instant::now()))
                .min(LONGEST_WAIT);
            if retry >= self.retries || long_waits > 1 || started.elapsed() + wait > BUDGET {
                return match outcome {
                    Ok(answered) => Err(SignInError::Unavailable {
                        url: shown(&url),
                        why,
                        wait: answered.wait,
                    }
                    .into()),
                    Err(error) => Err(error),
                };
            }
            tracing::debug!(url = %shown(&url), %why, ?wait, "repeating a request");
            tokio::time::sleep(wait).await;
        }
        Err(Error::Stopped)
    }

    async fn attempt(&self, request: Outgoing) -> Result<Answered, Error> {
        let mut response = self.http.send_within(request, self.reach).await?;
        let status = response.status();
        let wait = response.retry_after();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(Error::TooLarge {
                    url: shown(response.url()),
                    limit: LARGEST,
                });
            }
            body.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&body);
        response.observe_body(&text, text.len());
        Ok(Answered {
            status,
            text: text.trim_start_matches('\u{feff}').to_owned(),
            wait,
        })
    }
}

impl Answered {
    #[cfg(test)]
    pub(super) fn of(status: u16, text: &str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            text: text.to_owned(),
            wait: None,
        }
    }

    /// Whether the same request may succeed in a moment. A response that names an OAuth error means
    /// it, whatever its status, unless that error says the same.
    fn is_transient(&self) -> bool {
        let overloaded = match self.status.as_u16() {
            408 | 425 | 429 | 500 => true,
            501 | 505 => false,
            status => status > 501,
        };
        overloaded
            && !["invalid_", "unauthorized_client", "unsupported_"]
                .iter()
                .any(|code| self.text.contains(&format!("\"{code}")))
    }
}

/// Whether another attempt may get a response.
pub(super) fn is_transient(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. }
            | Error::TimedOut { .. }
            | Error::Broken { .. }
            | Error::SignIn(SignInError::Unavailable { .. })
    )
}
