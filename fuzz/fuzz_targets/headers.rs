//! Any header values beside any body: a check that passes means that they agree.

#![no_main]

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use farport_core::envelope::{self, Body};
use farport_core::standard_headers::{self, ParamHeader};
use farport_core::{Message, RequestMeta};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// What the argument `region` has to be repeated in.
static REGION: HeaderName = HeaderName::from_static("mcp-param-region");

fuzz_target!(
    |input: (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, bool, Vec<u8>)| {
        let (version, method, name, param, twice, body) = input;
        if let Ok(text) = std::str::from_utf8(&name) {
            round_trip(text);
        }

        let mut headers = HeaderMap::new();
        for (header, value) in [
            (standard_headers::PROTOCOL_VERSION.clone(), version),
            (standard_headers::METHOD.clone(), method),
            (standard_headers::NAME.clone(), name),
            (REGION.clone(), param),
        ] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(header, value);
            }
        }
        if twice && let Some(value) = headers.get(&standard_headers::NAME).cloned() {
            headers.append(standard_headers::NAME.clone(), value);
            assert!(standard_headers::single(&headers, &standard_headers::NAME).is_err());
        }
        let Ok(Body::Single(Message::Request(request))) = envelope::parse(&Bytes::from(body))
        else {
            return;
        };
        let Ok(meta) = RequestMeta::read(&request.method, request.params.as_ref()) else {
            return;
        };
        let params = ParamHeader::of_schema(&json!({
            "type": "object",
            "properties": { "region": { "type": "string", "x-mcp-header": "Region" } }
        }));
        let checked = standard_headers::check(&headers, &request.method, &meta)
            .and_then(|()| standard_headers::check_params(&headers, &meta, &params));
        if checked.is_err() {
            return;
        }
        let sent = |header: &HeaderName| headers.get(header).and_then(|value| value.to_str().ok());
        assert_eq!(
            sent(&standard_headers::PROTOCOL_VERSION),
            meta.protocol_version.as_deref()
        );
        assert_eq!(
            sent(&standard_headers::METHOD),
            Some(request.method.as_str())
        );
        if let Some(subject) = meta.subject.as_deref() {
            let name = sent(&standard_headers::NAME).and_then(standard_headers::decode);
            assert_eq!(name.as_deref(), Some(subject));
        }
        let arguments: Option<Value> = meta.arguments.and_then(|arguments| arguments.parse().ok());
        if let Some(Value::String(region)) = arguments
            .as_ref()
            .and_then(|arguments| arguments.get("region"))
        {
            let param = sent(&REGION).and_then(standard_headers::decode);
            assert_eq!(param.as_deref(), Some(&region[..]));
        }
    }
);

/// What is written in base64 is read back; what is plain stays as it is.
fn round_trip(text: &str) {
    let encoded = format!("=?base64?{}?=", BASE64_STANDARD.encode(text));
    assert_eq!(standard_headers::decode(&encoded).as_deref(), Some(text));
    if !text.starts_with("=?base64?") {
        assert_eq!(standard_headers::decode(text).as_deref(), Some(text));
    }
}
