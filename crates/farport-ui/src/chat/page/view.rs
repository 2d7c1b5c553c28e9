//! The chat as the page shows it.

use serde_json::{Value, json};

use super::PageChat;
use crate::chat::conversation::Message;
use crate::chat::machine::{Changes, Chat};
use crate::state::lock;

/// The most bytes of a result that an event carries. The page requests longer ones.
const INLINE: usize = 16 * 1024;

impl PageChat {
    /// Writes the events that show `changes`.
    pub(super) fn events(&self, chat: &Chat, changes: &Changes, mut send: impl FnMut(&str)) {
        if changes.reset {
            let event = json!({ "type": "chat_reset", "length": chat.messages().len() });
            send(&event.to_string());
        }
        for at in &changes.messages {
            if let Some(message) = chat.messages().get(*at) {
                let event = json!({ "type": "chat_message", "at": at, "message": shown(message) });
                send(&event.to_string());
            }
        }
        if changes.rest {
            send(&self.rest(chat).to_string());
        }
    }

    fn rest(&self, chat: &Chat) -> Value {
        let tools = chat.catalog().all().iter().map(|entry| {
            let rule = chat
                .rules()
                .find(|(server, tool, _)| (*server, *tool) == (&*entry.server, &*entry.tool));
            json!({
                "name": entry.name,
                "server": entry.server,
                "tool": entry.tool,
                "description": entry.description,
                "annotations": entry.annotations,
                "has_view": entry.has_view,
                "disabled": chat.settings().disabled.contains(&(entry.server.clone(), entry.tool.clone())),
                "rule": rule.map(|(_, _, permitted)| if permitted { "always" } else { "never" }),
            })
        });
        let others: Vec<Value> = lock(&self.others)
            .iter()
            .map(|other| other.shown())
            .collect();
        json!({
            "type": "chat",
            "phase": chat.phase(),
            "steps": chat.steps(),
            "usage": chat.total(),
            "settings": chat.settings(),
            "tools": tools.collect::<Vec<_>>(),
            "servers": others,
            "model": self.chosen(),
        })
    }
}

/// A message whose long results are left out.
fn shown(message: &Message) -> Value {
    let Message::Assistant(step) = message else {
        return json!(message);
    };
    let mut step = step.clone();
    for call in step.calls_mut().filter(|call| call.bytes > INLINE) {
        call.result = None;
    }
    json!(Message::Assistant(step))
}
