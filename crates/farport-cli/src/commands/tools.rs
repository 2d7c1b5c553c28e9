//! `farport tools`.

use farport_client::Tool;
use serde_json::Value;

use crate::error::Error;
use crate::mcp::args::ToolsArgs;
use crate::mcp::schema::Schema;
use crate::mcp::{self, cache, open, output, signature};

/// Lists the tools of a server, or describes one.
pub(crate) fn run(args: ToolsArgs) -> Result<(), Error> {
    let mut invocation = open::invocation(args.words, &args.connection)?;
    let name = invocation.words.next();
    if args.schema && name.is_none() {
        let usage = "--schema needs the name of a tool".to_owned();
        return Err(mcp::Error::Usage(usage).into());
    }
    let limit = args.connection.timeout;
    let tools = mcp::with_connection(invocation.target, &args.connection, async |connection| {
        let list = async { Ok(connection.list_tools().await?) };
        Ok(open::within(limit, list).await?)
    })?;
    if let Some(url) = &invocation.url {
        cache::store(url, &tools);
    }
    match name {
        Some(name) => {
            let tool = mcp::find_tool(tools, &name)?;
            describe(&tool, args.json, args.schema)
        }
        None if args.json => {
            let all: Result<Vec<Value>, _> = tools.iter().map(entry).collect();
            output::json(&Value::Array(all?))
        }
        None => list(&tools),
    }
}

pub(super) fn list(tools: &[Tool]) -> Result<(), Error> {
    if tools.is_empty() {
        output::note("the server has no tools");
        return Ok(());
    }
    let mut lines = Vec::new();
    for tool in tools {
        lines.push(signature::signature(&tool.name, &mcp::input_schema(tool)?));
        if let Some(first) = summary(tool) {
            lines.push(format!("    {first}"));
        }
    }
    output::text(&lines.join("\n"))
}

/// The first line of a tool's description.
fn summary(tool: &Tool) -> Option<&str> {
    let text = tool.description.as_deref().or(tool.title.as_deref())?;
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

pub(super) fn describe(tool: &Tool, as_json: bool, schema_alone: bool) -> Result<(), Error> {
    let schema = mcp::input_schema(tool)?;
    if schema_alone {
        return output::json(&schema);
    }
    let entry = entry(tool)?;
    if as_json {
        return output::json(&entry);
    }
    let mut lines = vec![signature::signature(&tool.name, &schema)];
    if let Some(description) = &tool.description {
        lines.push(String::new());
        lines.extend(description.trim().lines().map(|line| format!("  {line}")));
    }
    let properties = Schema::new(&schema).properties();
    let described: Vec<_> = properties
        .iter()
        .filter_map(|(name, property)| Some((*name, property.description()?)))
        .collect();
    if !described.is_empty() {
        let width = described.iter().map(|(name, _)| name.chars().count());
        let width = width.max().unwrap_or_default().min(30);
        lines.extend([String::new(), "Arguments".to_owned()]);
        for (name, text) in described {
            lines.push(format!("  {name:width$}  {}", text.trim()));
        }
    }
    if let Some(annotations) = entry["annotations"]
        .as_object()
        .filter(|all| !all.is_empty())
    {
        lines.extend([
            String::new(),
            "Annotations, as the server claims".to_owned(),
        ]);
        lines.extend(
            annotations
                .iter()
                .map(|(name, value)| format!("  {name}: {value}")),
        );
    }
    output::text(&lines.join("\n"))
}

fn entry(tool: &Tool) -> Result<Value, mcp::Error> {
    serde_json::from_str(tool.json.get()).map_err(mcp::Error::Result)
}
