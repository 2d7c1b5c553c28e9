//! A chat on the command line: a model, the tools of servers, and the user's permission.

pub(crate) mod args;
mod error;
mod models;
mod screen;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Read};
use std::sync::Arc;

use farport_client::Connection;
use farport_ui::chat::{
    CallState, ChatEvent, ChatSettings, ConnectedServer, Decision, EndReason, Host, Input, Server,
    Session,
};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::error::Error as Command;
use crate::mcp::{self, open};
use args::ChatArgs;
pub(crate) use error::Error;
use screen::Screen;

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
    let words = std::mem::take(&mut args.words);
    let (urls, question) = split(words, !args.connection.command.is_empty())?;
    let question = match question {
        Some(question) => question,
        None => read_question()?,
    };
    let mut targets = Vec::new();
    for url in &urls {
        targets.push(open::invocation(vec![url.clone()], &args.connection)?.target);
    }
    if urls.is_empty() {
        targets.push(open::invocation(Vec::new(), &args.connection)?.target);
    }
    crate::remote::log_to_stderr(&args.connection.messages)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Command::Runtime)?;
    let result = runtime.block_on(async {
        let mut connections = Vec::new();
        let work = async {
            for target in targets {
                connections.push(open::open(target, &args.connection).await?);
            }
            converse(&args, question, &connections).await
        };
        let result = tokio::select! {
            result = Box::pin(work) => result,
            _ = tokio::signal::ctrl_c() => Err(mcp::Error::Interrupted.into()),
        };
        for connection in &connections {
            connection.close().await;
        }
        result
    });
    // A question on the terminal may still wait for its answer.
    runtime.shutdown_background();
    result
}

/// The URLs and the question among the words.
fn split(words: Vec<String>, has_command: bool) -> Result<(Vec<String>, Option<String>), Error> {
    let is_url = |word: &String| word.starts_with("http://") || word.starts_with("https://");
    let (urls, mut rest): (Vec<_>, Vec<_>) = words.into_iter().partition(is_url);
    if rest.len() > 1 {
        return Err(Error::Usage(
            "more than one question given: write it in quotation marks, and URLs with http:// or https://"
                .to_owned(),
        ));
    }
    if urls.is_empty() && !has_command {
        return Err(Error::Usage(
            "no server given: name its URL, or its command after `--`".to_owned(),
        ));
    }
    Ok((urls, rest.pop().filter(|word| word != "-")))
}

fn read_question() -> Result<String, Error> {
    if std::io::stdin().is_terminal() {
        return Err(Error::Usage("no question given".to_owned()));
    }
    let mut question = String::new();
    std::io::stdin()
        .read_to_string(&mut question)
        .map_err(Error::Input)?;
    match question.trim().is_empty() {
        true => Err(Error::Usage("no question given".to_owned())),
        false => Ok(question),
    }
}

async fn converse(
    args: &ChatArgs,
    question: String,
    connections: &[Connection],
) -> Result<(), Command> {
    let mut names = BTreeSet::new();
    let servers = connections.iter().map(|connection| {
        let name = unique(server_name(connection), &mut names);
        Arc::new(ConnectedServer::new(name, connection.clone())) as Arc<dyn Server>
    });
    let (events, mut incoming) = mpsc::unbounded_channel();
    let session = Session::new(Box::new(Terminal {
        servers: servers.collect(),
        events,
    }));
    let (provider, model) = models::choose(args, session.http()).await?;
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
                let decision = match can_ask {
                    true => ask(server, tool, arguments).await,
                    false => {
                        unasked.get_or_insert(tool);
                        None
                    }
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

/// The name that a server gives itself.
fn server_name(connection: &Connection) -> String {
    let server: Value = serde_json::from_str(connection.server().get()).unwrap_or_default();
    let name = [
        &server["serverInfo"]["name"],
        &server["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
    ];
    let name = name.into_iter().find_map(Value::as_str).unwrap_or_default();
    match name.is_empty() {
        true => "server".to_owned(),
        false => name.to_owned(),
    }
}

fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut unique = name.clone();
    let mut number = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{name}-{number}");
        number += 1;
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn urls_and_the_question_are_separated() {
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
        assert!(split(words(&["add"]), false).is_err());
        assert!(split(words(&["http://a/mcp", "add", "two"]), false).is_err());
    }
}
