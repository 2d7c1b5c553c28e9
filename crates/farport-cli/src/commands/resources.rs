//! `farport resources`, `farport prompts`: what a server lists.

use serde_json::{Value, json};

use crate::error::Error;
use crate::mcp::args::{ListArgs, PromptsArgs, ResourcesArgs};
use crate::mcp::session::Session;
use crate::mcp::{self, open, output};

/// The lists of resources: their methods, and the members with the entries.
pub(super) const RESOURCES: [(&str, &str); 2] = [
    ("resources/list", "resources"),
    ("resources/templates/list", "resourceTemplates"),
];
/// The list of prompts.
pub(super) const PROMPTS: [(&str, &str); 1] = [("prompts/list", "prompts")];

/// Lists resources and resource templates.
pub(crate) fn resources(mut args: ResourcesArgs) -> Result<(), Error> {
    let [resources, templates] = lists(&mut args.list, RESOURCES)?;
    if args.list.json {
        let all = json!({ "resources": resources, "resourceTemplates": templates });
        return output::json(&all);
    }
    print_resources(&resources, &templates)
}

/// Prints resources and resource templates.
pub(super) fn print_resources(resources: &[Value], templates: &[Value]) -> Result<(), Error> {
    let entries = resources.iter().map(|entry| line(entry, "uri"));
    let entries = entries.chain(templates.iter().map(|entry| line(entry, "uriTemplate")));
    print(&entries.collect::<Vec<_>>(), "the server has no resources")
}

/// Lists prompts.
pub(crate) fn prompts(mut args: PromptsArgs) -> Result<(), Error> {
    let [prompts] = lists(&mut args.list, PROMPTS)?;
    if args.list.json {
        return output::json(&Value::Array(prompts));
    }
    print_prompts(&prompts)
}

/// Prints prompts with their arguments.
pub(super) fn print_prompts(prompts: &[Value]) -> Result<(), Error> {
    let entries = prompts.iter().map(|prompt| {
        let arguments = prompt["arguments"].as_array();
        let arguments: Vec<_> = arguments
            .into_iter()
            .flatten()
            .map(|argument| {
                let name = argument["name"].as_str().unwrap_or_default();
                if argument["required"] == true {
                    name.to_owned()
                } else {
                    format!("[{name}]")
                }
            })
            .collect();
        let name = prompt["name"].as_str().unwrap_or_default();
        described(&format!("{name}({})", arguments.join(", ")), prompt)
    });
    print(&entries.collect::<Vec<_>>(), "the server has no prompts")
}

fn lists<const N: usize>(
    args: &mut ListArgs,
    methods: [(&str, &str); N],
) -> Result<[Vec<Value>; N], Error> {
    let words = std::mem::take(&mut args.words);
    let invocation = open::invocation(words, &args.connection)?;
    mcp::with_connection(invocation.target, &args.connection, async |session| {
        fetch(session, methods).await
    })
}

/// The entries of lists. A server that does not know one has none.
pub(super) async fn fetch<const N: usize>(
    session: &Session,
    methods: [(&str, &str); N],
) -> Result<[Vec<Value>; N], Error> {
    let mut all = [const { Vec::new() }; N];
    for (entries, (method, member)) in all.iter_mut().zip(methods) {
        let list = async { Ok(session.list(method, member).await?) };
        let list = match open::within(session.limit, list).await {
            Err(error) if error.is_unknown_method() => continue,
            list => list?,
        };
        for entry in list {
            entries.push(serde_json::from_str(entry.get()).map_err(mcp::Error::Result)?);
        }
    }
    Ok(all)
}

fn line(entry: &Value, address: &str) -> String {
    described(entry[address].as_str().unwrap_or_default(), entry)
}

/// A line for an entry, and another one with the first line of its description.
fn described(line: &str, entry: &Value) -> String {
    let text = ["description", "title", "name"]
        .iter()
        .find_map(|member| entry[*member].as_str())
        .and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty()));
    match text {
        Some(text) if !line.starts_with(text) => format!("{line}\n    {text}"),
        _ => line.to_owned(),
    }
}

fn print(entries: &[String], none: &str) -> Result<(), Error> {
    if entries.is_empty() {
        output::note(none);
        return Ok(());
    }
    output::text(&entries.join("\n"))
}
