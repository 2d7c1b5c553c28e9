//! POST /mcp: a message or a batch.

use std::sync::Arc;

use bytes::Bytes;
use farport_core::{
    Message, RequestMeta, RpcError,
    envelope::{self, Body as Envelope},
    standard_headers,
};
use http::Response;

use crate::{Body, caller::Caller, endpoint::McpEndpoint, modern, refusal::Refusal, respond};

impl McpEndpoint {
    /// Handles the body of a POST request.
    pub(crate) async fn post(
        self: &Arc<Self>,
        caller: Caller,
        body: Bytes,
    ) -> Result<Response<Body>, Refusal> {
        let headers = &caller.parts.headers;
        match envelope::parse(&body)? {
            Envelope::Single(Message::Request(request)) => {
                let meta = RequestMeta::read(&request.method, request.params.as_ref())
                    .map_err(|error| Refusal::of(&request.id, error))?;
                if caller.traced {
                    let span = tracing::Span::current();
                    span.record("method", request.method.as_str());
                    span.record("tool", meta.subject.as_deref());
                    span.record("version", meta.protocol_version.as_deref());
                }
                if modern::is_modern(&request.method, &meta, headers) {
                    return self.modern.serve(request, meta, caller).await;
                }
                standard_headers::check_method(headers, &request.method)
                    .map_err(|error| Refusal::of(&request.id, error))?;
                self.session_request(request, meta, caller).await
            }
            Envelope::Single(Message::Notification(notification)) => {
                if modern::is_headed(headers) {
                    // This revision has no notifications to the server. Ignore it.
                    return Ok(respond::accepted(""));
                }
                let session = self.host.find(headers, &caller.principal).await?;
                self.host
                    .mark_ready(&session, &notification)
                    .await
                    .map_err(|error| Refusal::Message(error.into()))?;
                self.host.notify(&session, notification);
                Ok(respond::accepted(""))
            }
            Envelope::Single(Message::Response(response)) => {
                if modern::is_headed(headers) {
                    return Err(RpcError::invalid_request(
                        "A client must not send responses",
                    ))
                    .map_err(|error| Refusal::Message(error.into()));
                }
                let session = self.host.find(headers, &caller.principal).await?;
                if !session.exchange.resolve(response) {
                    tracing::debug!("a response matches no pending request");
                }
                Ok(respond::accepted(""))
            }
            Envelope::Batch(entries) => self.batch(entries, caller).await,
        }
    }
}
