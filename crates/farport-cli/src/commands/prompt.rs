//! `farport prompt`.

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::mcp::args::{self, PromptArgs};
use crate::mcp::schema::Schema;
use crate::mcp::{self, arguments, content, messages, open, output};

/// Gets a prompt, and prints its messages.
pub(crate) fn run(mut args: PromptArgs) -> Result<(), Error> {
    let mut invocation = open::invocation(std::mem::take(&mut args.words), &args.connection)?;
    let name = invocation.required("no prompt given: `farport prompts URL` lists them")?;
    // Every argument of a prompt is text; the server checks which ones it requires.
    let text = json!({});
    let given = args::arguments(invocation.words)?;
    let arguments = arguments::fill(Map::new(), &given, Schema::new(&text));
    let arguments = arguments.map_err(mcp::Error::Argument)?;
    if let Some((name, _)) = arguments.iter().find(|(_, value)| !value.is_string()) {
        let usage = format!("argument `{name}` of a prompt must be text");
        return Err(mcp::Error::Usage(usage).into());
    }
    let params = json!({ "name": name, "arguments": Value::Object(arguments) });
    let result = mcp::with_connection(invocation.target, &args.connection, async |connection| {
        let limit = args.connection.timeout;
        Ok(messages::request(connection, "prompts/get", &params, limit).await?)
    })?;
    match args.json {
        true => output::json(&result),
        false => output::rendered(&content::prompt(&result)),
    }
}
