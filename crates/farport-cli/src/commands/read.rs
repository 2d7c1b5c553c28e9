//! `farport read`.

use serde_json::json;

use crate::error::Error;
use crate::mcp::args::ReadArgs;
use crate::mcp::{self, content, messages, open, output};

/// Reads a resource, and prints its content.
pub(crate) fn run(mut args: ReadArgs) -> Result<(), Error> {
    let mut invocation = open::invocation(std::mem::take(&mut args.words), &args.connection)?;
    let uri = invocation.required("no resource given: `farport resources URL` lists them")?;
    let result = mcp::with_connection(invocation.target, &args.connection, async |connection| {
        let params = json!({ "uri": uri });
        let result = messages::request(connection, "resources/read", &params).await?;
        Ok(messages::value(&result)?)
    })?;
    if args.json {
        return output::json(&result);
    }
    match &args.output {
        Some(path) => {
            let bytes = content::bytes(&result).map_err(mcp::Error::Base64)?;
            output::file(path, &bytes)
        }
        None => output::rendered(&content::resource(&result)),
    }
}
