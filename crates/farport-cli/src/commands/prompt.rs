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
    let params = params(&name, invocation.words)?;
    let result = mcp::with_connection(invocation.target, &args.connection, async |connection| {
        let result = messages::request(connection, "prompts/get", &params).await?;
        Ok(messages::value(&result)?)
    })?;
    if args.json {
        output::json(&result)
    } else {
        output::rendered(&content::prompt(&result))
    }
}

/// The parameters of `prompts/get`.
pub(super) fn params(name: &str, words: impl Iterator<Item = String>) -> Result<Value, mcp::Error> {
    // Every argument of a prompt is text; the server checks which ones it requires.
    let text = json!({});
    let given = args::arguments(words)?;
    let arguments = arguments::fill(Map::new(), &given, Schema::new(&text));
    let arguments = arguments.map_err(mcp::Error::Argument)?;
    if let Some((name, _)) = arguments.iter().find(|(_, value)| !value.is_string()) {
        let usage = format!("argument `{name}` of a prompt must be text");
        return Err(mcp::Error::Usage(usage));
    }
    Ok(json!({ "name": name, "arguments": Value::Object(arguments) }))
}
