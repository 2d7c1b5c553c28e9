//! `input_required` results for clients of the session era, as requests.
//!
//! A handler for 2026-07-28 may end a call with questions and expect the call again with the answers.
//! An older client receives the questions as requests during the call, and this module repeats the
//! call of the handler.

use farport_core::{Request, RpcError};
use futures_util::future::try_join_all;
use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler,
    model::{
        CallToolResponse, ClientRequest, Extensions, GetPromptResponse, InputRequest,
        InputRequiredResult, InputResponses, ReadResourceResponse, RequestMetaObject,
        ServerRequest, ServerResult,
    },
    service::RequestContext,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    decode,
    instance::{RmcpInstance, error, rmcp_id},
};

/// The maximum number of rounds of one call.
const MOST_ROUNDS: usize = 10;

/// What the handler needs to be called again: its context without the request's own parts.
pub(crate) struct Rounds {
    peer: Peer<RoleServer>,
    cancel: CancellationToken,
    extensions: Extensions,
    rounds: usize,
}

/// The answers and the state for the next call of the handler.
type Answers = (Option<InputResponses>, Option<String>);

impl Rounds {
    /// Prepares for questions, if the client of the session era accepts any.
    pub(crate) fn prepare(rmcp: &RequestContext<RoleServer>) -> Option<Self> {
        let client = rmcp.peer.peer_info()?;
        let declared = &client.capabilities;
        let asks = declared.elicitation.is_some()
            || declared.sampling.is_some()
            || declared.roots.is_some();
        asks.then(|| Self {
            peer: rmcp.peer.clone(),
            cancel: rmcp.ct.clone(),
            extensions: rmcp.extensions.clone(),
            rounds: 0,
        })
    }

    /// Sends the questions to the client, and waits for all answers.
    async fn ask(&mut self, required: InputRequiredResult) -> Result<Answers, RpcError> {
        self.rounds += 1;
        if self.rounds > MOST_ROUNDS {
            return Err(RpcError::invalid_request(
                "The handler returned input_required too often",
            ));
        }
        let Some(requests) = required.input_requests else {
            return Ok((None, required.request_state));
        };
        let answers = requests
            .into_iter()
            .map(|(key, request)| self.answer(key, request));
        let answers = try_join_all(answers).await?;
        Ok((Some(answers.into_iter().collect()), required.request_state))
    }

    async fn answer(
        &self,
        key: String,
        request: InputRequest,
    ) -> Result<(String, Value), RpcError> {
        let client = self.peer.peer_info();
        let declared = client.as_ref().map(|client| &client.capabilities);
        let undeclared = |name: &str| {
            let message = format!("The client did not declare {name}, which the server asks for");
            Err(RpcError::invalid_request(message))
        };
        let request: ServerRequest = match request {
            InputRequest::Elicitation(request) => {
                if declared.is_none_or(|declared| declared.elicitation.is_none()) {
                    return undeclared("elicitation");
                }
                request.into()
            }
            InputRequest::CreateMessage(request) => {
                if declared.is_none_or(|declared| declared.sampling.is_none()) {
                    return undeclared("sampling");
                }
                request.into()
            }
            InputRequest::ListRoots(request) => {
                if declared.is_none_or(|declared| declared.roots.is_none()) {
                    return undeclared("roots");
                }
                request.into()
            }
            _ => return undeclared("this kind of question"),
        };
        let answer = self.peer.send_request(request).await.map_err(|failed| {
            RpcError::invalid_request(format!("The client did not answer: {failed}"))
        })?;
        let answer = serde_json::to_value(&answer).map_err(|_| RpcError::internal())?;
        Ok((key, answer))
    }

    fn context(&self, envelope: &Request, meta: RequestMetaObject) -> RequestContext<RoleServer> {
        let mut rmcp = RequestContext::new(rmcp_id(&envelope.id), self.peer.clone());
        rmcp.ct = self.cancel.clone();
        rmcp.extensions = self.extensions.clone();
        rmcp.meta = meta;
        rmcp
    }
}

impl<H: ServerHandler> RmcpInstance<H> {
    /// Asks the client, and calls the tool again until it returns a result.
    pub(crate) async fn more_rounds(
        &self,
        envelope: &Request,
        mut rounds: Rounds,
        mut required: InputRequiredResult,
    ) -> Result<Result<CallToolResponse, ErrorData>, RpcError> {
        loop {
            let (responses, state) = rounds.ask(required).await?;
            let (mut params, meta) = decode::tool_call(envelope)?;
            (params.input_responses, params.request_state) = (responses, state);
            let context = rounds.context(envelope, meta);
            match self.handler().call_tool(params, context).await {
                Ok(CallToolResponse::InputRequired(again)) => required = again,
                served => return Ok(served),
            }
        }
    }

    /// Serves `prompts/get` or `resources/read` of a session, and asks the client in between.
    pub(crate) async fn in_rounds(
        &self,
        envelope: &Request,
        mut request: ClientRequest,
        mut rmcp: RequestContext<RoleServer>,
        mut rounds: Rounds,
    ) -> Result<ServerResult, RpcError> {
        loop {
            let result = match request {
                ClientRequest::GetPromptRequest(get) => {
                    match self
                        .handler()
                        .get_prompt(get.params, rmcp)
                        .await
                        .map_err(error)?
                    {
                        GetPromptResponse::InputRequired(required) => Err(required),
                        response => Ok(ServerResult::from(response)),
                    }
                }
                ClientRequest::ReadResourceRequest(read) => {
                    match self
                        .handler()
                        .read_resource(read.params, rmcp)
                        .await
                        .map_err(error)?
                    {
                        ReadResourceResponse::InputRequired(required) => Err(required),
                        response => Ok(ServerResult::from(response)),
                    }
                }
                _ => return Err(RpcError::internal()),
            };
            let required = match result {
                Ok(mut result) => {
                    result.strip_result_type_for_legacy_peer();
                    return Ok(result);
                }
                Err(required) => required,
            };
            let (responses, state) = rounds.ask(required).await?;
            let (mut again, meta) = decode::request(envelope)?;
            match &mut again {
                ClientRequest::GetPromptRequest(get) => {
                    (get.params.input_responses, get.params.request_state) = (responses, state);
                }
                ClientRequest::ReadResourceRequest(read) => {
                    (read.params.input_responses, read.params.request_state) = (responses, state);
                }
                _ => return Err(RpcError::internal()),
            }
            request = again;
            rmcp = rounds.context(envelope, meta);
        }
    }
}
