//! Export and import of a conversation.

use serde::{Deserialize, Serialize};

use super::conversation::Message;
use super::machine::{Chat, ChatSettings};

/// What identifies the format.
const FORMAT: &str = "farport-chat";
/// The version of the format.
const VERSION: u32 = 1;

/// A conversation as a file. It names no provider, key, header or address.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    format: String,
    version: u32,
    #[serde(default)]
    system: String,
    #[serde(default)]
    temperature: Option<f64>,
    messages: Vec<Message>,
}

/// The conversation as JSON.
pub(crate) fn export(chat: &Chat) -> String {
    let file = File {
        format: FORMAT.to_owned(),
        version: VERSION,
        system: chat.settings().system.clone(),
        temperature: chat.settings().temperature,
        messages: chat.messages().to_vec(),
    };
    // Strings and numbers always serialize.
    serde_json::to_string_pretty(&file).unwrap_or_default()
}

/// Reads an exported conversation.
///
/// # Errors
/// When the text is none; the error says why.
pub(crate) fn import(
    text: &str,
    settings: &ChatSettings,
) -> Result<(Vec<Message>, ChatSettings), String> {
    let file: File = serde_json::from_str(text)
        .map_err(|error| format!("this file is not an exported chat: {error}"))?;
    if file.format != FORMAT {
        return Err("this file is not an exported chat".to_owned());
    }
    if file.version != VERSION {
        return Err(format!(
            "this chat has version {} of the format; farport reads {VERSION}",
            file.version
        ));
    }
    let settings = ChatSettings {
        system: file.system,
        temperature: file.temperature,
        ..settings.clone()
    };
    Ok((file.messages, settings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::conversation::Question;

    #[test]
    fn an_exported_chat_is_imported_as_it_was() {
        let mut chat = Chat::new();
        let settings = ChatSettings {
            system: "Be brief.".into(),
            temperature: Some(0.5),
            ..Default::default()
        };
        chat.set(settings);
        let question = Question {
            text: "hello".into(),
            images: Vec::new(),
        };
        chat.replace(vec![Message::User(question)]).unwrap();
        let (messages, settings) = import(&export(&chat), &ChatSettings::default()).unwrap();
        assert!(matches!(&messages[..], [Message::User(question)] if question.text == "hello"));
        assert_eq!(
            (settings.system.as_str(), settings.temperature),
            ("Be brief.", Some(0.5))
        );
        for text in [
            "",
            "{}",
            r#"{"format":"x","version":1,"messages":[]}"#,
            r#"{"format":"farport-chat","version":2,"messages":[]}"#,
        ] {
            assert!(import(text, &ChatSettings::default()).is_err(), "{text}");
        }
    }
}
