//! Any `WWW-Authenticate`: it is read to its end, and what our server writes our client reads.

#![no_main]

use farport_oauth::{Scopes, client::BearerChallenge};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::WWW_AUTHENTICATE, value);
    let read = BearerChallenge::of(&headers);
    assert!(read.scopes().iter().all(|scope| scope.len() <= input.len()));

    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(scopes) = Scopes::parse(text) else {
        return;
    };
    let resource_metadata = "https://mcp.example/.well-known/oauth-protected-resource/mcp";
    let ours = farport_oauth::Challenge {
        resource_metadata,
        scopes: &scopes,
        error: Some(("insufficient_scope", "More is needed")),
    };
    headers.insert(header::WWW_AUTHENTICATE, ours.to_string().parse().unwrap());
    let read = BearerChallenge::of(&headers);
    assert_eq!(read.scopes(), scopes.iter().collect::<Vec<_>>());
    assert_eq!(read.error.as_deref(), Some("insufficient_scope"));
    assert_eq!(read.resource_metadata.as_deref(), Some(resource_metadata));
});
