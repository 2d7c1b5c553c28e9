//! What an error of a provider means.

use serde_json::Value;

use super::super::conversation::{Failure, FailureKind};

/// The longest message of a provider that is shown, in characters.
const LONGEST: usize = 600;

/// The failure that a response with this status and body reports.
pub(crate) fn of_response(status: u16, body: &str) -> Failure {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let mut failure = of_error(Some(status), &parsed, body);
    failure.status = Some(status);
    failure
}

/// The failure that an error in a stream reports.
pub(super) fn of_event(event: &Value) -> Failure {
    of_error(None, event, &event.to_string())
}

fn of_error(status: Option<u16>, parsed: &Value, body: &str) -> Failure {
    // OpenAI and Anthropic nest the error; others send its text, or an array with one.
    let parsed = match parsed {
        Value::Array(all) => all.first().unwrap_or(&Value::Null),
        other => other,
    };
    let error = &parsed["error"];
    let message = [
        &error["message"],
        &parsed["message"],
        error,
        &parsed["detail"],
    ]
    .into_iter()
    .find_map(Value::as_str)
    .unwrap_or(body)
    .trim();
    let message: String = message.chars().take(LONGEST).collect();
    let code = [
        &error["code"],
        &error["type"],
        &parsed["code"],
        &parsed["type"],
    ]
    .into_iter()
    .find_map(Value::as_str)
    .unwrap_or_default();
    let kind = kind(status, code, &message.to_lowercase());
    let text = match (status, message.is_empty()) {
        (Some(status), true) => format!("the provider answered with HTTP {status}"),
        (Some(status), false) => format!("the provider answered with HTTP {status}: {message}"),
        (None, _) => format!("the provider reported an error: {message}"),
    };
    let failure = Failure::new(kind, text);
    match kind {
        FailureKind::Key => failure.hint("check the key, and that it may use this model"),
        FailureKind::Busy => failure.hint("wait a moment, and retry"),
        FailureKind::Context => {
            failure.hint("drop the oldest tool results, turn off tools, or start a new chat")
        }
        _ if message.contains("--jinja") => {
            failure.hint("start llama-server with --jinja, so that models can call tools")
        }
        _ if message.contains("does not support tools") => {
            failure.hint("turn the tools off, or choose a model that supports them")
        }
        _ if status == Some(404) => failure.hint("check the model's name and the base URL"),
        _ => failure,
    }
}

fn kind(status: Option<u16>, code: &str, message: &str) -> FailureKind {
    let too_long = matches!(
        code,
        "context_length_exceeded" | "exceed_context_size_error"
    ) || [
        "context length",
        "context size",
        "context window",
        "prompt is too long",
        "maximum context",
        "too many tokens",
        "input is too long",
    ]
    .iter()
    .any(|words| message.contains(words));
    match (status, code) {
        _ if too_long => FailureKind::Context,
        (Some(413), _) => FailureKind::Context,
        (Some(401 | 403), _) | (_, "authentication_error" | "invalid_api_key") => FailureKind::Key,
        (Some(429 | 503 | 529), _)
        | (_, "overloaded_error" | "rate_limit_error" | "rate_limit_exceeded") => FailureKind::Busy,
        _ => FailureKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_recognized_however_a_provider_writes_them() {
        use FailureKind::*;
        for (status, body, kind, part) in [
            (
                401,
                r#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#,
                Key,
                "Incorrect API key",
            ),
            (403, "", Key, "HTTP 403"),
            (
                429,
                r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#,
                Busy,
                "slow down",
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Busy,
                "Overloaded",
            ),
            (
                400,
                r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#,
                Context,
                "x",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8"}}"#,
                Context,
                "9 tokens",
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
                Context,
                "exceeds",
            ),
            (
                500,
                r#"{"error":{"message":"tools param requires --jinja flag"}}"#,
                Other,
                "--jinja",
            ),
            (
                404,
                r#"{"error":"model not found"}"#,
                Other,
                "model not found",
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"gemini says no"}}]"#,
                Other,
                "gemini says no",
            ),
            (422, r#"{"detail":"bad"}"#, Other, "bad"),
            (502, "<html>bad gateway</html>", Other, "bad gateway"),
        ] {
            let failure = of_response(status, body);
            assert_eq!(failure.kind, kind, "{body}");
            assert!(failure.message.contains(part), "{failure:?}");
        }
        assert!(
            of_response(500, "tools param requires --jinja flag")
                .hint
                .unwrap()
                .contains("--jinja")
        );
        assert!(of_response(500, &"x".repeat(9999)).message.len() < 700);
    }
}
