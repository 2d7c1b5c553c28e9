//! A chat on the command line: a model, the tools of servers, and the user's permission.

pub(crate) mod args;
mod error;
mod models;
mod screen;
mod server;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Read};
use std::sync::Arc;

use farport_ui::chat::{
    CallState, ChatEvent, ChatSettings, Decision, EndReason, Host, Input, Server, Session,
};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::error::Error as Command;
use crate::mcp::answers::Answers;
use crate::mcp::{self, open, session};
use crate::remote;
use crate::terminal::Plain;
use args::ChatArgs;
pub(crate) use error::Error;
use screen::Screen;
use server::ChatServer;

/// The servers of the chat, and where its events go.
struct Terminal {
    servers: Vec<Arc<dyn Server>>,
    events: mpsc::UnboundedSender<ChatEvent>,
}

impl Host for Terminal {
    fn servers(&self) -> Vec<Arc<dyn Server>> {
        self.servers.clone()
    }

    fn event(&self, event: &ChatEvent) {
        // It is closed once the turn has ended.
        let _ = self.events.send(event.clone());
    }
}

/// Asks the model, and prints its answer.
///
/// # Errors
/// When a server or the model cannot be used, or there is no complete answer.
pub(crate) fn run(mut args: ChatArgs) -> Result<(), Command> {
    if let Some(provider) = &args.forget_key {
        return forget(provider);
    }
    let words = std::mem::take(&mut args.words);
    let (servers, question) = split(words, !args.connection.command.is_empty())?;
    let connection = &args.connection;
    let single = !connection.header.is_empty()
        || connection.header_file.is_some()
        || connection.trace.is_some();
    if servers.len() > 1 && single {
        return Err(Error::Usage("headers and --trace are for a single server".to_owned()).into());
    }
    let mut targets = Vec::new();
    for server in &servers {
        let invocation = open::invocation(vec![server.clone()], &args.connection);
        let is_only = servers.len() == 1 && question.is_none();
        let invocation = invocation.map_err(|error| explain(error, server, is_only));
        targets.push(invocation?.target);
    }
    if servers.is_empty() {
        targets.push(open::invocation(Vec::new(), &args.connection)?.target);
    }
    let question = match question {
        Some(question) => question,
        None => read_question()?,
    };
    crate::remote::log_to_stderr(&args.connection.messages)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Command::Runtime)?;
    let result = runtime.block_on(async {
        let mut servers: Vec<Arc<ChatServer>> = Vec::new();
        let opening = async {
            let mut names = BTreeSet::new();
            for target in targets {
                let answers = Answers::new(&args.connection)?.with_tasks();
                let connection = open::open(target, &args.connection, &answers).await?;
                let session = session::Session::new(connection, answers, args.connection.timeout);
                servers.push(Arc::new(ChatServer::new(session, &mut names)));
            }
            Ok(())
        };
        let opened = tokio::select! {
            opened = Box::pin(opening) => opened,
            _ = tokio::signal::ctrl_c() => Err(mcp::Error::Interrupted.into()),
        };
        let result = match opened {
            Ok(()) => Box::pin(converse(&args, question, &servers)).await,
            Err(error) => Err(error),
        };
        for server in &servers {
            server.connection().close().await;
        }
        result
    });
    // A question on the terminal may still wait for its answer.
    runtime.shutdown_background();
    result
}

/// Removes a provider's key from the keyring.
fn forget(provider: &str) -> Result<(), Command> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Command::Runtime)?;
    runtime.block_on(models::forget(provider))?;
    anstream::eprintln!("The keyring no longer has the key of {}.", Plain(provider));
    Ok(())
}

/// The URLs or names of servers, and the question, among the words. The last word that is no URL is the
/// question, unless it is the only word.
fn split(words: Vec<String>, has_command: bool) -> Result<(Vec<String>, Option<String>), Error> {
    let is_url = |word: &String| word.starts_with("http://") || word.starts_with("https://");
    let mut servers = words;
    let question = match servers.iter().rposition(|word| !is_url(word)) {
        Some(at) if has_command || servers.len() > 1 => Some(servers.remove(at)),
        _ => None,
    };
    if has_command && !servers.is_empty() {
        return Err(Error::Usage(
            "a chat has either the servers at URLs, or the one of a command".to_owned(),
        ));
    }
    if servers.is_empty() && !has_command {
        return Err(Error::Usage(NO_SERVER.to_owned()));
    }
    Ok((servers, question.filter(|word| word != "-")))
}

const NO_SERVER: &str = "no server given: write its URL or name, or its command after `--`";

