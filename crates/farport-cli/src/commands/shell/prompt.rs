//! The lines of `farport shell`: from a prompt with history and completion, or from standard input.

use std::io::{self, BufRead};
use std::sync::PoisonError;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::{COMMANDS, Catalog};
use crate::error::Error;
use crate::file_error::FileError;
use crate::mcp::complete::candidates;
use crate::mcp::{self, input_schema};

/// Where lines come from.
pub(super) enum Lines {
    /// A prompt on a terminal.
    Prompt(Box<Prompt>),
    /// Standard input.
    Input,
}

impl Lines {
    /// The next line; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<String>, Error> {
        match self {
            Self::Prompt(prompt) => prompt.next().await,
            Self::Input => {
                let read = tokio::task::spawn_blocking(|| {
                    let mut line = String::new();
                    let length = io::stdin().lock().read_line(&mut line)?;
                    Ok::<_, io::Error>((length > 0).then_some(line))
                });
                let read = read.await.map_err(io::Error::other).flatten();
                let failed = FileError::of("read", std::path::Path::new("-"));
                Ok(read.map_err(failed).map_err(mcp::Error::File)?)
            }
        }
    }
}

/// A prompt. The editor is away while a line is being read.
pub(super) struct Prompt(Option<Editor<Completion, MemHistory>>);

impl Prompt {
    pub(super) fn new(catalog: Catalog) -> Result<Self, Error> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(true)
            .build();
        let mut editor = Editor::with_history(config, MemHistory::new()).map_err(unusable)?;
        editor.set_helper(Some(Completion(catalog)));
        Ok(Self(Some(editor)))
    }

    async fn next(&mut self) -> Result<Option<String>, Error> {
        loop {
            let Some(mut editor) = self.0.take() else {
                return Ok(None);
            };
            // It blocks, and the connection has work to do.
            let read = tokio::task::spawn_blocking(move || {
                let line = editor.readline("farport> ");
                (editor, line)
            });
            let (editor, line) = read
                .await
                .map_err(|error| Error::Output(io::Error::other(error)))?;
            self.0 = Some(editor);
            match line {
                Ok(line) => return Ok(Some(line)),
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(unusable(error)),
            }
        }
    }
}

fn unusable(error: ReadlineError) -> Error {
    Error::Output(io::Error::other(error))
}

/// Completes commands, tools, arguments and their values.
pub(super) struct Completion(Catalog);

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let line = line.get(..position).unwrap_or_default();
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let (before, current) = line.split_at(start);
        let words: Vec<_> = before.split_whitespace().map(str::to_owned).collect();
        Ok((start, self.candidates(&words, current)))
    }
}

impl Completion {
    fn candidates(&self, words: &[String], current: &str) -> Vec<String> {
        let tools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = || tools.iter().map(|tool| tool.name.as_str());
        let fitting = |all: &mut dyn Iterator<Item = &str>| {
            let fits = all.filter(|name| name.starts_with(current));
            fits.map(str::to_owned).collect::<Vec<_>>()
        };
        let (tool, given) = match words {
            [] => return fitting(&mut COMMANDS.into_iter().chain(names())),
            [first] if matches!(first.as_str(), "call" | "tools") => return fitting(&mut names()),
            [first, tool, given @ ..] if first == "call" => (tool, given),
            [tool, given @ ..] => (tool, given),
        };
        let tool = tools.iter().find(|known| known.name == *tool);
        let schema = tool.and_then(|tool| input_schema(tool).ok());
        schema.map_or_else(Vec::new, |schema| candidates(&schema, given, "", current))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::Completion;

    #[test]
    fn commands_and_arguments_are_completed() {
        let completion = Completion(Arc::new(Mutex::new(Vec::new())));
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(completion.candidates(&[], "re"), ["read", "resources"]);
        assert!(completion.candidates(&words("call"), "").is_empty());
        assert!(completion.candidates(&words("add"), "a").is_empty());
    }
}
