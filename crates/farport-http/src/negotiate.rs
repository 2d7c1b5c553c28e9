//! What the client sends and what it takes.

use http::{HeaderMap, HeaderValue, header};

use crate::refusal::Refusal;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// How a client likes an answer that can be given either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a JSON body.
    Json,
    /// As an event stream.
    Events,
}

/// What the two commonest clients send.
const USUAL: &[u8] = b"application/json, text/event-stream";

/// A POST has to take both JSON and an event stream: the server chooses. Where it makes no
/// difference to the server, the client gets the one that it names first.
pub(crate) fn accepts_both(headers: &HeaderMap) -> Result<Form, Refusal> {
    let mut values = headers.get_all(header::ACCEPT).iter();
    if values.next().is_some_and(|value| value.as_bytes() == USUAL) && values.next().is_none() {
        return Ok(Form::Json);
    }
    let (mut json, mut events, mut named) = (false, false, None);
    for (range, acceptable) in ranges(headers) {
        if acceptable {
            json |= range_matches(range, JSON);
            events |= range_matches(range, EVENTS);
        }
        if range.eq_ignore_ascii_case(JSON) {
            named.get_or_insert(Form::Json);
        } else if range.eq_ignore_ascii_case(EVENTS) {
            named.get_or_insert(Form::Events);
        }
    }
    if json && events {
        return Ok(named.unwrap_or(Form::Json));
    }
    Err(Refusal::NotAcceptable(
        "Accept must list application/json and text/event-stream",
    ))
}

/// A GET has to take an event stream.
pub(crate) fn accepts_events(headers: &HeaderMap) -> Result<(), Refusal> {
    if ranges(headers).any(|(range, acceptable)| acceptable && range_matches(range, EVENTS)) {
        return Ok(());
    }
    Err(Refusal::NotAcceptable("Accept must list text/event-stream"))
}

/// The body of a POST has to be JSON. A browser sends other types without asking first, so this
/// also keeps foreign pages out.
pub(crate) fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return Err(Refusal::MediaType("Content-Type must be application/json"));
    };
    if only == JSON {
        return Ok(());
    }
    let essence = only.to_str().ok().and_then(|value| value.split(';').next());
    match essence {
        Some(essence) if essence.trim().eq_ignore_ascii_case(JSON) => Ok(()),
        _ => Err(Refusal::MediaType("Content-Type must be application/json")),
    }
}

/// The media ranges of Accept, and whether each is wanted at all.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = (&str, bool)> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values = values.filter_map(|value: &HeaderValue| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        (name, !parts.any(is_zero_weight))
    })
}

fn range_matches(range: &str, wanted: &str) -> bool {
    if range.eq_ignore_ascii_case(wanted) || range == "*/*" {
        return true;
    }
    let kind = wanted.split('/').next().unwrap_or_default();
    range
        .strip_suffix("/*")
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(kind))
}

/// A weight of zero means "not this" (RFC 9110, section 12.4.2).
fn is_zero_weight(parameter: &str) -> bool {
    let weight = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    weight.and_then(|weight| weight.trim().parse::<f32>().ok()) == Some(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn a_post_takes_json_and_events() {
        for (values, expect) in [
            (&["application/json, text/event-stream"][..], true),
            (&["text/event-stream", "application/json"], true),
            (
                &["application/json;charset=utf-8 , TEXT/event-stream;q=0.5"],
                true,
            ),
            (&["*/*"], true),
            (&["application/*, text/*"], true),
            (&["application/json"], false),
            (&["text/event-stream"], false),
            (&["application/json;q=0, text/event-stream"], false),
            (&["text/html"], false),
            (&[], false),
        ] {
            assert_eq!(
                accepts_both(&headers(header::ACCEPT, values)).is_ok(),
                expect,
                "{values:?}"
            );
        }
    }

    #[test]
    fn an_answer_takes_the_form_that_is_named_first() {
        for (values, expect) in [
            (&["application/json, text/event-stream"][..], Form::Json),
            (&["text/event-stream, application/json"], Form::Events),
            (
                &["text/event-stream;q=0.9", "application/json"],
                Form::Events,
            ),
            (&["*/*"], Form::Json),
            (&["*/*, Text/Event-Stream"], Form::Events),
            (&["application/json, text/event-stream", "x/y"], Form::Json),
        ] {
            let form = accepts_both(&headers(header::ACCEPT, values)).unwrap();
            assert_eq!(form, expect, "{values:?}");
        }
    }

    #[test]
    fn only_one_type_and_only_json_is_read() {
        for (values, expect) in [
            (&["application/json"][..], true),
            (&["Application/JSON; charset=utf-8"], true),
            (&["text/plain"], false),
            (&["application/json-patch+json"], false),
            (&["application/json", "text/plain"], false),
            (&["text/plain, application/json"], false),
            (&[], false),
        ] {
            assert_eq!(
                is_json(&headers(header::CONTENT_TYPE, values)).is_ok(),
                expect,
                "{values:?}"
            );
        }
    }
}
