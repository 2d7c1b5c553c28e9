//! Content negotiation: the types that a client sends and accepts.

use http::{HeaderMap, HeaderValue, header};

use crate::{
    form::{Accepted, Form},
    refusal::Refusal,
};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// The Accept header that the most common clients send.
const USUAL: &[u8] = b"application/json, text/event-stream";

/// Parses which response forms a POST request accepts (RFC 9110, section 12.5.1). The form with the
/// higher weight is preferred; at equal weights, the one that the client names first.
///
/// The specification requires clients to list both types. It does not require the server to refuse a
/// client that accepts only one, and the server can respond with either.
///
/// # Errors
/// [`Refusal::NotAcceptable`] if the client accepts neither form.
pub(crate) fn accepted(headers: &HeaderMap) -> Result<Accepted, Refusal> {
    let mut values = headers.get_all(header::ACCEPT).iter();
    match (values.next(), values.next()) {
        (None, _) => return Ok(Accepted::BOTH),
        (Some(only), None) if only.as_bytes() == USUAL => return Ok(Accepted::BOTH),
        _ => {}
    }
    let (json, events) = (weight(headers, JSON), weight(headers, EVENTS));
    let preferred = match json.cmp(&events) {
        std::cmp::Ordering::Less => Form::Events,
        std::cmp::Ordering::Greater => Form::Json,
        std::cmp::Ordering::Equal => named_first(headers),
    };
    if json == 0 && events == 0 {
        return Err(Refusal::NotAcceptable(
            "Accept must list application/json or text/event-stream",
        ));
    }
    Ok(Accepted {
        events: events > 0,
        preferred,
    })
}

/// Returns the value of a header that occurs once and is text.
pub(crate) fn text_header<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

/// Checks that a GET request accepts an event stream, the only form of its response.
///
/// # Errors
/// [`Refusal::NotAcceptable`] if it does not.
pub(crate) fn accepts_events(headers: &HeaderMap) -> Result<(), Refusal> {
    match weight(headers, EVENTS) {
        0 => Err(NO_EVENTS),
        _ => Ok(()),
    }
}

/// Refuses a client that does not accept an event stream.
pub(crate) const NO_EVENTS: Refusal = Refusal::NotAcceptable("Accept must list text/event-stream");

/// Checks that the body of a POST request is JSON. Browsers send other types without a preflight
/// request, so this also rejects requests of foreign pages.
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

/// Returns the weight of a media type in thousandths: that of the most specific range that matches it, 0
/// if none does. Without an Accept header, or with an empty one, every type is accepted.
fn weight(headers: &HeaderMap, wanted: &str) -> u16 {
    let mut best = None;
    let mut any = false;
    for (range, weight) in ranges(headers) {
        any = true;
        let specificity = specificity(range, wanted);
        if specificity > 0 && best.is_none_or(|(known, _)| specificity > known) {
            best = Some((specificity, weight));
        }
    }
    match best {
        Some((_, weight)) => weight,
        None if any => 0,
        None => FULL,
    }
}

/// Returns the form that the Accept header names first, or JSON if it names neither.
fn named_first(headers: &HeaderMap) -> Form {
    let named = ranges(headers).find_map(|(range, _)| {
        if range.eq_ignore_ascii_case(JSON) {
            return Some(Form::Json);
        }
        range.eq_ignore_ascii_case(EVENTS).then_some(Form::Events)
    });
    named.unwrap_or(Form::Json)
}

/// Returns the media ranges of Accept with their weights in thousandths.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = (&str, u16)> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values = values.filter_map(|value: &HeaderValue| value.to_str().ok());
    let ranges = values.flat_map(|value| value.split(',')).map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        (name, parts.find_map(read_weight).unwrap_or(FULL))
    });
    ranges.filter(|(name, _)| !name.is_empty())
}

/// Returns how specifically a range matches a media type: 3 exactly, 2 by type, 1 as wildcard, 0 not at
/// all.
fn specificity(range: &str, wanted: &str) -> u8 {
    if range.eq_ignore_ascii_case(wanted) {
        return 3;
    }
    // Java's URL connection sends a lone `*`.
    if range == "*/*" || range == "*" {
        return 1;
    }
    let kind = wanted.split('/').next().unwrap_or_default();
    let matches = range
        .strip_suffix("/*")
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(kind));
    if matches { 2 } else { 0 }
}

