//! The name of the calling client.

use serde::Deserialize;

use crate::message::Peek;

#[derive(Default, Deserialize)]
struct Params {
    #[serde(rename = "clientInfo")]
    info: Option<Info>,
    #[serde(rename = "_meta")]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "io.modelcontextprotocol/clientInfo")]
    info: Option<Info>,
}

#[derive(Deserialize)]
struct Info {
    name: String,
}

/// What the client that sent `request` calls itself: in `initialize`, or in the `_meta` of the newest
/// revision's requests.
pub(super) fn name(request: &Peek<'_>) -> Option<String> {
    let params: Params = request.params();
    let info = params.info.or_else(|| params.meta?.info)?;
    Some(bounded(&info.name))
}

/// The start of a name. The registration cuts it shorter; this bounds what is kept until then.
pub(super) fn bounded(name: &str) -> String {
    name.chars().take(200).collect()
}
