//! Decodes an envelope into rmcp's types, chosen by method instead of by trial.

#![expect(deprecated, reason = "older revisions still have these methods")]

use farport_core::{Method, Notification, RawJson, Request, RpcError};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelTaskRequest, CancelledNotification,
    ClientNotification, ClientRequest, CompleteRequest, CustomNotification, CustomRequest,
    DiscoverRequest, GetPromptRequest, GetSkillRequest, GetTaskRequest, InitializeRequest,
    ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListSkillsRequest,
    ListToolsRequest, ProgressNotification, ReadResourceDirectoryRequest, ReadResourceRequest,
    RequestMetaObject, RequestParamsMeta, SetLevelRequest, SubscribeRequest,
    SubscriptionsListenRequest, UnsubscribeRequest, UpdateTaskRequest,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// A request as rmcp's type, and its `_meta`.
type Decoded = (ClientRequest, RequestMetaObject);

/// Decodes a request by its method. A method that no revision defines becomes a custom request,
/// which a handler may serve.
///
/// # Errors
/// -32602 if the parameters do not fit the method; -32601 for a notification's method.
pub(crate) fn request(request: &Request) -> Result<Decoded, RpcError> {
    let params = request.params.as_ref();
    Ok(match &request.method {
        Method::Initialize => with(params, InitializeRequest::new)?,
        Method::Ping => (
            ClientRequest::PingRequest(Default::default()),
            meta_of(params)?,
        ),
        Method::Discover => (
            DiscoverRequest::new(Default::default()).into(),
            meta_of(params)?,
        ),
        Method::ToolsCall => with(params, CallToolRequest::new)?,
        Method::ToolsList => maybe(params, ListToolsRequest::with_param, Default::default)?,
        Method::ResourcesList => maybe(params, ListResourcesRequest::with_param, Default::default)?,
        Method::ResourceTemplatesList => maybe(
            params,
            ListResourceTemplatesRequest::with_param,
            Default::default,
        )?,
        Method::ResourcesRead => with(params, ReadResourceRequest::new)?,
        Method::ResourcesSubscribe => with(params, SubscribeRequest::new)?,
        Method::ResourcesUnsubscribe => with(params, UnsubscribeRequest::new)?,
        Method::ResourcesDirectoryRead => with(params, ReadResourceDirectoryRequest::new)?,
        Method::PromptsList => maybe(params, ListPromptsRequest::with_param, Default::default)?,
        Method::PromptsGet => with(params, GetPromptRequest::new)?,
        Method::Complete => with(params, CompleteRequest::new)?,
        Method::SetLevel => with(params, SetLevelRequest::new)?,
        Method::SubscriptionsListen => with(params, SubscriptionsListenRequest::new)?,
        Method::TasksGet => with(params, GetTaskRequest::new)?,
        Method::TasksUpdate => with(params, UpdateTaskRequest::new)?,
        Method::TasksCancel => with(params, CancelTaskRequest::new)?,
        Method::SkillsList => maybe(params, ListSkillsRequest::with_param, Default::default)?,
        Method::SkillsGet => with(params, GetSkillRequest::new)?,
        // rmcp has no types for the last two, which only 2025-11-25 has.
        custom @ (Method::Other(_) | Method::TasksResult | Method::TasksList) => {
            let value = params.map(read::<Value>).transpose()?;
            let custom = CustomRequest::new(custom.as_str(), value);
            (ClientRequest::CustomRequest(custom), meta_of(params)?)
        }
        notification @ (Method::Initialized
        | Method::Cancelled
        | Method::Progress
        | Method::RootsListChanged) => {
            return Err(RpcError::method_not_found(notification.as_str()));
        }
    })
}

/// Decodes a tool call directly, without rmcp's union of requests.
///
/// # Errors
/// -32602 if the parameters are not those of a tool call.
pub(crate) fn tool_call(
    request: &Request,
) -> Result<(CallToolRequestParams, RequestMetaObject), RpcError> {
    let mut params: CallToolRequestParams = required(request.params.as_ref())?;
    let meta = params.meta.take().unwrap_or_default();
    Ok((params, meta))
}

/// Decodes a notification by its method.
///
/// # Errors
/// -32602 if the parameters do not fit the method.
pub(crate) fn notification(notification: &Notification) -> Result<ClientNotification, RpcError> {
    let params = notification.params.as_ref();
    Ok(match &notification.method {
        Method::Initialized => ClientNotification::InitializedNotification(Default::default()),
        Method::RootsListChanged => {
            ClientNotification::RootsListChangedNotification(Default::default())
        }
        Method::Cancelled => CancelledNotification::new(required(params)?).into(),
        Method::Progress => ProgressNotification::new(required(params)?).into(),
        other => {
            let value = params.map(read::<Value>).transpose()?;
            CustomNotification::new(other.as_str(), value).into()
        }
    })
}