/// The weight of a range without `q`.
const FULL: u16 = 1000;

/// Parses the parameter `q` (RFC 9110, section 12.4.2). Ignores a malformed weight.
fn read_weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, digits) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || !is_number(digits) {
        return Some(FULL);
    }
    let mut thousandths = 0;
    for index in 0..3 {
        let digit = digits.as_bytes().get(index).map_or(0, |byte| byte - b'0');
        thousandths = thousandths * 10 + u16::from(digit);
    }
    Some(if whole == "1" { FULL } else { thousandths })
}

/// Checks that a body has no content coding. The server decodes none, so a small body cannot expand to a
/// large one.
///
/// # Errors
/// [`Refusal::ContentCoding`] for any coding except `identity`.
pub(crate) fn is_unencoded(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_identity = |value: &HeaderValue| {
        let codings = value.to_str().ok().map(|text| text.split(','));
        codings.is_some_and(|mut codings| {
            codings.all(|coding| {
                let coding = coding.trim();
                coding.is_empty() || coding.eq_ignore_ascii_case("identity")
            })
        })
    };
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    if values.all(is_identity) {
        Ok(())
    } else {
        Err(Refusal::ContentCoding)
    }
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
    fn a_post_gets_a_response_form_that_it_accepts() {
        let (json, events) = (Some(Form::Json), Some(Form::Events));
        for (values, expect, streams) in [
            (&["application/json, text/event-stream"][..], json, true),
            (&["text/event-stream", "application/json"], events, true),
            (
                &["application/json;charset=utf-8 , TEXT/event-stream;q=0.5"],
                json,
                true,
            ),
            (&["*/*"], json, true),
            (&["*"], json, true),
            (&["*/*, Text/Event-Stream"], events, true),
            (&["application/*, text/*"], json, true),
            (&["application/*"], json, false),
            (&["text/*"], events, true),
            (&["application/json"], json, false),
            (&["text/event-stream"], events, true),
            (&["application/json, text/event-stream", "x/y"], json, true),
            // The higher weight wins, wherever it is.
            (&["text/event-stream;q=0.9", "application/json"], json, true),
            (
                &["application/json;q=0.1, text/event-stream;q=0.2"],
                events,
                true,
            ),
            // The most specific range decides.
            (&["application/json;q=0, */*"], events, true),
            (&["*/*;q=0, application/json"], json, false),
            (&["text/event-stream; Q=0.000, */*;q=0.1"], json, false),
            (&["application/json;q=0, text/event-stream"], events, true),
            // An Accept header without a valid range accepts everything.
            (&[], json, true),
            (&[""], json, true),
            (&[" , "], json, true),
            (&["application/json;q=much"], json, false),
            (&["text/html"], None, false),
            (&["text/html, application/xml;q=0.9"], None, false),
            (&["application/json;q=0"], None, false),
            (
                &["application/json;q=0, text/event-stream;q=0.0"],
                None,
                false,
            ),
            (&["*/*;q=0"], None, false),
            (&["application/json-seq"], None, false),
        ] {
            let accepted = accepted(&headers(header::ACCEPT, values)).ok();
            assert_eq!(accepted.map(Accepted::form), expect, "{values:?}");
            assert_eq!(
                accepted.is_some_and(Accepted::events),
                streams,
                "{values:?}"
            );
            let get = accepts_events(&headers(header::ACCEPT, values)).is_ok();
            assert_eq!(get, streams, "GET {values:?}");
        }
    }

    #[test]
    fn only_an_unencoded_body_is_accepted() {
        for (values, expect) in [
            (&[][..], true),
            (&["identity"], true),
            (&["Identity, identity"], true),
            (&[""], true),
            (&["gzip"], false),
            (&["identity", "br"], false),
            (&["identity, deflate"], false),
            (&["unknown"], false),
        ] {
            let unencoded = is_unencoded(&headers(header::CONTENT_ENCODING, values)).is_ok();
            assert_eq!(unencoded, expect, "{values:?}");
        }
    }

    #[test]
    fn only_json_with_a_single_content_type_is_accepted() {
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
