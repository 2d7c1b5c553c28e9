//! `farport rpc`.

use serde_json::Map;

use crate::error::Error;
use crate::mcp::args::RpcArgs;
use crate::mcp::{self, messages, open, output};

/// Sends one request, and prints its result as JSON.
pub(crate) fn run(mut args: RpcArgs) -> Result<(), Error> {
    let mut invocation = open::invocation(std::mem::take(&mut args.words), &args.connection)?;
    let method = invocation.required("no method given, such as `tools/list`")?;
    let params = match invocation.words.next() {
        Some(text) => mcp::json_object(&text, "PARAMS")?,
        None => Map::new(),
    };
    let result = mcp::with_connection(invocation.target, &args.connection, async |connection| {
        let result = messages::request(connection, &method, &params).await?;
        Ok(messages::value(&result)?)
    })?;
    output::json(&result)
}
