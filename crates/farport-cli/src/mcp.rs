//! MCP from the command line: one connection, one request, one result.

pub(crate) mod answers;
pub(crate) mod args;
pub(crate) mod arguments;
pub(crate) mod cache;
pub(crate) mod check_args;
pub(crate) mod complete;
pub(crate) mod content;
mod error;
pub(crate) mod findings;
pub(crate) mod latency;
pub(crate) mod messages;
pub(crate) mod open;
pub(crate) mod output;
pub(crate) mod saved_calls;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod shell_args;
pub(crate) mod signature;
mod trace;
pub(crate) mod watch_args;
pub(crate) mod words;

use std::io::Read;
use std::path::Path;

use farport_client::{Target, Tool};
use serde_json::{Map, Value};

pub(crate) use error::Error;

use crate::file_error::FileError;
use answers::Answers;
use args::ConnectionArgs;
use session::Session;

/// Connects to a server, does `work`, and closes the session, also when the user interrupts.
///
/// # Errors
/// Those of `work`, and when the server cannot be reached.
pub(crate) fn with_connection<T>(
    target: Target,
    args: &ConnectionArgs,
    work: impl AsyncFnOnce(&Session) -> Result<T, crate::error::Error>,
) -> Result<T, crate::error::Error> {
    with_open_connection(target, args, async |session| {
        tokio::select! {
            result = Box::pin(work(session)) => result,
            _ = tokio::signal::ctrl_c() => Err(Error::Interrupted.into()),
        }
    })
}

/// The same, for `work` that handles interrupts itself.
///
/// # Errors
/// Those of `work`, and when the server cannot be reached.
pub(crate) fn with_open_connection<T>(
    target: Target,
    args: &ConnectionArgs,
    work: impl AsyncFnOnce(&Session) -> Result<T, crate::error::Error>,
) -> Result<T, crate::error::Error> {
    use crate::error::Error as Command;
    crate::remote::log_to_stderr(&args.messages)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Command::Runtime)?;
    let answers = Answers::new(args)?;
    let result = runtime.block_on(async {
        let connection = tokio::select! {
            opened = open::open(target, args, &answers) => opened?,
            _ = tokio::signal::ctrl_c() => return Err(Error::Interrupted.into()),
        };
        let session = Session::new(connection, answers, args.timeout);
        let result = Box::pin(work(&session)).await;
        session.close().await;
        result
    });
    runtime.shutdown_background();
    result
}

/// The tool of this name.
///
/// # Errors
/// When there is none. The error suggests a name that is nearly the same.
pub(crate) fn find_tool(tools: Vec<Tool>, name: &str) -> Result<Tool, Error> {
    let near = nearest(name, tools.iter().map(|tool| tool.name.as_str())).map(str::to_owned);
    let found = tools.into_iter().find(|tool| tool.name == name);
    found.ok_or_else(|| Error::NoSuch {
        kind: "tool",
        name: name.to_owned(),
        near,
    })
}

/// The name that is nearly `name`, if there is one.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, near)| near)
}

/// The schema of a tool's arguments.
///
/// # Errors
/// When it is not JSON.
pub(crate) fn input_schema(tool: &Tool) -> Result<Value, Error> {
    serde_json::from_str(tool.input_schema.get()).map_err(Error::Result)
}

/// A JSON object from the command line: the JSON itself, `@FILE`, or `-` for standard input. `what`
/// names it in errors.
///
/// # Errors
/// When it cannot be read, or is not a JSON object.
pub(crate) fn json_object(text: &str, what: &'static str) -> Result<Map<String, Value>, Error> {
    let json = if text == "-" {
        let mut read = String::new();
        let input = std::io::stdin().read_to_string(&mut read);
        input.map_err(FileError::of("read", Path::new("-")))?;
        read.into()
    } else {
        FileError::text_of(what, text)?
    };
    serde_json::from_str(&json).map_err(|source| Error::Json { what, source })
}
