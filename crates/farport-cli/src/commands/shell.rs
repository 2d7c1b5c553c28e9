//! `farport shell`: commands at a prompt, over one connection.

mod prompt;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use farport_client::Tool;
use serde_json::{Map, json};

use super::call::{self, Form};
use super::resources::{self, PROMPTS, RESOURCES};
use super::tools;
use crate::error::Error;
use crate::mcp::args;
use crate::mcp::session::Session;
use crate::mcp::shell_args::ShellArgs;
use crate::mcp::{self, content, messages, open, output, words};
use prompt::{Lines, Prompt};

/// The commands besides the tools.
const COMMANDS: [&str; 9] = [
    "call",
    "help",
    "prompt",
    "prompts",
    "quit",
    "read",
    "resources",
    "rpc",
    "tools",
];

const HELP: &str = "\
TOOL [NAME=VALUE]        Call a tool
tools [TOOL]             List the tools, or describe one
resources, prompts       List resources and resource templates, or prompts
read URI                 Read a resource
prompt NAME [NAME=TEXT]  Get a prompt
call TOOL [NAME=VALUE]   Call a tool whose name is one of these words
rpc METHOD [PARAMS]      Send any request
help, quit";

/// The tools that Tab completes.
pub(crate) type Catalog = Arc<Mutex<Vec<Tool>>>;

/// Runs commands until the user leaves. At a prompt, an error does not end the shell; in a script, the
/// first one does.
pub(crate) fn run(mut args: ShellArgs) -> Result<(), Error> {
    let words = std::mem::take(&mut args.words);
    let invocation = open::invocation(words, &args.connection)?;
    mcp::with_open_connection(invocation.target, &args.connection, async |session| {
        let catalog = Catalog::default();
        let on_terminal = std::io::stdin().is_terminal();
        let mut lines = if on_terminal {
            Lines::Prompt(Box::new(Prompt::new(catalog.clone())?))
        } else {
            Lines::Input
        };
        refresh(session, &catalog).await;
        if on_terminal {
            output::note("Tab completes tools and arguments; `help` lists the commands");
        }
        while let Some(line) = lines.next().await? {
            let Some(words) = words::split(&line) else {
                report(
                    on_terminal,
                    mcp::Error::Usage("a quote is not closed".to_owned()).into(),
                )?;
                continue;
            };
            if matches!(words.first().map(String::as_str), Some("quit" | "exit")) {
                break;
            }
            let outcome = tokio::select! {
                outcome = Box::pin(command(session, &catalog, words)) => outcome,
                _ = tokio::signal::ctrl_c() => Err(mcp::Error::Interrupted.into()),
            };
            if let Err(error) = outcome {
                report(on_terminal, error)?;
            }
        }
        Ok(())
    })
}

fn report(on_terminal: bool, error: Error) -> Result<(), Error> {
    if on_terminal {
        error.report();
        Ok(())
    } else {
        Err(error)
    }
}

/// Lists the tools again. A server without tools has none to complete.
async fn refresh(session: &Session, catalog: &Catalog) {
    let list = async { Ok(session.list_tools().await?) };
    match open::within(session.limit, list).await {
        Ok(tools) => *catalog.lock().unwrap_or_else(PoisonError::into_inner) = tools,
        Err(error) => tracing::debug!(%error, "no tools to complete"),
    }
}

async fn command(session: &Session, catalog: &Catalog, words: Vec<String>) -> Result<(), Error> {
    let mut words = words.into_iter();
    let Some(first) = words.next() else {
        return Ok(());
    };
    let mut next = |what: &str| {
        words
            .next()
            .ok_or_else(|| mcp::Error::Usage(format!("`{first}` needs {what}")))
    };
    match first.as_str() {
        "help" | "?" => output::text(HELP),
        "tools" => {
            refresh(session, catalog).await;
            let known = catalog
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            match words.next() {
                Some(name) => tools::describe(&mcp::find_tool(known, &name)?, false, false),
                None => tools::list(&known),
            }
        }
        "resources" => {
            let [list, templates] = resources::fetch(session, RESOURCES).await?;
            resources::print_resources(&list, &templates)
        }
        "prompts" => {
            let [list] = resources::fetch(session, PROMPTS).await?;
            resources::print_prompts(&list)
        }
        "read" => {
            let params = json!({ "uri": next("the URI of a resource")? });
            let result = messages::request(session, "resources/read", &params).await?;
            output::rendered(&content::resource(&messages::value(&result)?))
        }
        "prompt" => {
            let name = next("the name of a prompt")?;
            let params = super::prompt::params(&name, words)?;
            let result = messages::request(session, "prompts/get", &params).await?;
            output::rendered(&content::prompt(&messages::value(&result)?))
        }
        "rpc" => {
            let method = next("a method")?;
            let params = match words.next() {
                Some(text) => mcp::json_object(&text, "PARAMS")?,
                None => Map::new(),
            };
            let result = messages::request(session, &method, &params).await?;
            output::json(&messages::value(&result)?)
        }
        "call" => {
            let tool = next("the name of a tool")?;
            call_tool(session, &tool, words).await
        }
        tool => call_tool(session, tool, words).await,
    }
}

async fn call_tool(
    session: &Session,
    tool: &str,
    words: impl Iterator<Item = String>,
) -> Result<(), Error> {
    let given = args::arguments(words)?;
    let params = call::params(session, tool, Map::new(), &given, session.limit, None).await?;
    call::once(session, &params, &Form::default()).await
}
