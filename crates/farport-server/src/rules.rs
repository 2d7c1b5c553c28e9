//! Checks that each rule of a server matches something.
//!
//! A rule that matches nothing protects nothing: every signed-in user may call the tool that the author
//! meant. So the server does not start.

use std::sync::Arc;

use farport_core::{
    Call, CallContext, Dispatch, Instance, InstanceContext, Method, Principal, ProtocolVersion,
    RawJson, Request, RequestId, Sink,
    policy::{Kind, plain_uri},
};
use serde_json::{Map, Value};

use crate::error::{Error, Problem};

/// The kind and the pattern of a rule.
pub(crate) type Named = (Kind, String);

/// The timeout for the handler to list its tools, prompts and resources.
pub const LISTING_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// The maximum number of pages to read of a list.
const MOST_PAGES: usize = 1000;

/// The entries of one kind that a server lists.
#[derive(Debug, Default)]
struct Listed {
    names: Vec<String>,
    /// The fixed prefixes of resource templates.
    beginnings: Vec<String>,
}

/// Finds the first rule that matches nothing.
///
/// # Errors
/// [`ErrorKind::Rules`](crate::ErrorKind::Rules), with the most similar name.
pub(crate) async fn check(dispatch: Arc<dyn Dispatch>, rules: Vec<Named>) -> Result<(), Error> {
    let Ok(instance) = dispatch.open(&InstanceContext::default()) else {
        tracing::warn!("cannot check the rules: the server created no handler");
        return Ok(());
    };
    for kind in [Kind::Tool, Kind::Prompt, Kind::Resource] {
        let mut of_kind = rules.iter().filter(|(of, _)| *of == kind).peekable();
        if of_kind.peek().is_none() {
            continue;
        }
        let Some(listed) = listed(&instance, kind).await else {
            tracing::warn!(
                ?kind,
                "cannot check the rules of this kind: the server does not list its entries"
            );
            continue;
        };
        for (_, pattern) in of_kind {
            if !listed.fits(kind, pattern) {
                return Err(Problem::RuleMatchesNothing {
                    kind: name_of(kind),
                    pattern: pattern.clone(),
                    suggestion: listed.nearest(pattern),
                }
                .into());
            }
        }
    }
    Ok(())
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Tool => "tool",
        Kind::Prompt => "prompt",
        Kind::Resource => "resource",
        _ => "method",
    }
}

/// Returns all entries of one kind; `None` if the server does not list them.
async fn listed(instance: &Arc<dyn Instance>, kind: Kind) -> Option<Listed> {
    let mut listed = Listed::default();
    let lists: &[(Method, &str, &str)] = match kind {
        Kind::Tool => &[(Method::ToolsList, "tools", "name")],
        Kind::Prompt => &[(Method::PromptsList, "prompts", "name")],
        _ => &[
            (Method::ResourcesList, "resources", "uri"),
            (
                Method::ResourceTemplatesList,
                "resourceTemplates",
                "uriTemplate",
            ),
            (Method::SkillsList, "skills", "uri"),
        ],
    };
    let mut answered = false;
    for (method, member, named) in lists {
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let Some(mut page) = page(instance, method, cursor.take()).await else {
                break;
            };
            answered = true;
            let entries = page.remove(*member).unwrap_or_default();
            let entries = entries.as_array().into_iter().flatten();
            let names = entries.filter_map(|entry| entry.get(named)?.as_str());
            for name in names {
                if *method == Method::ResourceTemplatesList {
                    let fixed = name.split('{').next().unwrap_or_default();
                    listed.beginnings.push(fixed.to_owned());
                    listed.names.push(name.to_owned());
                } else {
                    listed.names.push(name.to_owned())
                }
            }
            cursor = page.remove("nextCursor").filter(Value::is_string);
            if cursor.is_none() {
                break;
            }
        }
    }
    answered.then_some(listed)
}

