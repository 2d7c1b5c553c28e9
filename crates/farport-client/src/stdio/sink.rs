//! Passes what the server sends to the dialect.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Bridge;
use super::carry::failure;
use crate::Error;
use crate::connection::calls::Request;
use crate::connection::hub::Sink;
use crate::connection::link::lock;
use crate::dialect::Message;
use crate::message::{Id, Peek};
use crate::spool::Filed;

impl Sink for Bridge {
    fn message<'a>(
        self: Arc<Self>,
        text: &'a str,
        peek: &'a Peek<'_>,
        from: Option<&'a Id>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let message = Message::copy(text, peek).on_stream(from.cloned());
            self.turn(|dialect, now| dialect.on_server(message, now))
                .await;
        })
    }

    fn response<'a>(
        self: Arc<Self>,
        id: &'a Id,
        text: &'a str,
        peek: &'a Peek<'_>,
        request: Request,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let visible = match peek.result {
                Some(result) if request.method == "tools/list" => {
                    let tools = self.way.tools();
                    tools.and_then(|tools| tools.visible(result, request.modern))
                }
                _ => None,
            };
            let message = match visible {
                Some(visible) => Message::result(id.clone(), &visible),
                None => Message::copy(text, peek),
            };
            self.turn(|dialect, now| dialect.on_server(message, now))
                .await;
        })
    }

    fn takes_files(&self) -> bool {
        !lock(&self.translator).dialect.translates()
    }

    fn file(self: Arc<Self>, message: Filed, answered: Option<Id>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let ticket = {
                let dialect = &mut lock(&self.translator).dialect;
                if answered.is_some_and(|id| !dialect.on_passed(&id)) {
                    return;
                }
                let ticket = self.output.push_file(message);
                if dialect.unanswered() == 0 {
                    self.idle.notify_waiters();
                }
                ticket
            };
            self.written(ticket).await;
        })
    }

    fn failure<'a>(self: Arc<Self>, id: &'a Id, error: &'a Error) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.turn(|dialect, now| dialect.on_server(failure(id.clone(), error), now))
                .await;
        })
    }

    fn report(&self, error: &Error) {
        self.show_error(error);
    }
}
