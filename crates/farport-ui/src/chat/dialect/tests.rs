//! What servers that call themselves compatible really send, and what is sent to them.

use serde_json::{Value, json};

use super::super::catalog::{Catalog, Offered};
use super::super::conversation::{
    Call, CallState, Failure, FailureKind, Image, Message, Part, Question, Step, Stop, Usage,
};
use super::{Dialect, ModelEvent, Reader, Request};

/// A whole response.
#[derive(Debug, Default, PartialEq)]
struct Response {
    text: String,
    reasoning: String,
    signature: String,
    calls: Vec<(String, String, String)>,
    usage: Option<Usage>,
    stop: Option<Stop>,
}

fn read(dialect: Dialect, events: &[(&str, String)]) -> Result<Response, Failure> {
    let mut reader = Reader::new(dialect);
    let mut all = Vec::new();
    for (name, data) in events {
        all.extend(reader.event(name, data)?);
    }
    all.extend(reader.end()?);
    let mut response = Response::default();
    for event in all {
        match event {
            ModelEvent::Text(text) => response.text.push_str(&text),
            ModelEvent::Reasoning(text) => response.reasoning.push_str(&text),
            ModelEvent::Signature(text) | ModelEvent::Redacted(text) => {
                response.signature.push_str(&text)
            }
            ModelEvent::Call { slot, id, name } => {
                assert_eq!(slot, response.calls.len());
                response.calls.push((id, name, String::new()));
            }
            ModelEvent::Arguments { slot, text } => response.calls[slot].2.push_str(&text),
            ModelEvent::Usage(usage) => response.usage = Some(usage),
            ModelEvent::Stop(stop) => response.stop = Some(stop),
        }
    }
    Ok(response)
}

fn openai(deltas: &[Value]) -> Result<Response, Failure> {
    let mut events: Vec<_> = deltas
        .iter()
        .map(|delta| ("", json!({ "choices": [{ "delta": delta }] }).to_string()))
        .collect();
    events.push(("", "[DONE]".to_owned()));
    read(Dialect::Openai, &events)
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

#[test]
fn tool_calls_are_read_however_a_compatible_server_writes_them() {
    let add = |arguments: Value| json!({ "name": "add", "arguments": arguments });
    for (what, deltas, expected) in [
        (
            "as OpenAI does",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": add(json!("")) }] }),
                json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"a\":" } }] }),
                json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "1}" } }] }),
            ],
            vec![call("c1", "add", r#"{"a":1}"#)],
        ),
        (
            "two at a time, mixed",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": add(json!("")) }, { "index": 1, "id": "c2", "function": add(json!("")) }] }),
                json!({ "tool_calls": [{ "index": 1, "function": { "arguments": "{\"a\":2}" } }] }),
                json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"a\":1}" } }] }),
            ],
            vec![
                call("c1", "add", r#"{"a":1}"#),
                call("c2", "add", r#"{"a":2}"#),
            ],
        ),
        (
            "an empty name in later deltas",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": add(json!("{")) }] }),
                json!({ "tool_calls": [{ "index": 0, "id": "", "function": { "name": "", "arguments": "}" } }] }),
            ],
            vec![call("c1", "add", "{}")],
        ),
        (
            "the name in every delta",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": add(json!("{")) }] }),
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": add(json!("}")) }] }),
            ],
            vec![call("c1", "add", "{}")],
        ),
        (
            "no arguments",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": { "name": "add" } }] }),
            ],
            vec![call("c1", "add", "")],
        ),
        (
            "arguments as an object",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": add(json!({ "a": 1 })) }] }),
            ],
            vec![call("c1", "add", r#"{"a":1}"#)],
        ),
        (
            "no id",
            vec![
                json!({ "tool_calls": [{ "index": 0, "function": add(json!("{}")) }, { "index": 1, "function": add(json!("{}")) }] }),
            ],
            vec![call("call_1", "add", "{}"), call("call_2", "add", "{}")],
        ),
        (
            "no index",
            vec![
                json!({ "tool_calls": [{ "id": "c1", "function": add(json!("{\"a\"")) }] }),
                json!({ "tool_calls": [{ "function": { "arguments": ":1}" } }] }),
                json!({ "tool_calls": [{ "id": "c2", "function": add(json!("{}")) }] }),
            ],
            vec![call("c1", "add", r#"{"a":1}"#), call("c2", "add", "{}")],
        ),
        (
            "no index and no id",
            vec![
                json!({ "tool_calls": [{ "function": add(json!("{}")) }] }),
                json!({ "tool_calls": [{ "function": add(json!("{}")) }] }),
            ],
            vec![call("call_1", "add", "{}"), call("call_2", "add", "{}")],
        ),
        (
            "every index 0",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": add(json!("{}")) }] }),
                json!({ "tool_calls": [{ "index": 0, "id": "c2", "function": add(json!("{}")) }] }),
            ],
            vec![call("c1", "add", "{}"), call("c2", "add", "{}")],
        ),
        (
            "arguments before the name",
            vec![
                json!({ "tool_calls": [{ "index": 0, "id": "c1", "function": { "arguments": "{" } }] }),
                json!({ "tool_calls": [{ "index": 0, "function": { "name": "add", "arguments": "}" } }] }),
            ],
            vec![call("c1", "add", "{}")],
        ),
    ] {
        assert_eq!(openai(&deltas).unwrap().calls, expected, "{what}");
    }
}

