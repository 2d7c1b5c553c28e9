//! Answers to the questions of a server (elicitation): from the command line, or from the user on a
//! terminal.

use std::io::{BufRead, IsTerminal, Write};

use serde_json::{Map, Value, json};

use super::Error;
use super::args::ConnectionArgs;
use super::arguments::{self, Argument};
use super::output;
use super::schema::Schema;
use super::signature::kind_of;
use crate::terminal::Plain;

/// The most properties of one question.
const MOST_PROPERTIES: usize = 100;

/// How questions are answered.
#[derive(Debug)]
pub(crate) struct Answers {
    given: Vec<Argument>,
    decline: bool,
    interactive: bool,
    /// Whether calls may be answered with a task.
    tasks: bool,
}

impl Answers {
    /// Reads `--answer`, `--decline` and `--no-input`.
    ///
    /// # Errors
    /// When an answer is not NAME=VALUE.
    pub(crate) fn new(args: &ConnectionArgs) -> Result<Self, Error> {
        let given = super::args::arguments(args.answer.iter().cloned())?;
        let on_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Ok(Self {
            interactive: on_terminal && !args.no_input && given.is_empty() && !args.decline,
            given,
            decline: args.decline,
            tasks: false,
        })
    }

    /// Tells servers that the caller follows tasks.
    pub(crate) fn with_tasks(mut self) -> Self {
        self.tasks = true;
        self
    }

    /// The capabilities of the client. Without answers, the server should not ask.
    pub(crate) fn capabilities(&self) -> Value {
        let mut capabilities = json!({});
        if self.interactive || self.decline || !self.given.is_empty() {
            capabilities["elicitation"] = json!({ "form": {}, "url": {} });
        }
        if self.tasks {
            capabilities["extensions"] = json!({ "io.modelcontextprotocol/tasks": {} });
        }
        capabilities
    }

    /// The result of a request of the server; `None` if this client does not support the method.
    ///
    /// # Errors
    /// When the answers on the command line do not fit the question.
    pub(crate) async fn answer(
        &self,
        method: &str,
        params: &Value,
    ) -> Result<Option<Value>, Error> {
        if method != "elicitation/create" {
            return Ok(None);
        }
        let message = params["message"].as_str().unwrap_or_default();
        if self.decline {
            output::note(&format!("declined: {message}"));
            return Ok(Some(json!({ "action": "decline" })));
        }
        if params["mode"] == "url" {
            return self
                .open(message, params["url"].as_str().unwrap_or_default())
                .await
                .map(Some);
        }
        let schema = &params["requestedSchema"];
        let content = if self.interactive {
            match ask_all(message, schema).await {
                Some(content) => content,
                None => return Ok(Some(json!({ "action": "cancel" }))),
            }
        } else {
            self.given_for(message, schema)?
        };
        Ok(Some(json!({ "action": "accept", "content": content })))
    }

    /// The answers on the command line that belong to this question.
    fn given_for(&self, message: &str, schema: &Value) -> Result<Map<String, Value>, Error> {
        let read = Schema::new(schema);
        let properties = read.properties();
        let known = |answer: &&Argument| properties.iter().any(|(name, _)| *name == answer.name());
        let given: Vec<_> = self.given.iter().filter(known).cloned().collect();
        let unanswered = |why: String| Error::Unanswered {
            message: message.to_owned(),
            why,
        };
        let is_open = |name: &&str| !given.iter().any(|answer| answer.name() == *name);
        if let Some(name) = read.required().into_iter().find(is_open) {
            return Err(unanswered(format!("it requires the answer `{name}`")));
        }
        arguments::fill(Map::new(), &given, read).map_err(|error| unanswered(error.to_string()))
    }

    /// Sends the user to a page.
    async fn open(&self, message: &str, url: &str) -> Result<Value, Error> {
        if !self.interactive {
            return Err(Error::Unanswered {
                message: message.to_owned(),
                why: format!("it requires a visit to {url}"),
            });
        }
        say(&format!("The server asks: {message}"));
        say(&format!(
            "Open this page, and press Enter when you are done: {url}"
        ));
        Ok(match line("").await {
            Some(_) => json!({ "action": "accept" }),
            None => json!({ "action": "cancel" }),
        })
    }
}

/// Asks the user for each property. `None` at the end of the input.
async fn ask_all(message: &str, schema: &Value) -> Option<Map<String, Value>> {
    say(&format!("The server asks: {message}"));
    let read = Schema::new(schema);
    let required = read.required();
    let mut content = Map::new();
    for (name, property) in read.properties().into_iter().take(MOST_PROPERTIES) {
        if let Some(text) = property.description() {
            say(&format!("  {text}"));
        }
        let default = property.default();
        let shown = default
            .map(|value| format!(" [{value}]"))
            .unwrap_or_default();
        let optional = if required.contains(&name) {
            ""
        } else {
            ", optional"
        };
        let prompt = format!("{name} ({}{optional}){shown}: ", kind_of(property));
        loop {
            let text = line(&prompt).await?;
            if text.is_empty() {
                match default {
                    Some(value) => {
                        content.insert(name.to_owned(), value.clone());
                    }
                    None if required.contains(&name) => continue,
                    None => {}
                }
                break;
            }
            match arguments::typed(name, &text, Some(property)) {
                Ok(value) => {
                    content.insert(name.to_owned(), value);
                    break;
                }
                Err(error) => say(&error.to_string()),
            }
        }
    }
    Some(content)
}

fn say(text: &str) {
    anstream::eprintln!("{}", Plain(text));
}

/// A line of standard input. `None` at its end.
async fn line(prompt: &str) -> Option<String> {
    anstream::eprint!("{}", Plain(prompt));
    // A terminal that cannot be written to shows no prompt.
    let _ = std::io::stderr().flush();
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(1..) => Some(line.trim_end_matches(['\n', '\r']).to_owned()),
            _ => None,
        }
    });
    read.await.ok().flatten()
}
