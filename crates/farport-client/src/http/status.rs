//! Errors for unexpected responses, in words.

use std::time::Duration;

use http::StatusCode;
use url::Url;

use super::shown;
use crate::Error;

/// How much of an unexpected response is shown, in characters.
const SHOWN: usize = 200;

/// An error for a status that has no meaning here, with the `text` of its body.
pub(crate) fn status_error(url: &Url, status: StatusCode, text: &str) -> Error {
    if status == StatusCode::BAD_REQUEST
        && let Some(error) = not_over_http(url, text)
    {
        return error;
    }
    let said = match html_title(text) {
        Some(title) if title.is_empty() => ": an HTML page without a title".to_owned(),
        Some(title) => format!(": an HTML page with the title \"{title}\""),
        None => match on_one_line(text) {
            text if text.is_empty() => text,
            text => format!(": {text}"),
        },
    };
    Error::Status {
        url: shown(url),
        status: status.as_u16(),
        said,
        retry_after: None,
    }
}

/// The error for a server that speaks TLS, and says in plain HTTP that it does.
fn not_over_http(url: &Url, text: &str) -> Option<Error> {
    let text = text.to_ascii_lowercase();
    let is_wrong = text.contains("http request") && text.contains("https")
        || text.contains("plain http") && (text.contains("ssl") || text.contains("tls"));
    (url.scheme() == "http" && is_wrong).then(|| wrong_scheme(url))
}

/// The error for an address with `http` in place of `https`, or the other way round.
fn wrong_scheme(url: &Url) -> Error {
    let speaks = if url.scheme() == "http" {
        "https"
    } else {
        "http"
    };
    let instead = shown(url);
    let rest = instead.split_once(':').map_or("", |(_, rest)| rest);
    Error::WrongScheme {
        url: shown(url),
        speaks,
        instead: format!("{speaks}:{rest}"),
    }
}

/// The title of an HTML page; `None` for other text.
fn html_title(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let start = lower.trim_start();
    if ![
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<!--",
        "<title",
        "<h1",
        "<center",
    ]
    .iter()
    .any(|tag| start.starts_with(tag))
    {
        return None;
    }
    let inner = |tag: &str| {
        let from = lower.find(&format!("<{tag}"))?;
        let from = from + lower.get(from..)?.find('>')? + 1;
        let to = from + lower.get(from..)?.find("</")?;
        text.get(from..to)
    };
    let title = inner("title").or_else(|| inner("h1")).unwrap_or_default();
    Some(on_one_line(title))
}

/// The start of a text, on one line and without control characters.
fn on_one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What to do about a status.
pub(crate) fn status_hint(status: u16, retry_after: Option<Duration>) -> String {
    let again = retry_after.map_or_else(
        || "try again later".to_owned(),
        |wait| format!("try again in {} s", wait.as_secs().max(1)),
    );
    match status {
        401 | 403 => {
            "the server refuses access: check the credentials, and whether it allows this client"
                .to_owned()
        }
        407 => "the proxy requires a user and password: put them in the proxy's URL".to_owned(),
        408 | 425 | 429 => format!("the server is busy or limits requests: {again}"),
        500.. => format!(
            "the server, or a proxy in front of it, failed: {again}; if it happens again, report it to \
             the server's operator"
        ),
        300..=399 => {
            "the redirect names no target: check that this is the URL of an MCP server".to_owned()
        }
        _ => "check that this is the URL of an MCP server".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unexpected_response_says_what_it_is_and_what_to_do() {
        for (url, status, text, expect) in [
            (
                "https://a.example/mcp?key=secret",
                404,
                "not here\n",
                "https://a.example/mcp answered with HTTP 404: not here; hint: check that this is the \
                 URL of an MCP server",
            ),
            (
                "https://a.example/mcp",
                502,
                "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>x</body>",
                "https://a.example/mcp answered with HTTP 502: an HTML page with the title \"502 Bad \
                 Gateway\"; hint: the server, or a proxy in front of it, failed: try again later; if it \
                 happens again, report it to the server's operator",
            ),
            (
                "https://a.example/mcp",
                403,
                "<!DOCTYPE html><p>no</p>",
                "https://a.example/mcp answered with HTTP 403: an HTML page without a title; hint: the \
                 server refuses access: check the credentials, and whether it allows this client",
            ),
            (
                "http://a.example:8443/mcp",
                400,
                "Client sent an HTTP request to an HTTPS server.\n",
                "cannot use http://a.example:8443/mcp: the server speaks https on this port; hint: use \
                 https://a.example:8443/mcp",
            ),
            (
                "http://a.example:8443/mcp",
                400,
                "<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
                "cannot use http://a.example:8443/mcp: the server speaks https on this port; hint: use \
                 https://a.example:8443/mcp",
            ),
        ] {
            let url = Url::parse(url).unwrap();
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(status_error(&url, status, text).with_hint(), expect);
        }
        assert!(status_hint(429, Some(Duration::from_secs(7))).contains("in 7 s"));
    }
}