#[test]
fn text_and_reasoning_are_read_wherever_they_are() {
    for (what, deltas, reasoning, text) in [
        (
            "content",
            vec![json!({ "content": "4" }), json!({ "content": "2" })],
            "",
            "42",
        ),
        (
            "null content",
            vec![
                json!({ "role": "assistant", "content": null }),
                json!({ "content": "42" }),
            ],
            "",
            "42",
        ),
        (
            "parts",
            vec![json!({ "content": [{ "type": "text", "text": "42" }] })],
            "",
            "42",
        ),
        (
            "reasoning",
            vec![json!({ "reasoning": "why" }), json!({ "content": "42" })],
            "why",
            "42",
        ),
        (
            "reasoning_content",
            vec![
                json!({ "reasoning_content": "why", "content": "" }),
                json!({ "content": "42" }),
            ],
            "why",
            "42",
        ),
        (
            "both",
            vec![json!({ "reasoning_content": "why", "reasoning": "why" })],
            "why",
            "",
        ),
        (
            "tags",
            vec![
                json!({ "content": "<thi" }),
                json!({ "content": "nk>why</think>42" }),
            ],
            "why",
            "42",
        ),
        (
            "refusal",
            vec![json!({ "refusal": "I will not" })],
            "",
            "I will not",
        ),
    ] {
        let response = openai(&deltas).unwrap();
        assert_eq!(
            (&*response.reasoning, &*response.text),
            (reasoning, text),
            "{what}"
        );
    }
}

#[test]
fn a_stream_ends_as_servers_end_it() {
    let chunk = |value: Value| ("", value.to_string());
    let finish =
        |reason: &str| chunk(json!({ "choices": [{ "delta": {}, "finish_reason": reason }] }));
    let text = chunk(json!({ "choices": [{ "delta": { "content": "42" } }] }));
    let usage = chunk(
        json!({ "choices": [], "usage": { "prompt_tokens": 9, "completion_tokens": 2,
        "prompt_tokens_details": { "cached_tokens": 4 } } }),
    );
    let used = Some(Usage {
        input: 9,
        output: 2,
        cached: 4,
    });

    // No [DONE], and usage in a chunk without choices.
    let response = read(
        Dialect::Openai,
        &[text.clone(), finish("stop"), usage.clone()],
    )
    .unwrap();
    assert_eq!((response.stop, response.usage), (Some(Stop::End), used));
    for (reason, stop) in [
        ("length", Stop::Length),
        ("tool_calls", Stop::Tools),
        ("content_filter", Stop::Filter),
        ("eos", Stop::End),
    ] {
        assert_eq!(
            read(Dialect::Openai, &[text.clone(), finish(reason)])
                .unwrap()
                .stop,
            Some(stop)
        );
    }
    // A response that is no stream.
    let whole =
        chunk(json!({ "choices": [{ "message": { "content": "42" }, "finish_reason": "stop" }] }));
    assert_eq!(read(Dialect::Openai, &[whole]).unwrap().text, "42");

    for (events, kind) in [
        (vec![text.clone()], FailureKind::Broken),
        (vec![], FailureKind::Broken),
        (vec![("", "{not json".to_owned())], FailureKind::Malformed),
        (
            vec![
                text.clone(),
                chunk(json!({ "error": { "message": "Overloaded", "type": "overloaded_error" } })),
            ],
            FailureKind::Busy,
        ),
        (vec![chunk(json!({ "error": "no" }))], FailureKind::Other),
    ] {
        assert_eq!(
            read(Dialect::Openai, &events).unwrap_err().kind,
            kind,
            "{events:?}"
        );
    }
}