async fn page(
    instance: &Arc<dyn Instance>,
    method: &Method,
    cursor: Option<Value>,
) -> Option<Map<String, Value>> {
    let params = cursor.map(|cursor| serde_json::json!({ "cursor": cursor }));
    let params = params.map(|params| RawJson::from(params.to_string()));
    let call = Call {
        request: Request {
            id: RequestId::Integer(0),
            method: method.clone(),
            params,
        },
        context: CallContext {
            version: ProtocolVersion::NEWEST_SESSION,
            principal: Principal::Anonymous,
            session: None,
            cancel: None,
            sink: Sink::Silent,
            parts: None,
            control: None,
        },
    };
    let frame = instance.clone().call(call).await.ok()?;
    let mut message: Map<String, Value> = serde_json::from_slice(&frame).ok()?;
    match message.remove("result")? {
        Value::Object(result) => Some(result),
        _ => None,
    }
}

impl Listed {
    /// Whether a pattern matches an entry, or a resource of a listed template or folder.
    fn fits(&self, kind: Kind, pattern: &str) -> bool {
        let (beginning, open) = match pattern.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (pattern, false),
        };
        if open && beginning.is_empty() {
            return true;
        }
        let plain = |text: &str| match kind {
            Kind::Resource => plain_uri(text),
            _ => text.to_owned(),
        };
        let wanted = match kind {
            Kind::Resource if beginning.ends_with("://") => beginning.to_lowercase(),
            // `plain_uri` adds a slash for an empty path, which is not in the pattern.
            Kind::Resource if !beginning.ends_with('/') => {
                plain(beginning).trim_end_matches('/').to_owned()
            }
            _ => plain(beginning),
        };
        let listed = self.names.iter().any(|name| {
            let name = plain(name);
            if open {
                name.starts_with(&wanted)
            } else {
                name == wanted
                    || (kind == Kind::Resource
                        && name
                            .strip_prefix(&wanted)
                            .is_some_and(|rest| rest.starts_with('/')))
            }
        });
        listed
            || self
                .beginnings
                .iter()
                .any(|fixed| beginning.starts_with(fixed) || (open && fixed.starts_with(beginning)))
    }

    /// Returns the listed name that is most similar to a pattern, with the `*` of the pattern.
    fn nearest(&self, pattern: &str) -> Option<String> {
        let (wanted, rest) = match pattern.strip_suffix('*') {
            Some(beginning) => (beginning, "*"),
            None => (pattern, ""),
        };
        let near = self.names.iter().map(|name| {
            let part = match rest {
                "*" => name.chars().take(wanted.chars().count()).collect(),
                _ => name.clone(),
            };
            (
                strsim::jaro_winkler(&part.to_lowercase(), &wanted.to_lowercase()),
                part,
            )
        });
        let (likeness, name) = near.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (likeness > 0.8).then(|| format!("{name}{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_entries_and_resources_of_templates() {
        let listed = |names: &[&str], beginnings: &[&str]| Listed {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            beginnings: beginnings.iter().map(|name| (*name).to_owned()).collect(),
        };
        let tools = listed(&["picture", "delete_all"], &[]);
        for (pattern, fits, nearest) in [
            ("picture", true, None),
            ("pictur", false, Some("picture")),
            ("Picture", false, Some("picture")),
            ("pic*", true, None),
            ("delete_*", true, None),
            ("delte_*", false, Some("delete*")),
            ("zzz", false, None),
            ("*", true, None),
        ] {
            assert_eq!(tools.fits(Kind::Tool, pattern), fits, "{pattern}");
            if !fits && nearest.is_some() {
                let found = tools.nearest(pattern);
                assert!(found.is_some(), "{pattern}");
            }
            if nearest.is_none() && !fits {
                assert_eq!(tools.nearest(pattern), None, "{pattern}");
            }
        }
        let resources = listed(
            &[
                "note://open/1",
                "skill://mail/summarize/SKILL.md",
                "note://x/{id}",
            ],
            &["note://x/"],
        );
        for (pattern, fits) in [
            ("note://open/1", true),
            ("NOTE://open//1", true),
            ("note://open/*", true),
            ("note://*", true),
            ("skill://*", true),
            ("skill://mail", true),
            ("note://x/7", true),
            ("note://x/private/*", true),
            ("note://close/*", false),
            ("note://ope/*", false),
            ("note://ope*", true),
            ("note://open/2", false),
            ("file://*", false),
        ] {
            assert_eq!(resources.fits(Kind::Resource, pattern), fits, "{pattern}");
        }
    }
}
