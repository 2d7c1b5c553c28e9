//! Carries out what the dialect returns: messages to the server, each in its era, and to the client.

use std::collections::VecDeque;
use std::sync::Arc;

use http::StatusCode;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use super::order::Before;
use super::way::{Http, Way};
use super::{Bridge, Translator, UNREACHABLE};
use crate::Error;
use crate::connection::calls::Request;
use crate::connection::link::lock;
use crate::connection::modern::{Outcome, version_and_token};
use crate::connection::session::{Handshake, is_transient};
use crate::dialect::{Action, Dialect, Kind, Message};
use crate::message::{Id, Peek};
use crate::user::User;

impl Bridge {
    /// Passes something to the dialect, carries out what it returns, and waits until the client's part
    /// of that is written.
    pub(super) async fn turn(
        self: &Arc<Self>,
        step: impl FnOnce(&mut Dialect, std::time::Instant) -> Vec<Action>,
    ) {
        if let Some(ticket) = self.carry_out(step) {
            self.written(ticket).await;
        }
    }

    /// Does what must not be interrupted by the end of the task. Returns the last message for the
    /// client.
    fn carry_out(
        self: &Arc<Self>,
        step: impl FnOnce(&mut Dialect, std::time::Instant) -> Vec<Action>,
    ) -> Option<u64> {
        let now = Instant::now().into_std();
        let mut ticket = None;
        let mut reports = Vec::new();
        let mut translator = lock(&self.translator);
        let Translator { dialect, timer } = &mut *translator;
        let mut actions = VecDeque::from(step(dialect, now));
        while let Some(action) = actions.pop_front() {
            match action {
                Action::ToCaller(message) => {
                    reports.extend(message.report().map(str::to_owned));
                    ticket = Some(self.output.push(message.into_text()));
                }
                Action::ToServer(message) => {
                    if let Some(failed) = self.send(message, dialect.translates()) {
                        actions.extend(dialect.on_server(failed, now));
                    }
                }
            }
        }
        let next = dialect.next_timeout().map(Instant::from_std);
        if *timer != next {
            *timer = next;
            self.rescheduled.notify_waiters();
        }
        if dialect.unanswered() == 0 {
            self.idle.notify_waiters();
        }
        drop(translator);
        for report in reports {
            self.show(&report);
        }
        ticket
    }

    /// Sends a message to the server, in a task. Returns the failure of a request that is one too many.
    fn send(self: &Arc<Self>, message: Message, translates: bool) -> Option<Message> {
        match message.kind().clone() {
            Kind::Request(id) => return self.send_request(id, message, translates),
            Kind::Response(_) => self.post(message, None),
            Kind::Notification => match message.method() {
                "notifications/cancelled" => {
                    let id = message.cancelled_id();
                    let cancelled = id.and_then(|id| self.way.hub().calls.cancel(&id));
                    // Over HTTP, disconnecting cancels a request of the modern era.
                    let tells = |request: &Request| !request.modern || self.way.is_process();
                    if cancelled.as_ref().is_some_and(tells) {
                        self.post(message, Some(self.order.after()));
                    }
                }
                "notifications/initialized" if !self.way.is_process() => self.initialized(message),
                _ => self.post(message, Some(self.order.after())),
            },
        }
        None
    }

    fn send_request(
        self: &Arc<Self>,
        id: Id,
        message: Message,
        translates: bool,
    ) -> Option<Message> {
        let (version, token) = version_and_token(&message.peek());
        let modern = version.is_some();
        let request = Request {
            method: message.method().to_owned(),
            modern,
            token,
        };
        let Ok(awaited) = self.way.hub().calls.register(id.clone(), request) else {
            let why = "Too many requests are being answered already";
            return Some(Message::error(Some(id), UNREACHABLE, why));
        };
        // The level of a session applies to the calls that follow. A process reads lines in their order.
        let is_level = translates && message.method() == "logging/setLevel";
        let (before, accepts) = if is_level || self.way.is_process() {
            let (before, accepts) = self.order.relied_on();
            (before, Some(accepts))
        } else {
            (self.order.after(), None)
        };
        let bridge = Arc::clone(self);
        tokio::spawn(async move {
            let id = awaited.id();
            let work = bridge.exchange(id, &message, modern, &before, accepts);
            tokio::select! {
                result = work => if let Err(error) = result {
                    bridge.failed(id, &error).await;
                },
                () = awaited.cancelled() => {}
                () = bridge.stop.cancelled() => {}
            }
        });
        None
    }

