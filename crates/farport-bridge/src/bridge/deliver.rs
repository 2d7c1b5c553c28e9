//! What the server sends, on its way to the client.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Bridge, lock};
use crate::Error;
use crate::message::{self, Id, Kind, Peek};
use crate::spool::{Body, Filed};

impl Bridge {
    /// Takes what a server has sent, wherever it was kept until it was whole.
    pub(crate) async fn deliver_body(
        self: &Arc<Self>,
        body: Body,
        from: Option<&Id>,
    ) -> Result<(), Error> {
        match body {
            Body::Held(text) => self.deliver(&text, from).await,
            Body::Filed(filed) => self.deliver_filed(filed, from).await,
        }
    }

    /// The text of a message that has to be in memory.
    pub(crate) fn text_of(&self, body: Body) -> Result<String, Error> {
        let text = body.into_text();
        text.map_err(|fault| Error::of_message(self.remote.shown(), fault))
    }

    /// Takes a message that is in a file. What only passes through never gets into memory.
    async fn deliver_filed(
        self: &Arc<Self>,
        mut filed: Filed,
        from: Option<&Id>,
    ) -> Result<(), Error> {
        // Reading all of it takes a while, in which other messages go on.
        let looked = tokio::task::spawn_blocking(move || (filed.kind(), filed));
        let (kind, filed) = looked.await.map_err(|_| Error::Stopped)?;
        let kind = kind.map_err(|fault| Error::of_message(self.remote.shown(), fault))?;
        let passes = match &kind {
            Some(Kind::Response(Some(id))) => self.passes_through(id),
            Some(Kind::Request(_) | Kind::Notification) => !self.down.is_active(),
            Some(Kind::Response(None)) | None => false,
        };
        if !passes {
            // It is ours, or has to be changed, or is a batch, or no message at all.
            let text = self.text_of(Body::Filed(filed))?;
            return self.deliver(&text, from).await;
        }
        if let Some(Kind::Response(Some(id))) = &kind
            && lock(&self.pending).remove(id).is_none()
        {
            tracing::debug!(id = id.json(), "a response to nothing that was asked");
            return Ok(());
        }
        if let Err(error) = self.output.write_file(filed).await {
            tracing::debug!(%error, "the client cannot be written to");
            self.stop.cancel();
        }
        Ok(())
    }

    /// Whether a response goes to the client as it is.
    fn passes_through(&self, id: &Id) -> bool {
        if lock(&self.ours).contains_key(id) {
            return false;
        }
        let pending = lock(&self.pending);
        pending
            .get(id)
            .is_none_or(|pending| pending.method != "tools/list")
    }

    /// Takes what a server has sent: a message, or a batch of them. `from` is the request on whose
    /// stream it came.
    pub(crate) fn deliver<'a>(
        self: &'a Arc<Self>,
        text: &'a str,
        from: Option<&'a Id>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        // Boxed, because what it delivers may lead to more requests.
        Box::pin(async move {
            let not_json = || Error::NotMcp {
                url: self.remote.shown(),
                why: "it sent something that is not JSON-RPC".to_owned(),
            };
            for message in message::split(text).ok_or_else(not_json)? {
                let peek = Peek::at(message).ok_or_else(not_json)?;
                match &peek.kind {
                    Kind::Response(Some(id)) => self.deliver_response(id, message, &peek).await,
                    Kind::Response(None) => {
                        let said = peek.error.map(message::error_text).unwrap_or_default();
                        tracing::debug!(%said, "the server could not read something");
                    }
                    Kind::Request(_) | Kind::Notification if self.down.is_active() => {
                        self.down_incoming(message, &peek, from).await;
                    }
                    Kind::Request(_) | Kind::Notification => self.write(message).await,
                }
            }
            Ok(())
        })
    }

    async fn deliver_response(&self, id: &Id, text: &str, peek: &Peek<'_>) {
        if let Some(waiting) = lock(&self.ours).remove(id) {
            // Whoever asked may have stopped waiting.
            let _ = waiting.send(text.to_owned());
            return;
        }
        let Some(pending) = lock(&self.pending).remove(id) else {
            tracing::debug!(id = id.json(), "a response to nothing that was asked");
            return;
        };
        let visible = match peek.result {
            Some(result) if pending.method == "tools/list" => self
                .tools
                .visible(result.get(), pending.modern || self.up.is_active()),
            _ => None,
        };
        match visible {
            Some(visible) => self.write(&message::result(id, &visible)).await,
            None => self.write(text).await,
        }
    }
}
