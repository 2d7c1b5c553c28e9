//! What `farport chat` prints, and the questions that it asks on the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use farport_ui::chat::{CallState, ChatEvent, Decision};
use serde_json::Value;

use crate::error::Error;
use crate::mcp::{content, output};
use crate::terminal::{COPY, GOOD, HINT, Plain, PlainJson, PlainLines, WARNING};

/// The longest line about a call, in characters.
const LONGEST: usize = 200;

/// Prints what happens.
pub(crate) struct Screen {
    json: bool,
    /// Whether the text is printed as it arrives.
    live: bool,
    /// The text of the current step.
    text: String,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            live: !json && io::stdout().is_terminal(),
            text: String::new(),
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &ChatEvent) -> Result<(), Error> {
        if self.json {
            // Strings and numbers always serialize.
            let event = serde_json::to_string(event).unwrap_or_default();
            let mut out = io::stdout().lock();
            let written = writeln!(out, "{}", PlainJson(event));
            return written.and_then(|()| out.flush()).map_err(Error::Output);
        }
        match event {
            ChatEvent::Step { .. } => self.text.clear(),
            ChatEvent::Text { text } => {
                self.text.push_str(text);
                if self.live {
                    let mut out = io::stdout().lock();
                    let written = write!(out, "{}", PlainLines(text));
                    written.and_then(|()| out.flush()).map_err(Error::Output)?;
                }
            }
            ChatEvent::Call {
                tool,
                arguments,
                state,
                failure,
                ..
            } => {
                self.break_line()?;
                match (state, failure) {
                    (CallState::Running, _) => {
                        anstream::eprintln!("{COPY}{}{COPY:#}", Plain(call(tool, arguments)));
                    }
                    (_, Some(failure)) => anstream::eprintln!(
                        "{WARNING}not sent{WARNING:#}: {}: {}",
                        Plain(call(tool, arguments)),
                        Plain(failure)
                    ),
                    _ => {}
                }
            }
            ChatEvent::Result {
                tool,
                state,
                result,
                failure,
                ms,
                ..
            } => {
                show_result(tool, *state, result.as_ref(), failure.as_deref(), *ms);
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends the line of a text that is printed as it arrives.
    fn break_line(&mut self) -> Result<(), Error> {
        if self.live && !self.text.is_empty() && !self.text.ends_with('\n') {
            println!();
            self.text.push('\n');
        }
        Ok(())
    }

    /// Prints the answer, if there is one and it has not been printed.
    pub(crate) fn finish(&mut self, answered: bool) -> Result<(), Error> {
        match (self.json, self.live) {
            (true, _) => Ok(()),
            (false, true) => self.break_line(),
            (false, false) if self.text.is_empty() || !answered => Ok(()),
            (false, false) => output::text(self.text.trim_end()),
        }
    }
}

/// A call on one line.
fn call(tool: &str, arguments: &Value) -> String {
    let line = format!("{tool} {arguments}");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn show_result(
    tool: &str,
    state: CallState,
    result: Option<&Value>,
    failure: Option<&str>,
    ms: Option<u64>,
) {
    let took = ms.map(|ms| format!(" ({ms} ms)")).unwrap_or_default();
    match (state, result) {
        (CallState::Done, Some(result)) => {
            let rendered = content::tool_result(result);
            let first = rendered.text.lines().next().unwrap_or_default();
            let first: String = first.chars().take(LONGEST).collect();
            let (style, word) = if result["isError"] == true {
                (WARNING, "error")
            } else {
                (GOOD, "result")
            };
            anstream::eprintln!("  {style}{word}{style:#}{took}: {}", Plain(first));
        }
        (CallState::Refused, _) => anstream::eprintln!("  {HINT}refused{HINT:#}: {}", Plain(tool)),
        _ => anstream::eprintln!(
            "  {WARNING}failed{WARNING:#}{took}: {}",
            Plain(failure.unwrap_or("no result"))
        ),
    }
}

/// Asks on the terminal whether a call is permitted. `None` at the end of the input.
pub(crate) fn ask(server: &str, tool: &str, arguments: &Value) -> Option<Decision> {
    let stdin = io::stdin();
    loop {
        anstream::eprint!(
            "Permit {COPY}{}{COPY:#} on {}? [y]es, [a]lways, [n]o, ne[v]er: ",
            Plain(call(tool, arguments)),
            Plain(server)
        );
        // A terminal that cannot be written to answers nothing.
        let _ = io::stderr().flush();
        let mut line = String::new();
        match stdin.lock().read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return Some(Decision::Once),
            "a" | "always" => return Some(Decision::Always),
            "n" | "no" => return Some(Decision::Refuse),
            "v" | "never" => return Some(Decision::Never),
            _ => {}
        }
    }
}
