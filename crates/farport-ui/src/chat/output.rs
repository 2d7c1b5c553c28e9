//! The result of a tool, as a model receives it: text and images.

use serde_json::Value;

use super::conversation::{Call, CallState, Image};

/// The most text of one result that a model receives, in bytes.
const MOST_TEXT: usize = 256 * 1024;
/// The most images of one result.
const MOST_IMAGES: usize = 8;
/// The media types of images that providers accept.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// What a model receives of a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ForModel {
    pub(crate) text: String,
    pub(crate) images: Vec<Image>,
    pub(crate) is_error: bool,
}

/// What a model receives of a call. Every call has an answer, because providers require one.
pub(crate) fn for_model(call: &Call) -> ForModel {
    let error = |text: String| ForModel {
        text,
        images: Vec::new(),
        is_error: true,
    };
    match (call.state, &call.result) {
        _ if call.dropped => ForModel {
            text: "[The user dropped this result to save space.]".to_owned(),
            ..ForModel::default()
        },
        (CallState::Done, Some(result)) => of_result(result),
        (CallState::Refused, _) => error(
            "The user did not permit this call. Do not repeat it unless the user requests it."
                .to_owned(),
        ),
        (CallState::Failed | CallState::Invalid, _) => {
            error(call.failure.clone().unwrap_or_default())
        }
        _ => error("The user stopped this call before it had a result.".to_owned()),
    }
}

fn of_result(result: &Value) -> ForModel {
    let mut texts = Vec::new();
    let mut images = Vec::new();
    let empty = Vec::new();
    let content = result["content"].as_array().unwrap_or(&empty);
    for block in content {
        match block["type"].as_str() {
            Some("text") => texts.push(block["text"].as_str().unwrap_or_default().to_owned()),
            Some("image") => match image(&block["mimeType"], &block["data"]) {
                Some(image) if images.len() < MOST_IMAGES => images.push(image),
                _ => texts.push("[An image that the model cannot receive.]".to_owned()),
            },
            Some("audio") => texts.push(format!(
                "[An audio clip ({}). The user can play it; the model cannot receive it.]",
                block["mimeType"].as_str().unwrap_or("unknown type")
            )),
            Some("resource_link") => texts.push(format!(
                "[A link to the resource {} ({}).]",
                block["uri"].as_str().unwrap_or_default(),
                block["name"].as_str().unwrap_or_default()
            )),
            Some("resource") => {
                let resource = &block["resource"];
                let uri = resource["uri"].as_str().unwrap_or_default();
                if let Some(text) = resource["text"].as_str() {
                    texts.push(format!("[The resource {uri}:]\n{text}"));
                } else if let Some(image) = image(&resource["mimeType"], &resource["blob"])
                    && images.len() < MOST_IMAGES
                {
                    images.push(image);
                } else {
                    texts.push(format!("[The resource {uri}, which is not text.]"));
                }
            }
            _ => texts.push(block.to_string()),
        }
    }
    if content.is_empty() && !result["structuredContent"].is_null() {
        texts.push(result["structuredContent"].to_string());
    }
    if texts.is_empty() && images.is_empty() {
        texts.push("The call succeeded and returned no content.".to_owned());
    }
    ForModel {
        text: bounded(texts.join("\n")),
        images,
        is_error: result["isError"] == true,
    }
}

fn image(mime: &Value, data: &Value) -> Option<Image> {
    let (mime, data) = (mime.as_str()?, data.as_str()?);
    IMAGES.contains(&mime).then(|| Image {
        mime: mime.to_owned(),
        data: data.to_owned(),
    })
}

fn bounded(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        let whole = text.len();
        let mut end = MOST_TEXT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(&format!("\n[Cut here: the result has {whole} bytes.]"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn done(result: Value) -> ForModel {
        for_model(&Call {
            state: CallState::Done,
            result: Some(result),
            ..Call::default()
        })
    }

    #[test]
    fn every_kind_of_content_reaches_the_model_as_text_or_image() {
        let png = json!({ "type": "image", "mimeType": "image/png", "data": "AAAA" });
        for (content, text, images) in [
            (json!([{ "type": "text", "text": "42" }]), "42", 0),
            (json!([png]), "", 1),
            (
                json!([{ "type": "image", "mimeType": "image/svg+xml", "data": "AAAA" }]),
                "[An image that the model cannot receive.]",
                0,
            ),
            (
                json!([{ "type": "audio", "mimeType": "audio/wav", "data": "AAAA" }]),
                "[An audio clip (audio/wav). The user can play it; the model cannot receive it.]",
                0,
            ),
            (
                json!([{ "type": "resource_link", "uri": "a://b", "name": "n" }]),
                "[A link to the resource a://b (n).]",
                0,
            ),
            (
                json!([{ "type": "resource", "resource": { "uri": "a://b", "text": "t" } }]),
                "[The resource a://b:]\nt",
                0,
            ),
            (
                json!([{ "type": "resource", "resource": { "uri": "a://b", "mimeType": "image/png", "blob": "AA" } }]),
                "",
                1,
            ),
            (json!([]), "The call succeeded and returned no content.", 0),
        ] {
            let got = done(json!({ "content": content }));
            assert_eq!(
                (got.text.as_str(), got.images.len()),
                (text, images),
                "{content}"
            );
        }
        let structured = done(json!({ "content": [], "structuredContent": { "a": 1 } }));
        assert_eq!(structured.text, r#"{"a":1}"#);
        assert!(done(json!({ "isError": true, "content": [] })).is_error);
    }

    #[test]
    fn a_call_without_a_result_still_has_an_answer_and_a_long_one_is_cut() {
        for state in [CallState::Refused, CallState::Cancelled, CallState::Waiting] {
            let call = Call {
                state,
                ..Call::default()
            };
            assert!(for_model(&call).is_error && !for_model(&call).text.is_empty());
        }
        let long = done(json!({ "content": [{ "type": "text", "text": "é".repeat(MOST_TEXT) }] }));
        assert!(long.text.len() < MOST_TEXT + 100 && long.text.ends_with("bytes.]"));
    }
}
