//! The pages that people see: signing in, consent, errors, and the way back.
//!
//! They come without scripts, may load nothing but their own style sheet and logo, and cannot be
//! framed. Whatever strangers have written stands in them as text: [`maud`] escapes it.

use bytes::Bytes;
use farport_oauth::{ConsentPage, Destination, ErrorCode, Refused, SetCookie, SignInPage, Stopped};
use http::{HeaderValue, Response, StatusCode, header};
use maud::{DOCTYPE, Markup, html};
use secrecy::ExposeSecret;

use super::Theme;
use crate::{Body, respond};

/// Nothing but our own style and pictures; nowhere to send forms but here; in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// A page, or one of the things it loads.
fn page(theme: &Theme, status: StatusCode, title: &str, content: &Markup) -> Response<Body> {
    let name = theme.title();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " · " (name) }
                link rel="stylesheet" href="/authorize/style.css";
            }
            body {
                main {
                    header {
                        @if theme.logo.is_some() {
                            img src="/authorize/logo" alt="";
                        } @else {
                            span class="mark" {}
                        }
                        span { (name) }
                    }
                    (content)
                }
            }
        }
    };
    let mut response = Response::new(Body::full(Bytes::from(markup.into_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With none at all, a form would not say which origin it comes from.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sets the cookies that go with a page.
pub(super) fn set_cookies(response: &mut Response<Body>, cookies: &[SetCookie]) {
    for cookie in cookies {
        if let Ok(mut value) = HeaderValue::from_str(&cookie.header()) {
            value.set_sensitive(true);
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
}

fn client<'a>(name: Option<&'a str>, id: &'a str) -> &'a str {
    name.unwrap_or(id)
}

/// Asks for a name, for development.
pub(super) fn sign_in(theme: &Theme, asked: &SignInPage) -> Response<Body> {
    let content = html! {
        h1 { "Sign in" }
        p {
            (asked.client_name.as_deref().unwrap_or("A client")) " wants to connect to "
            (theme.mention()) "."
        }
        p class="warning" {
            "This sign-in is for development: it takes any name, and asks for no proof."
        }
        form method="post" action="/authorize/sign-in" {
            input type="hidden" name="transaction" value=(asked.transaction.expose_secret());
            label for="name" { "Name" }
            @if let Some(problem) = asked.problem {
                p class="warning" id="problem" role="alert" { (problem) }
            }
            input type="text" id="name" name="name" maxlength="64" required autofocus
                autocomplete="username" autocapitalize="none" spellcheck="false"
                aria-describedby=[asked.problem.map(|_| "problem")];
            div class="buttons" {
                button class="primary" type="submit" { "Continue" }
            }
        }
    };
    page(theme, StatusCode::OK, "Sign in", &content)
}

/// Asks for consent.
pub(super) fn consent(theme: &Theme, asked: &ConsentPage) -> Response<Body> {
    let name = client(asked.client_name.as_deref(), asked.client.as_str());
    let document = asked.client.as_str().strip_prefix("https://");
    let vouched = document.and_then(|rest| rest.split('/').next());
    let content = html! {
        h1 { (name) " wants to use " (theme.mention()) }
        @if let Some(user) = &asked.user {
            form class="inline" method="post" action="/authorize/decide" {
                input type="hidden" name="transaction" value=(asked.transaction.expose_secret());
                p class="quiet" {
                    "You are signed in as " strong { (user.name) } ". "
                    button class="link" type="submit" name="decision" value="switch" { "Not you?" }
                }
            }
        }
        @if asked.scopes.is_empty() {
            p { "It will be able to use the tools of this server in your name." }
        } @else {
            p { "It will be able to:" }
            ul class="scopes" {
                @for (scope, description) in &asked.scopes {
                    li {
                        @if let Some(description) = description {
                            (description) br;
                        }
                        code { (scope) }
                    }
                }
            }
        }
        dl {
            @if let Some(host) = vouched {
                dt { "Published by" } dd { (host) }
            }
            dt { "Answers go to" }
            dd {
                @match &asked.destination {
                    Destination::ThisComputer => "a program on this computer",
                    Destination::Host(host) => (host),
                    Destination::App(scheme) => { "the app that opens " (scheme) ":// links" },
                }
            }
        }
        @if vouched.is_none() {
            p class="warning" {
                "Anybody can call themselves “" (name) "”. Go on only if you have just asked it to \
                 connect."
            }
        }
        form method="post" action="/authorize/decide" {
            input type="hidden" name="transaction" value=(asked.transaction.expose_secret());
            div class="buttons" {
                button type="submit" name="decision" value="deny" { "Deny" }
                button class="primary" type="submit" name="decision" value="allow" {
                    @match &asked.provider {
                        Some(provider) => { "Continue with " (provider) },
                        None => "Allow",
                    }
                }
            }
        }
    };
    page(theme, StatusCode::OK, "Allow access", &content)
}

/// Leads on to the provider. A redirect would be held against `form-action`, as would every one
/// that the provider adds; a page that goes on by itself is not.
pub(super) fn to_provider(theme: &Theme, name: &str, url: &str) -> Response<Body> {
    let content = html! {
        h1 { "On to " (name) }
        p { "You sign in at " (name) ", and come back here after that." }
        div class="buttons" {
            a class="button" href=(url) rel="noreferrer" { "Continue" }
        }
    };
    refreshing(page(theme, StatusCode::OK, "Sign in", &content), url)
}

/// Leads back to the client.
pub(super) fn to_client(
    theme: &Theme,
    name: Option<&str>,
    url: &str,
    granted: bool,
) -> Response<Body> {
    let name = name.unwrap_or("your client");
    let content = html! {
        @if granted {
            h1 { "You are signed in" }
            p { "You may close this window and go back to " (name) "." }
        } @else {
            h1 { "Nothing was allowed" }
            p { (name) " is told so. You may close this window." }
        }
        div class="buttons" {
            a class="button" href=(url) rel="noreferrer" { "Back to " (name) }
        }
    };
    let title = if granted { "Signed in" } else { "Not allowed" };
    refreshing(page(theme, StatusCode::OK, title, &content), url)
}

fn refreshing(mut response: Response<Body>, url: &str) -> Response<Body> {
    if let Ok(mut value) = HeaderValue::from_str(&format!("0;url={url}")) {
        value.set_sensitive(true);
        response.headers_mut().insert(header::REFRESH, value);
    }
    response
}

/// Says why a client gets nothing, and where it is. Nobody is sent there who does not want to go.
pub(super) fn stopped(theme: &Theme, stopped: &Stopped) -> Response<Body> {
    let name = stopped.name.as_deref().unwrap_or("a client");
    let denied = stopped.error.code == ErrorCode::AccessDenied;
    let content = html! {
        @if denied {
            h1 { "Nothing was allowed" }
            p { "You may close this window." }
        } @else {
            h1 { "This does not work" }
            p { "You come from “" (name) "”, which asks for what cannot be had:" }
            p { (stopped.error.description) "." }
            p class="quiet" { "Error: " code { (stopped.error.code.as_str()) } }
        }
        p class="warning" {
            "Anybody can call themselves “" (name) "”. Go there only if you know this address."
        }
        div class="buttons" {
            a class="button" href=(stopped.url) rel="noreferrer" {
                "Go to "
                @match &stopped.destination {
                    Destination::Host(host) => (host),
                    Destination::ThisComputer => "a program on this computer",
                    Destination::App(scheme) => { "the app that opens " (scheme) ":// links" },
                }
            }
        }
    };
    let (status, title) = match denied {
        true => (StatusCode::OK, "Not allowed"),
        false => (StatusCode::BAD_REQUEST, "Error"),
    };
    page(theme, status, title, &content)
}

/// Says what is wrong.
pub(super) fn refused(theme: &Theme, refused: &Refused) -> Response<Body> {
    let content = html! {
        h1 { "This does not work" }
        p { (refused.error.description) "." }
        p class="quiet" { "Error: " code { (refused.error.code.as_str()) } }
    };
    let mut response = page(theme, refused.status, "Error", &content);
    if let Some(wait) = refused.error.retry_after {
        let seconds = HeaderValue::from(wait.as_secs());
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// The style sheet.
pub(super) fn style_sheet(theme: &Theme) -> Response<Body> {
    let css = HeaderValue::from_static("text/css; charset=utf-8");
    asset(css, Bytes::from(theme.style_sheet()))
}

/// The logo, if there is one.
pub(super) fn logo(theme: &Theme) -> Option<Response<Body>> {
    let logo = theme.logo.as_ref()?;
    let mut response = asset(logo.media_type.clone(), logo.bytes.clone());
    // A drawing that is opened by itself runs nothing.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Some(response)
}

fn asset(media_type: HeaderValue, bytes: Bytes) -> Response<Body> {
    let mut response = respond::empty(StatusCode::OK);
    *response.body_mut() = Body::full(bytes);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    let briefly = HeaderValue::from_static("public, max-age=300");
    headers.insert(header::CACHE_CONTROL, briefly);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
