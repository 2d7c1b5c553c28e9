//! Taking what somebody may not use out of what they are told.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Kind, Policy};
use crate::{Method, Principal, RawJson};

/// What a method lists: under which member, what kind of thing, named by which of its members.
pub(super) fn listing(method: &Method) -> Option<(&'static str, Kind, &'static str)> {
    Some(match method {
        Method::ToolsList => ("tools", Kind::Tool, "name"),
        Method::PromptsList => ("prompts", Kind::Prompt, "name"),
        Method::ResourcesList | Method::ResourcesDirectoryRead => {
            ("resources", Kind::Resource, "uri")
        }
        Method::ResourceTemplatesList => ("resourceTemplates", Kind::Resource, "uriTemplate"),
        _ => return None,
    })
}

/// A response without the entries that `principal` may not use. One that does not parse is
/// answered with nothing: better no list than one of what is not to be seen.
pub(super) fn filtered(
    policy: &Policy,
    principal: &Principal,
    (member, kind, named): (&str, Kind, &str),
    frame: &Bytes,
) -> Option<Bytes> {
    let mut message: Map<String, Value> = serde_json::from_slice(frame).ok()?;
    let result = message.get_mut("result")?;
    let Some(entries) = result.get_mut(member) else {
        return Some(frame.clone());
    };
    let entries = entries.as_array_mut()?;
    let before = entries.len();
    entries.retain(|entry| {
        let name = entry.get(named).and_then(Value::as_str);
        name.is_some_and(|name| policy.lists(principal, kind, name))
    });
    if entries.len() == before {
        return Some(frame.clone());
    }
    serde_json::to_vec(&message).ok().map(Bytes::from)
}

/// A member of the parameters that is text.
pub(super) fn text(params: Option<&RawJson>, member: &str) -> Option<String> {
    let params: Map<String, Value> = params?.parse().ok()?;
    params.get(member)?.as_str().map(str::to_owned)
}

/// What `completion/complete` is about; `None` when that cannot be told. It is read member by
/// member: a derived reader takes arrays too, and another number of elements than the handler's.
pub(super) fn reference(params: Option<&RawJson>) -> Option<(Kind, String)> {
    let params: Map<String, Value> = params?.parse().ok()?;
    let about = params.get("ref")?.as_object()?;
    let (kind, named) = match about.get("type")?.as_str()? {
        "ref/prompt" => (Kind::Prompt, "name"),
        "ref/resource" => (Kind::Resource, "uri"),
        _ => return None,
    };
    Some((kind, about.get(named)?.as_str()?.to_owned()))
}

/// The resources that `subscriptions/listen` asks for; `None` when that cannot be told.
pub(super) fn subscribed(params: Option<&RawJson>) -> Option<Vec<String>> {
    let params: Map<String, Value> = params?.parse().ok()?;
    let wanted = params.get("notifications")?.as_object()?;
    match wanted.get("resourceSubscriptions") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(uris) => {
            let uris = uris.as_array()?.iter();
            uris.map(|uri| uri.as_str().map(str::to_owned)).collect()
        }
    }
}

/// A URI with its scheme and host in lower case, without percent-encoding, doubled slashes and dot
/// segments: what a handler might make of it.
pub(super) fn plain_uri(uri: &str) -> String {
    let decoded = percent_decode_str(uri).decode_utf8_lossy();
    let (scheme, rest) = decoded.split_once("://").unwrap_or(("", &decoded));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut segments: Vec<&str> = Vec::new();
    let last = path.split('/').count().saturating_sub(1);
    for (index, segment) in path.split('/').enumerate() {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            "" if index < last => {}
            segment => segments.push(segment),
        }
    }
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    format!("{scheme}://{host}/{}", segments.join("/"))
}
