//! Reasoning that a model writes into its text, between `<think>` and `</think>`.

use super::ModelEvent;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Splits text into reasoning and answer.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    at: At,
    /// Text that may be the start of a tag.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Only white space has come.
    #[default]
    Start,
    Thinking,
    Answer,
}

impl Splitter {
    pub(super) fn push(&mut self, text: &str) -> Vec<ModelEvent> {
        self.held.push_str(text);
        let mut events = Vec::new();
        loop {
            match self.at {
                At::Start => {
                    let trimmed = self.held.trim_start();
                    if let Some(rest) = trimmed.strip_prefix(OPEN) {
                        self.held = rest.to_owned();
                        self.at = At::Thinking;
                    } else if OPEN.starts_with(trimmed) {
                        return events;
                    } else {
                        self.at = At::Answer;
                    }
                }
                At::Thinking => {
                    if let Some(end) = self.held.find(CLOSE) {
                        let rest = self.held.split_off(end);
                        emit(
                            &mut events,
                            ModelEvent::Reasoning(std::mem::take(&mut self.held)),
                        );
                        self.held = rest[CLOSE.len()..].trim_start().to_owned();
                        self.at = At::Answer;
                    } else {
                        let keep = partial(&self.held);
                        let rest = self.held.split_off(self.held.len() - keep);
                        emit(
                            &mut events,
                            ModelEvent::Reasoning(std::mem::take(&mut self.held)),
                        );
                        self.held = rest;
                        return events;
                    }
                }
                At::Answer => {
                    emit(
                        &mut events,
                        ModelEvent::Text(std::mem::take(&mut self.held)),
                    );
                    return events;
                }
            }
        }
    }

    pub(super) fn end(&mut self) -> Vec<ModelEvent> {
        let mut events = Vec::new();
        let held = std::mem::take(&mut self.held);
        let event = match self.at {
            At::Thinking => ModelEvent::Reasoning(held),
            _ => ModelEvent::Text(held),
        };
        emit(&mut events, event);
        events
    }
}

fn emit(events: &mut Vec<ModelEvent>, event: ModelEvent) {
    if !matches!(&event, ModelEvent::Text(text) | ModelEvent::Reasoning(text) if text.is_empty()) {
        events.push(event);
    }
}

/// How many bytes at the end may be the start of the closing tag.
fn partial(text: &str) -> usize {
    (1..CLOSE.len())
        .rev()
        .find(|length| text.ends_with(&CLOSE[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let mut splitter = Splitter::default();
        let mut events: Vec<_> = pieces
            .iter()
            .flat_map(|piece| splitter.push(piece))
            .collect();
        events.extend(splitter.end());
        let (mut reasoning, mut answer) = (String::new(), String::new());
        for event in events {
            match event {
                ModelEvent::Reasoning(text) => reasoning.push_str(&text),
                ModelEvent::Text(text) => answer.push_str(&text),
                other => unreachable!("{other:?}"),
            }
        }
        (reasoning, answer)
    }

    #[test]
    fn tags_split_the_text_however_it_is_cut() {
        for (text, reasoning, answer) in [
            ("<think>why</think>\n\n42", "why", "42"),
            ("\n <think>a < b</think>c", "a < b", "c"),
            ("42 <think>no</think>", "", "42 <think>no</think>"),
            ("<think>open", "open", ""),
            ("<thin", "", "<thin"),
            ("", "", ""),
        ] {
            let expected = (reasoning.to_owned(), answer.to_owned());
            assert_eq!(split(&[text]), expected, "{text:?}");
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            let (thought, said) = split(&letters);
            assert_eq!(
                (thought.as_str(), said.trim_start()),
                (reasoning, answer),
                "{text:?}"
            );
        }
    }
}