fn read<T: DeserializeOwned>(raw: &RawJson) -> Result<T, RpcError> {
    raw.parse()
        .map_err(|error| RpcError::invalid_params(format!("Invalid params: {error}")))
}

fn required<T: DeserializeOwned>(params: Option<&RawJson>) -> Result<T, RpcError> {
    match params {
        Some(raw) => read(raw),
        // A method whose parameters are all optional also accepts absent parameters.
        None => serde_json::from_str("{}")
            .map_err(|_| RpcError::invalid_params("Invalid params: params are missing")),
    }
}

fn with<P, R>(params: Option<&RawJson>, make: fn(P) -> R) -> Result<Decoded, RpcError>
where
    P: DeserializeOwned + RequestParamsMeta,
    R: Into<ClientRequest>,
{
    let mut params: P = required(params)?;
    let meta = params.meta_mut().take().unwrap_or_default();
    Ok((make(params).into(), meta))
}

fn maybe<P, R>(
    params: Option<&RawJson>,
    make: fn(P) -> R,
    without: fn() -> R,
) -> Result<Decoded, RpcError>
where
    P: DeserializeOwned + RequestParamsMeta,
    R: Into<ClientRequest>,
{
    match params {
        Some(_) => with(params, make),
        None => Ok((without().into(), RequestMetaObject::default())),
    }
}

fn meta_of(params: Option<&RawJson>) -> Result<RequestMetaObject, RpcError> {
    #[derive(Deserialize)]
    struct Params {
        #[serde(rename = "_meta", default)]
        meta: Option<RequestMetaObject>,
    }
    let params: Option<Params> = params.map(read).transpose()?;
    Ok(params.and_then(|params| params.meta).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use farport_core::RequestId;
    use rmcp::model::GetMeta;

    use super::*;

    /// Each method becomes the variant that rmcp's own parser would choose.
    #[test]
    fn every_method_decodes_to_its_own_request() {
        for (method, params) in [
            (
                "initialize",
                r#"{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}"#,
            ),
            ("ping", "{}"),
            ("server/discover", "{}"),
            ("tools/call", r#"{"name":"t","arguments":{"a":1}}"#),
            ("tools/list", r#"{"cursor":""}"#),
            ("resources/list", "{}"),
            ("resources/templates/list", "{}"),
            ("resources/read", r#"{"uri":"a:b"}"#),
            ("resources/subscribe", r#"{"uri":"a:b"}"#),
            ("resources/unsubscribe", r#"{"uri":"a:b"}"#),
            ("resources/directory/read", r#"{"uri":"a:b"}"#),
            ("prompts/list", "{}"),
            ("prompts/get", r#"{"name":"p"}"#),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"b"}}"#,
            ),
            ("logging/setLevel", r#"{"level":"info"}"#),
            ("subscriptions/listen", r#"{"notifications":{}}"#),
            ("tasks/get", r#"{"taskId":"1"}"#),
            ("tasks/update", r#"{"taskId":"1","inputResponses":{}}"#),
            ("tasks/cancel", r#"{"taskId":"1"}"#),
            ("skills/list", "{}"),
            ("skills/get", r#"{"uri":"skill://a/SKILL.md"}"#),
            ("company/own", r#"{"x":[1]}"#),
        ] {
            let envelope = Request {
                id: RequestId::Integer(1),
                method: Method::parse(method),
                params: Some(RawJson::from(params.to_owned())),
            };
            let (decoded, _) =
                request(&envelope).unwrap_or_else(|error| panic!("{method}: {error}"));
            assert_eq!(decoded.method(), method);
            let is_custom = matches!(decoded, ClientRequest::CustomRequest(_));
            assert_eq!(is_custom, method == "company/own", "{method}");
        }
    }

    #[test]
    fn the_meta_moves_from_the_params_to_the_context() {
        let envelope = Request {
            id: RequestId::Integer(1),
            method: Method::ToolsCall,
            params: Some(RawJson::from(
                r#"{"name":"t","_meta":{"progressToken":"p"}}"#.to_owned(),
            )),
        };
        let (decoded, meta) = request(&envelope).unwrap();
        assert!(meta.get_progress_token().is_some());
        assert!(decoded.get_meta().get_progress_token().is_none());
    }

    #[test]
    fn mismatched_params_are_invalid_params() {
        for (method, params) in [
            ("tools/call", None),
            ("tools/call", Some(r#"{"name":1}"#)),
            ("tools/list", Some(r#"{"cursor":5}"#)),
            ("resources/read", Some("{}")),
        ] {
            let params = params.map(|text: &str| RawJson::from(text.to_owned()));
            let envelope = Request {
                id: RequestId::Integer(1),
                method: Method::parse(method),
                params,
            };
            assert_eq!(request(&envelope).unwrap_err().code.0, -32602, "{method}");
        }
    }
}
