//! The timeline as a file: one JSON object per line, or HAR 1.2. Secrets were masked when it was recorded.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::exchange::Exchange;
use crate::timeline::{Content, Entry, Timeline};

/// The timeline, one entry per line.
pub(crate) fn ndjson(timeline: &Timeline) -> String {
    let mut text = String::new();
    for entry in timeline.iter() {
        text.push_str(&line(entry).to_string());
        text.push('\n');
    }
    text
}

fn line(entry: &Entry) -> Value {
    let at = rfc3339(entry.at);
    match &entry.content {
        Content::Message(message) => {
            // A message that was cut is text.
            let raw: Option<&RawValue> = serde_json::from_str(&message.text).ok();
            let content = match raw {
                Some(raw) => json!(raw),
                None => json!(message.text),
            };
            json!({
                "seq": entry.seq,
                "at": at,
                "type": "message",
                "direction": message.direction,
                "kind": message.kind,
                "method": message.method,
                "ms": message.ms,
                "message": content,
            })
        }
        Content::Http(exchange) => json!({
            "seq": entry.seq, "at": at, "type": "http", "exchange": exchange,
        }),
        Content::Note(note) => json!({
            "seq": entry.seq, "at": at, "type": "note", "topic": note.topic, "text": note.text,
        }),
    }
}

/// The HTTP exchanges of the timeline as HAR 1.2.
pub(crate) fn har(timeline: &Timeline) -> String {
    let entries: Vec<Value> = timeline
        .iter()
        .filter_map(|entry| match &entry.content {
            Content::Http(exchange) => Some(har_entry(entry.at, exchange)),
            _ => None,
        })
        .collect();
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "farport inspect", "version": env!("CARGO_PKG_VERSION") },
        "entries": entries,
    } })
    .to_string()
}

fn har_entry(at: u64, exchange: &Exchange) -> Value {
    let headers = |all: &[(String, String)]| -> Vec<Value> {
        all.iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect()
    };
    let query: Vec<Value> = farport_client::parse_url(&exchange.url)
        .map(|url| {
            url.query_pairs()
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect()
        })
        .unwrap_or_default();
    let mut request = json!({
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&exchange.request_headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": exchange.request_body.length,
    });
    if exchange.request_body.length > 0 {
        request["postData"] = json!({
            "mimeType": media_type(&exchange.request_headers),
            "text": exchange.request_body.text,
        });
    }
    let head = exchange.head_ms.or(exchange.ms).unwrap_or(0.0);
    let total = exchange.ms.unwrap_or(head).max(head);
    let body = response_text(exchange);
    let status = exchange.status.unwrap_or(0);
    let reason = axum::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let location = exchange
        .response_headers
        .iter()
        .find(|(name, _)| name == "location")
        .map_or("", |(_, value)| value);
    let mut entry = json!({
        "startedDateTime": rfc3339(at),
        "time": total,
        "request": request,
        "response": {
            "status": status,
            "statusText": reason,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": headers(&exchange.response_headers),
            "content": {
                "size": body.len(),
                "mimeType": media_type(&exchange.response_headers),
                "text": body,
            },
            "redirectURL": location,
            "headersSize": -1,
            "bodySize": exchange.bytes,
        },
        "cache": {},
        "timings": { "send": 0, "wait": head, "receive": total - head },
        "comment": exchange.purpose,
    });
    if let Some(error) = &exchange.error {
        entry["_error"] = json!(error);
    }
    entry
}

/// The body, or the events of the stream as they were sent.
fn response_text(exchange: &Exchange) -> String {
    if let Some(body) = &exchange.response_body {
        return body.text.clone();
    }
    let mut text = String::new();
    for event in &exchange.events {
        if !event.name.is_empty() {
            text.push_str(&format!("event: {}\n", event.name));
        }
        if let Some(id) = &event.id {
            text.push_str(&format!("id: {id}\n"));
        }
        for line in event.data.text.split('\n') {
            text.push_str(&format!("data: {line}\n"));
        }
        text.push('\n');
    }
    text
}

fn media_type(headers: &[(String, String)]) -> &str {
    headers
        .iter()
        .find(|(name, _)| name == "content-type")
        .map_or("", |(_, value)| value)
}

/// A time in milliseconds since 1970, as RFC 3339 in UTC.
fn rfc3339(at: u64) -> String {
    let (seconds, millis) = (at / 1000, at % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counts from 0000-03-01, so that the leap day is the last of its year.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        second / 3600,
        second % 3600 / 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Direction, Kind, Message, Note, Topic};

    #[test]
    fn times_are_written_in_utc() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_867_199_999, "2026-11-28T11:59:59.999Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(at), text);
        }
    }

    #[test]
    fn each_line_is_an_entry() {
        let mut timeline = Timeline::default();
        timeline.push(
            0,
            Content::Message(Message {
                direction: Direction::Out,
                kind: Kind::Request,
                method: "tools/call".to_owned(),
                id: Some("1".to_owned()),
                ms: None,
                text: r#"{"id":1,"params":{"n":1.0}}"#.to_owned(),
            }),
        );
        timeline.push(
            1,
            Content::Note(Note {
                topic: Topic::Back,
                text: "two\nlines".to_owned(),
            }),
        );
        let text = ndjson(&timeline);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"]["params"]["n"], 1.0);
        assert_eq!(lines[1]["text"], "two\nlines");
    }
}