/// Explains why a word is no server: it may be a part of the question.
fn explain(error: Command, word: &str, is_only: bool) -> Command {
    let unknown = match &error {
        Command::Mcp(mcp::Error::Remote(remote::Error::NotSaved { .. })) => true,
        Command::Mcp(mcp::Error::Client(_)) => word.contains(char::is_whitespace),
        _ => false,
    };
    if !unknown {
        return error;
    }
    if is_only {
        return Error::Usage(NO_SERVER.to_owned()).into();
    }
    let word = Plain(word);
    Error::Usage(format!(
        "no saved server is named `{word}`: write the question in quotation marks"
    ))
    .into()
}

fn read_question() -> Result<String, Error> {
    if std::io::stdin().is_terminal() {
        return Err(Error::Usage("no question given".to_owned()));
    }
    let mut question = String::new();
    std::io::stdin()
        .read_to_string(&mut question)
        .map_err(Error::Input)?;
    if question.trim().is_empty() {
        Err(Error::Usage("no question given".to_owned()))
    } else {
        Ok(question)
    }
}

async fn converse(
    args: &ChatArgs,
    question: String,
    servers: &[Arc<ChatServer>],
) -> Result<(), Command> {
    let (events, incoming) = mpsc::unbounded_channel();
    let servers = servers
        .iter()
        .map(|server| Arc::clone(server) as Arc<dyn Server>);
    let session = Session::new(Box::new(Terminal {
        servers: servers.collect(),
        events,
    }));
    let (provider, model) = tokio::select! {
        chosen = models::choose(args, session.http()) => chosen?,
        _ = tokio::signal::ctrl_c() => return Err(mcp::Error::Interrupted.into()),
    };
    session.choose(provider, model);
    session.allow(args.allow.iter().cloned(), args.yes);
    session.set(ChatSettings {
        system: args.system.clone().unwrap_or_default(),
        temperature: args.temperature,
        max_tokens: args.max_tokens,
        steps: args.steps,
        ..ChatSettings::default()
    });
    let sent = session.input(Input::Send {
        text: question,
        images: Vec::new(),
    });
    sent.map_err(Error::Usage)?;
    let talk = talk(args, &session, incoming);
    tokio::select! {
        result = talk => result,
        _ = tokio::signal::ctrl_c() => {
            session.stop().await;
            Err(mcp::Error::Interrupted.into())
        }
    }
}

/// Shows what happens, and asks the user, until the turn ends.
async fn talk(
    args: &ChatArgs,
    session: &Arc<Session>,
    mut incoming: mpsc::UnboundedReceiver<ChatEvent>,
) -> Result<(), Command> {
    let can_ask = !args.connection.no_input && std::io::stdin().is_terminal();
    let mut screen = Screen::new(args.json);
    let mut unasked = None;
    while let Some(event) = incoming.recv().await {
        screen.show(&event)?;
        match event {
            ChatEvent::Call {
                call,
                server,
                tool,
                arguments,
                state: CallState::Waiting,
                ..
            } => {
                // "Always" or "never" for another call decided about this one already.
                if !session.is_waiting(call) {
                    continue;
                }
                let decision = if can_ask {
                    ask(server, tool, arguments).await
                } else {
                    unasked.get_or_insert(tool);
                    None
                };
                let decision = decision.unwrap_or(Decision::Refuse);
                // "Always" for one call may have decided about this one already.
                let _ = session.input(Input::Decide { call, decision });
            }
            ChatEvent::End {
                reason, failure, ..
            } => {
                let answered = matches!(reason, EndReason::Answered | EndReason::Cut);
                screen.finish(answered)?;
                let end = match (reason, failure) {
                    (_, Some(failure)) => Err(Error::Model(failure)),
                    (EndReason::Limit, _) => Err(Error::Limit(args.steps)),
                    (EndReason::Cut, _) => Err(Error::Cut),
                    _ => unasked.map_or(Ok(()), |tool| Err(Error::NotPermitted(tool))),
                };
                return end.map_err(Command::from);
            }
            _ => {}
        }
    }
    Ok(())
}

async fn ask(server: String, tool: String, arguments: Value) -> Option<Decision> {
    let asked = tokio::task::spawn_blocking(move || screen::ask(&server, &tool, &arguments));
    asked.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn servers_and_the_question_are_separated() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let (urls, question) =
            split(words(&["http://a/mcp", "https://b/mcp", "add"]), false).unwrap();
        assert_eq!((urls.len(), question.as_deref()), (2, Some("add")));
        assert_eq!(split(words(&["http://a/mcp", "-"]), false).unwrap().1, None);
        assert_eq!(
            split(words(&["add"]), true).unwrap().1.as_deref(),
            Some("add")
        );
        let (names, question) = split(words(&["mine", "http://a/mcp", "add"]), false).unwrap();
        assert_eq!(names, ["mine", "http://a/mcp"]);
        assert_eq!(question.as_deref(), Some("add"));
        assert_eq!(
            split(words(&["mine"]), false).unwrap(),
            (words(&["mine"]), None)
        );
        assert!(split(words(&[]), false).is_err());
        assert!(split(words(&["http://a/mcp", "add"]), true).is_err());
    }
}
