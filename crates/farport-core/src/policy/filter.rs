//! Removes entries that the caller may not use from lists.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Kind, Policy};
use crate::{Method, Principal, RawJson};

/// Returns the list in a method's result: the member that contains it, the kind of its entries, and the
/// member with an entry's name.
pub(super) fn listing(method: &Method) -> Option<(&'static str, Kind, &'static str)> {
    Some(match method {
        Method::ToolsList => ("tools", Kind::Tool, "name"),
        Method::PromptsList => ("prompts", Kind::Prompt, "name"),
        Method::ResourcesList | Method::ResourcesDirectoryRead => {
            ("resources", Kind::Resource, "uri")
        }
        Method::ResourceTemplatesList => ("resourceTemplates", Kind::Resource, "uriTemplate"),
        Method::SkillsList => ("skills", Kind::Resource, "uri"),
        Method::SkillsGet => ("skill", Kind::Resource, "uri"),
        Method::Initialize
        | Method::Ping
        | Method::Discover
        | Method::ToolsCall
        | Method::ResourcesRead
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe
        | Method::PromptsGet
        | Method::Complete
        | Method::SetLevel
        | Method::SubscriptionsListen
        | Method::TasksGet
        | Method::TasksUpdate
        | Method::TasksCancel
        | Method::TasksResult
        | Method::TasksList
        | Method::Initialized
        | Method::Cancelled
        | Method::Progress
        | Method::RootsListChanged
        | Method::Other(_) => return None,
    })
}

/// Removes the entries that `principal` may not use from a response. Returns `None` if the response does
/// not parse, so that the caller never receives an unfiltered list.
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
    let mut removed = false;
    let mut retain = |entries: &mut Vec<Value>| {
        let before = entries.len();
        entries.retain(|entry| {
            let name = entry.get(named).and_then(Value::as_str);
            name.is_some_and(|name| policy.lists(principal, kind, name))
        });
        removed |= entries.len() != before;
    };
    match entries {
        Value::Array(entries) => {
            retain(entries);
            // A skill's files are resources too.
            entries.iter_mut().for_each(|entry| {
                if let Some(Value::Array(files)) = entry.get_mut("resources") {
                    retain(files);
                }
            });
        }
        // One skill.
        Value::Object(entry) => {
            if let Some(Value::Array(files)) = entry.get_mut("resources") {
                retain(files);
            }
        }
        _ => return None,
    }
    if !removed {
        return Some(frame.clone());
    }
    serde_json::to_vec(&message).ok().map(Bytes::from)
}

/// Returns a string member of the parameters.
pub(super) fn text(params: Option<&RawJson>, member: &str) -> Option<String> {
    let params: Map<String, Value> = params?.parse().ok()?;
    params.get(member)?.as_str().map(str::to_owned)
}

/// Returns the subject of `completion/complete`, or `None` if the parameters are malformed. This reads
/// member by member, because a derived reader would also accept arrays, of other lengths than the
/// handler does.
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

/// Returns the resources of `subscriptions/listen`, or `None` if the parameters are malformed.
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

/// Normalizes a URI as a handler might: scheme and host in lower case, without percent-encoding, doubled
/// slashes and dot segments.
pub fn plain_uri(uri: &str) -> String {
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