    /// Sends a request, and receives its response. Messages that rely on it wait until `accepts` is
    /// dropped.
    async fn exchange(
        self: &Arc<Self>,
        id: &Id,
        message: &Message,
        modern: bool,
        before: &Before,
        accepts: Option<DropGuard>,
    ) -> Result<(), Error> {
        let (text, peek) = (message.text(), message.peek());
        let http = match &self.way {
            Way::Http(http) => http,
            Way::Process(child) => {
                before.accepted().await;
                child.send(text.to_owned()).await?;
                drop(accepts);
                return child.answered(id).await;
            }
        };
        if modern {
            return self.exchange_modern(http, id, message, &peek).await;
        }
        if peek.method == "initialize" {
            return match http.session.open(id, text, peek.params).await? {
                Handshake::Answered(answer) => http.link.deliver(&answer, None).await,
                Handshake::Refused { response, said } => {
                    http.link.refusal(Some(id), &response, &said).await
                }
            };
        }
        before.accepted().await;
        http.session.request(Some(id), text).await?;
        http.session.remember(&peek.method, peek.params);
        Ok(())
    }

    /// Sends a request of the modern era. The status may show that the server does not know it.
    async fn exchange_modern(
        self: &Arc<Self>,
        http: &Http,
        id: &Id,
        message: &Message,
        peek: &Peek<'_>,
    ) -> Result<(), Error> {
        let text = message.text();
        let outcome = match &*peek.method {
            "subscriptions/listen" => http.modern.listen(id, text, peek).await?,
            "server/discover" => http.modern.discover(id, text, peek).await?,
            _ => http.modern.request(id, text, peek).await?,
        };
        let answer = match outcome {
            Outcome::Delivered => return Ok(()),
            Outcome::Failed(answer) => Message::parse(answer),
            Outcome::Refused { response, said } => {
                let status = response.status();
                if !status.is_client_error() || is_transient(status) {
                    return http.link.refusal(Some(id), &response, &said).await;
                }
                let error = Peek::at(&said).and_then(|peek| peek.error);
                Some(match error {
                    Some(error) => Message::failure(id.clone(), error),
                    None => failure_for_good(id.clone(), &response.status_error(&said)),
                })
            }
        };
        if let Some(answer) = answer
            && self.way.hub().calls.take(id)
        {
            self.turn(|dialect, now| dialect.on_refused(message, answer, now))
                .await;
        }
        Ok(())
    }

    /// Takes the failure of a request.
    async fn failed(self: &Arc<Self>, id: &Id, error: &Error) {
        if !self.way.hub().calls.take(id) {
            // The request has its response.
            return self.show_error(error);
        }
        tracing::debug!(id = id.json(), %error, "a request failed");
        self.turn(|dialect, now| dialect.on_server(failure(id.clone(), error), now))
            .await;
    }

    /// Sends a message that has no response.
    fn post(self: &Arc<Self>, message: Message, before: Option<Before>) {
        let (before, accepts) = if self.way.is_process() {
            let (before, accepts) = self.order.relied_on();
            (Some(before), Some(accepts))
        } else {
            (before, None)
        };
        let bridge = Arc::clone(self);
        tokio::spawn(async move {
            let _accepts = accepts;
            let work = async {
                if let Some(before) = &before {
                    before.accepted().await;
                }
                match &bridge.way {
                    Way::Http(http) => http.session.request(None, message.text()).await,
                    Way::Process(child) => child.send(message.text().to_owned()).await,
                }
            };
            tokio::select! {
                result = work => if let Err(error) = result {
                    bridge.show_error(&error);
                },
                () = bridge.stop.cancelled() => {}
            }
        });
    }

    /// Sends `notifications/initialized`. Later messages rely on the server having received it.
    fn initialized(self: &Arc<Self>, message: Message) {
        let (before, accepts) = self.order.relied_on();
        let bridge = Arc::clone(self);
        tokio::spawn(async move {
            before.accepted().await;
            if let Way::Http(http) = &bridge.way {
                http.session.initialized(message.text()).await;
            }
            drop(accepts);
        });
    }
}

/// The response that the dialect receives in place of one of the server's.
pub(super) fn failure(id: Id, error: &Error) -> Message {
    let later = match error {
        Error::Stopped => return Message::error(Some(id), UNREACHABLE, &error.with_hint()),
        Error::Broken { .. } | Error::Unreachable { .. } | Error::TimedOut { .. } => true,
        Error::Status { status, .. } => StatusCode::from_u16(*status).is_ok_and(is_transient),
        _ => false,
    };
    if !later {
        return failure_for_good(id, error);
    }
    Message::failed(id, &error.with_hint()).with_report(&User::lines(error))
}

/// The same, for a request that would fail again.
fn failure_for_good(id: Id, error: &Error) -> Message {
    Message::failed_for_good(id, &error.with_hint()).with_report(&User::lines(error))
}
