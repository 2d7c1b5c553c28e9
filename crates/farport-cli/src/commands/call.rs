//! `farport call`.

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
use crate::mcp::{self, content, messages, open, output};

/// Calls a tool, and prints its result.
pub(crate) fn run(mut args: CallArgs) -> Result<(), Error> {
    let mut invocation = open::invocation(std::mem::take(&mut args.words), &args.connection)?;
    let tool = invocation.required("no tool given: `farport tools URL` lists them")?;
    let given = args::arguments(invocation.words)?;
    let base = match &args.args {
        Some(text) => mcp::json_object(text, "--args")?,
        None => Map::new(),
    };
    let repeat = args.repeat;
    mcp::with_connection(invocation.target, &args.connection, async |connection| {
        let params = params(connection, &tool, base, &given, args.connection.timeout).await?;
        match repeat {
            1 => once(connection, &params, &args).await,
            _ => many(connection, &params, &args).await,
        }
    })
}

/// The parameters of `tools/call`: the arguments in the types of the tool's schema.
async fn params(
    connection: &Connection,
    tool: &str,
    base: Map<String, Value>,
    given: &[Argument],
    limit: u64,
) -> Result<Value, Error> {
    let list = async { Ok(connection.list_tools().await?) };
    let tools = open::within(limit, list).await?;
    let found = mcp::find_tool(tools, tool)?;
    let schema = mcp::input_schema(&found)?;
    let arguments = arguments::fill(base, given, Schema::new(&schema));
    let arguments = arguments.map_err(mcp::Error::Argument)?;
    Ok(json!({ "name": tool, "arguments": arguments }))
}

async fn once(connection: &Connection, params: &Value, args: &CallArgs) -> Result<(), Error> {
    let mut params = params.clone();
    params["_meta"] = json!({ "progressToken": "farport" });
    let limit = args.connection.timeout;
    let result = messages::request(connection, "tools/call", &params, limit).await?;
    let failed = result["isError"] == true;
    if args.json {
        output::json(&result)?;
    } else if failed {
        // Standard output carries results, and this is none.
        output::error_text(&content::tool_result(&result).text);
    } else if let Some(path) = &args.output {
        let bytes = content::bytes(&result).map_err(mcp::Error::Base64)?;
        output::file(path, &bytes)?;
    } else {
        output::rendered(&content::tool_result(&result))?;
    }
    match failed {
        true => {
            Err(mcp::Error::Tool(params["name"].as_str().unwrap_or_default().to_owned()).into())
        }
        false => Ok(()),
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
    match args.json {
        true => output::json(&latency.json())?,
        false => output::text(&latency.table())?,
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
    match result["isError"] == true {
        true => Err(content::tool_result(&result).text),
        false => Ok(()),
    }
}
