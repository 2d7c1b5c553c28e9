//! What a result holds, made ready for standard output.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// A result on its way to standard output, with notes for standard error about what text cannot show.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rendered {
    /// The text, without a newline at its end.
    pub(crate) text: String,
    /// One line for each part that has no text.
    pub(crate) notes: Vec<String>,
}

/// Renders the content of a tool's result: its text, or its structured content if it has no text.
pub(crate) fn tool_result(result: &Value) -> Rendered {
    let blocks = result["content"].as_array();
    let mut rendered = blocks_of(blocks.into_iter().flatten());
    let structured = &result["structuredContent"];
    if rendered.text.is_empty() && !structured.is_null() {
        rendered.text = pretty(structured);
    }
    rendered
}

/// Renders what `resources/read` returned.
pub(crate) fn resource(result: &Value) -> Rendered {
    let contents = result["contents"].as_array();
    let mut rendered = Rendered::default();
    for content in contents.into_iter().flatten() {
        rendered.resource(content);
    }
    rendered
}

/// Renders the messages of a prompt, each with its role.
pub(crate) fn prompt(result: &Value) -> Rendered {
    let mut rendered = Rendered::default();
    let messages = result["messages"].as_array();
    for message in messages.into_iter().flatten() {
        let role = message["role"].as_str().unwrap_or("unknown");
        let one = blocks_of(std::iter::once(&message["content"]));
        rendered.line(&format!("{role}: {}", one.text));
        rendered.notes.extend(one.notes);
    }
    rendered
}

/// The bytes of the first image, audio or binary resource of a result, or else its text.
///
/// # Errors
/// When the server sent base64 that does not decode.
pub(crate) fn bytes(result: &Value) -> Result<Vec<u8>, base64::DecodeError> {
    let lists = ["content", "contents"].map(|name| result[name].as_array());
    let encoded = lists.into_iter().flatten().flatten().find_map(|block| {
        let places = [&block["data"], &block["blob"], &block["resource"]["blob"]];
        places.into_iter().find_map(Value::as_str)
    });
    match encoded {
        Some(encoded) => STANDARD.decode(encoded),
        None => {
            let rendered = if result["contents"].is_array() {
                resource(result)
            } else {
                tool_result(result)
            };
            Ok(rendered.text.into_bytes())
        }
    }
}

fn blocks_of<'a>(blocks: impl Iterator<Item = &'a Value>) -> Rendered {
    let mut rendered = Rendered::default();
    for block in blocks {
        match block["type"].as_str().unwrap_or_default() {
            "text" => rendered.line(block["text"].as_str().unwrap_or_default()),
            "resource" => rendered.resource(&block["resource"]),
            "resource_link" => rendered.line(block["uri"].as_str().unwrap_or_default()),
            kind => rendered.binary(kind, block, &block["data"]),
        }
    }
    rendered
}

impl Rendered {
    fn line(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    fn resource(&mut self, content: &Value) {
        match content["text"].as_str() {
            Some(text) => self.line(text),
            None => self.binary("resource", content, &content["blob"]),
        }
    }

    fn binary(&mut self, kind: &str, block: &Value, encoded: &Value) {
        let what = block["mimeType"].as_str().unwrap_or(kind);
        let size = encoded.as_str().map_or(0, |text| text.len() / 4 * 3);
        self.notes.push(format!(
            "{what}, about {} KB, is not text. Save it with --output FILE.",
            size.div_ceil(1000)
        ));
    }
}

/// JSON with two spaces of indentation.
pub(crate) fn pretty(value: &Value) -> String {
    // A value that came from JSON can always be written as JSON.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Rendered, bytes, prompt, resource, tool_result};
    use serde_json::json;

    fn text(text: &str) -> Rendered {
        Rendered {
            text: text.to_owned(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_tool_s_text_is_the_result() {
        for (result, expected) in [
            (
                json!({"content": [{"type": "text", "text": "42"}]}),
                text("42"),
            ),
            (
                json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
                text("a\nb"),
            ),
            (
                json!({"content": [{"type": "text", "text": "a"}], "structuredContent": {"x": 1}}),
                text("a"),
            ),
            (
                json!({"content": [], "structuredContent": {"x": 1}}),
                text("{\n  \"x\": 1\n}"),
            ),
            (
                json!({"content": [{"type": "resource_link", "uri": "file:///a", "name": "a"}]}),
                text("file:///a"),
            ),
            (
                json!({"content": [{"type": "resource", "resource": {"uri": "x:y", "text": "inside"}}]}),
                text("inside"),
            ),
            (json!({"content": []}), text("")),
            (json!({}), text("")),
        ] {
            assert_eq!(tool_result(&result), expected, "{result}");
        }
    }

    #[test]
    fn what_is_not_text_is_named_and_can_be_saved() {
        let result = json!({"content": [
            {"type": "text", "text": "a picture"},
            {"type": "image", "mimeType": "image/png", "data": "AAEC"},
        ]});
        let rendered = tool_result(&result);
        assert_eq!(rendered.text, "a picture");
        assert_eq!(
            rendered.notes,
            ["image/png, about 1 KB, is not text. Save it with --output FILE."]
        );
        assert_eq!(bytes(&result).unwrap(), [0, 1, 2]);
        let read = json!({"contents": [{"uri": "x:y", "blob": "/w=="}]});
        assert_eq!(resource(&read).notes.len(), 1);
        assert_eq!(bytes(&read).unwrap(), [255]);
        assert_eq!(
            bytes(&json!({"content": [{"type": "text", "text": "t"}]})).unwrap(),
            b"t"
        );
        assert!(bytes(&json!({"contents": [{"blob": "?"}]})).is_err());
    }

    #[test]
    fn a_prompt_s_messages_have_their_roles() {
        let result = json!({"messages": [
            {"role": "user", "content": {"type": "text", "text": "Hello"}},
            {"role": "assistant", "content": {"type": "text", "text": "Hi"}},
        ]});
        assert_eq!(prompt(&result), text("user: Hello\nassistant: Hi"));
    }
}