fn anthropic(events: &[Value]) -> Result<Response, Failure> {
    let events: Vec<_> = events.iter().map(|event| ("", event.to_string())).collect();
    read(Dialect::Anthropic, &events)
}

#[test]
fn a_stream_of_anthropic_is_read_with_its_signatures() {
    let block = |index: u64, block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    let delta = |index: u64, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let response = anthropic(&[
        json!({ "type": "message_start", "message": { "usage": { "input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1 } } }),
        json!({ "type": "ping" }),
        block(0, json!({ "type": "thinking", "thinking": "" })),
        delta(0, json!({ "type": "thinking_delta", "thinking": "why" })),
        delta(0, json!({ "type": "signature_delta", "signature": "sig" })),
        json!({ "type": "content_block_stop", "index": 0 }),
        block(1, json!({ "type": "text", "text": "" })),
        delta(1, json!({ "type": "text_delta", "text": "I add." })),
        block(2, json!({ "type": "tool_use", "id": "t1", "name": "add", "input": {} })),
        delta(2, json!({ "type": "input_json_delta", "partial_json": "{\"a\"" })),
        delta(2, json!({ "type": "input_json_delta", "partial_json": ":1}" })),
        block(3, json!({ "type": "tool_use", "id": "t2", "name": "add", "input": { "a": 2 } })),
        json!({ "type": "content_block_stop", "index": 3 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 7 } }),
        json!({ "type": "message_stop" }),
    ])
    .unwrap();
    assert_eq!(
        response,
        Response {
            text: "I add.".to_owned(),
            reasoning: "why".to_owned(),
            signature: "sig".to_owned(),
            calls: vec![
                call("t1", "add", r#"{"a":1}"#),
                call("t2", "add", r#"{"a":2}"#)
            ],
            usage: Some(Usage {
                input: 15,
                output: 7,
                cached: 5
            }),
            stop: Some(Stop::Tools),
        }
    );

    let whole = anthropic(&[json!({ "type": "message", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "42" }, { "type": "tool_use", "id": "t", "name": "add", "input": { "a": 1 } }],
        "usage": { "input_tokens": 3, "output_tokens": 1 } })]).unwrap();
    assert_eq!(
        (&*whole.text, whole.calls),
        ("42", vec![call("t", "add", r#"{"a":1}"#)])
    );

    for (events, kind) in [
        (
            vec![
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }),
            ],
            FailureKind::Busy,
        ),
        (
            vec![delta(0, json!({ "type": "text_delta", "text": "4" }))],
            FailureKind::Broken,
        ),
        (vec![], FailureKind::Broken),
    ] {
        assert_eq!(anthropic(&events).unwrap_err().kind, kind, "{events:?}");
    }
}

fn conversation() -> Vec<Message> {
    let done = |number: u64, id: &str, result: Value| {
        Part::Call(Box::new(Call {
            number,
            id: id.to_owned(),
            name: "draw".to_owned(),
            arguments: r#"{"n":42}"#.to_owned(),
            state: CallState::Done,
            result: Some(result),
            ..Call::default()
        }))
    };
    vec![
        Message::User(Question {
            text: "Draw".to_owned(),
            images: vec![Image {
                mime: "image/png".to_owned(),
                data: "QQ==".to_owned(),
            }],
        }),
        Message::Assistant(Step {
            parts: vec![
                Part::Reasoning {
                    text: "why".to_owned(),
                    signature: Some("sig".to_owned()),
                    redacted: None,
                },
                Part::Reasoning {
                    text: "unsigned".to_owned(),
                    signature: None,
                    redacted: None,
                },
                Part::Text {
                    text: "Yes.".to_owned(),
                },
                done(
                    1,
                    "c1",
                    json!({ "content": [{ "type": "image", "mimeType": "image/png", "data": "Qg==" }] }),
                ),
                done(
                    2,
                    "c:2",
                    json!({ "content": [{ "type": "text", "text": "no" }], "isError": true }),
                ),
            ],
            ..Step::default()
        }),
        Message::User(Question {
            text: "Again".to_owned(),
            images: vec![],
        }),
    ]
}

fn body(dialect: Dialect) -> Value {
    let catalog = Catalog::new(vec![Offered {
        tool: "draw".to_owned(),
        description: "Draws".to_owned(),
        schema: json!({ "type": "object", "properties": {} }),
        ..Offered::default()
    }]);
    dialect.request(&Request {
        model: "m",
        system: "Be brief.",
        temperature: Some(0.5),
        max_tokens: Some(100),
        messages: &conversation(),
        tools: &catalog.all().iter().collect::<Vec<_>>(),
        completion_tokens: false,
    })
}

#[test]
fn openai_receives_images_of_results_in_a_message_of_the_user() {
    let body = body(Dialect::Openai);
    let (first, second) = ("data:image/png;base64,QQ==", "data:image/png;base64,Qg==");
    assert_eq!(
        body["messages"],
        json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Draw" }, { "type": "image_url", "image_url": { "url": first } }] },
            { "role": "assistant", "content": "Yes.", "tool_calls": [
                { "id": "c1", "type": "function", "function": { "name": "draw", "arguments": "{\"n\":42}" } },
                { "id": "c:2", "type": "function", "function": { "name": "draw", "arguments": "{\"n\":42}" } },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": "The result is in the images that follow." },
            { "role": "tool", "tool_call_id": "c:2", "content": "no" },
            { "role": "user", "content": [{ "type": "text", "text": "The images in the result of draw:" }, { "type": "image_url", "image_url": { "url": second } }] },
            { "role": "user", "content": "Again" },
        ])
    );
    assert_eq!(body["tools"][0]["function"]["name"], "draw");
    assert_eq!(
        (&body["temperature"], &body["max_tokens"]),
        (&json!(0.5), &json!(100))
    );
    assert_eq!(body["stream_options"]["include_usage"], true);
}

#[test]
fn anthropic_receives_signed_reasoning_and_images_within_results() {
    let body = body(Dialect::Anthropic);
    let image = |data: &str| json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } });
    assert_eq!(
        body["messages"],
        json!([
            { "role": "user", "content": [image("QQ=="), { "type": "text", "text": "Draw" }] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "why", "signature": "sig" },
                { "type": "text", "text": "Yes." },
                { "type": "tool_use", "id": "c1", "name": "draw", "input": { "n": 42 } },
                { "type": "tool_use", "id": "c_2", "name": "draw", "input": { "n": 42 } },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "c1", "content": [image("Qg==")], "is_error": false },
                { "type": "tool_result", "tool_use_id": "c_2", "content": [{ "type": "text", "text": "no" }], "is_error": true },
                { "type": "text", "text": "Again" },
            ] },
        ])
    );
    assert_eq!(
        (&body["system"], &body["max_tokens"]),
        (&json!("Be brief."), &json!(100))
    );
    assert_eq!(body["tools"][0]["input_schema"]["type"], "object");
}
