//! `farport call`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use farport_client::Connection;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::mcp::args::{self, CallArgs};
use crate::mcp::arguments::{self, Argument};
use crate::mcp::latency::Latency;
use crate::mcp::schema::Schema;
use crate::mcp::session::Session;
use crate::mcp::{self, cache, content, messages, open, output, saved_calls};

/// Calls a tool, and prints its result.
pub(crate) fn run(mut args: CallArgs) -> Result<(), Error> {
    let mut invocation = open::invocation(std::mem::take(&mut args.words), &args.connection)?;
    let (tool, base) = match (&args.saved, &args.args) {
        (Some(name), _) => {
            let saved = saved_calls::find(name)?;
            (saved.tool, saved.arguments)
        }
        (None, text) => {
            let tool = invocation.required("no tool given: `farport tools URL` lists them")?;
            let base = text.as_ref().map(|text| mcp::json_object(text, "--args"));
            (tool, base.transpose()?.unwrap_or_default())
        }
    };
    let given = args::arguments(invocation.words)?;
    let repeat = args.repeat;
    let form = Form {
        raw: args.raw,
        json: args.json,
        text: args.text,
        output: args.output.take(),
    };
    let url = invocation.url.take();
    mcp::with_connection(invocation.target, &args.connection, async |connection| {
        let limit = args.connection.timeout;
        let params = params(connection, &tool, base, &given, limit, url.as_deref()).await?;
        match repeat {
            1 => once(connection, &params, &form).await,
            _ => many(connection, &params, &args).await,
        }
    })
}

/// How a result is printed.
#[derive(Debug, Default)]
pub(super) struct Form {
    raw: bool,
    json: bool,
    text: bool,
    output: Option<PathBuf>,
}

/// The parameters of `tools/call`: the arguments in the types of the tool's schema.
pub(super) async fn params(
    connection: &Connection,
    tool: &str,
    base: Map<String, Value>,
    given: &[Argument],
    limit: u64,
    url: Option<&str>,
) -> Result<Value, Error> {
    let list = async { Ok(connection.list_tools().await?) };
    let tools = open::within(limit, list).await?;
    if let Some(url) = url {
        cache::store(url, &tools);
    }
    let found = mcp::find_tool(tools, tool)?;
    let schema = mcp::input_schema(&found)?;
    let arguments = arguments::fill(base, given, Schema::new(&schema));
    let arguments = arguments.map_err(mcp::Error::Argument)?;
    Ok(json!({ "name": tool, "arguments": arguments }))
}

pub(super) async fn once(session: &Session, params: &Value, form: &Form) -> Result<(), Error> {
    let mut params = params.clone();
    params["_meta"] = json!({ "progressToken": "farport" });
    let raw = messages::request(session, "tools/call", &params).await?;
    let result = messages::value(&raw)?;
    let failed = result["isError"] == true;
    if form.raw {
        output::text(raw.get())?;
    } else if form.json {
        output::json(&result)?;
    } else if failed {
        // Standard output carries results, and this is none.
        output::error_text(&content::tool_result(&result).text);
    } else if let Some(path) = &form.output {
        let bytes = content::bytes(&result).map_err(mcp::Error::Base64)?;
        output::file(path, &bytes)?;
    } else {
        let mut shown = result;
        if form.text
            && let Some(shown) = shown.as_object_mut()
        {
            shown.remove("structuredContent");
        }
        output::rendered(&content::tool_result(&shown))?;
    }
    if failed {
        Err(mcp::Error::Tool(params["name"].as_str().unwrap_or_default().to_owned()).into())
    } else {
        Ok(())
    }
}

/// Calls the tool often, and prints how long the calls took. Progress is not requested: concurrent calls
/// would need a token each.
async fn many(connection: &Connection, params: &Value, args: &CallArgs) -> Result<(), Error> {
    let (params, next) = (Arc::new(params.clone()), Arc::new(AtomicU32::new(0)));
    let (repeat, limit) = (args.repeat, args.connection.timeout);
    let began = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..args.concurrency.min(repeat) {
        let (connection, params, next) = (connection.clone(), params.clone(), next.clone());
        workers.spawn(async move {
            let mut outcomes = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < repeat {
                let began = Instant::now();
                let outcome = timed(&connection, &params, limit).await;
                outcomes.push((began.elapsed(), outcome.err()));
            }
            outcomes
        });
    }
    let mut durations: Vec<Duration> = Vec::new();
    let mut failures = Vec::new();
    for outcomes in workers.join_all().await {
        for (duration, failure) in outcomes {
            durations.push(duration);
            failures.extend(failure);
        }
    }
    let calls = durations.len();
    let latency = Latency::new(durations, failures.len(), began.elapsed());
    if args.json {
        output::json(&latency.json())?
    } else {
        output::text(&latency.table())?
    }
    match failures.first() {
        None => Ok(()),
        Some(first) => Err(mcp::Error::Calls {
            failed: failures.len(),
            calls,
            first: first.clone(),
        }
        .into()),
    }
}

/// One call whose result is discarded. The error says why it failed.
async fn timed(connection: &Connection, params: &Value, limit: u64) -> Result<(), String> {
    let call = async {
        let call = connection.request("tools/call", params)?;
        Ok(call.response().await?)
    };
    let result = open::within(limit, call)
        .await
        .map_err(|error| error.to_string())?;
    let result: Value = serde_json::from_str(result.get()).map_err(|error| error.to_string())?;
    if result["isError"] == true {
        Err(content::tool_result(&result).text)
    } else {
        Ok(())
    }
}
