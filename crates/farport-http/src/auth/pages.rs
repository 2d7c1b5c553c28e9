//! The pages for users: sign-in, consent, errors, and the return to the client.
//!
//! The pages have no scripts, load only their own style sheet and logo, and cannot be framed. [`maud`]
//! escapes text from clients and providers.

mod words;

use farport_oauth::{
    AccessTime, ConsentPage, DENIED_BY_USER, Destination, ErrorCode, ErrorLink, ErrorPage,
    OAuthError, SetCookie, SignInPage, Site,
};
use http::{HeaderValue, Response, StatusCode, header};
use maud::{Markup, html};
use secrecy::ExposeSecret;

use crate::{Body, assets::asset, page::Page, theme::Theme};
use words::{capital, duration, initial, sentence};

/// The page loads its own style and pictures only, sends forms to this server only, and cannot be
/// framed.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// The pages of one site.
#[derive(Clone, Copy)]
pub(super) struct Pages<'a> {
    theme: &'a Theme,
    /// The host that the user sees in the address bar.
    host: &'a str,
    /// The path of the public URL, the prefix of links and forms.
    prefix: &'a str,
}

impl<'a> Pages<'a> {
    pub(super) fn new(theme: &'a Theme, site: &'a Site) -> Self {
        let (host, prefix) = (site.host(), site.path());
        Self {
            theme,
            host,
            prefix,
        }
    }

    /// Returns the server's name, or its host.
    fn server(&self) -> &'a str {
        self.theme.name.as_deref().unwrap_or(self.host)
    }

    /// Returns the server's logo, or the initial of its name.
    fn mark(&self) -> Markup {
        html! {
            @if self.theme.logo.is_some() {
                img class="mark" src={ (self.prefix) "/authorize/logo" } alt="";
            } @else {
                span class="mark" aria-hidden="true" { (initial(self.server())) }
            }
        }
    }

    fn heading(&self) -> Markup {
        html! {
            header {
                (self.mark())
                span {
                    strong { (self.server()) }
                    @if self.theme.name.is_some() {
                        br; (self.host)
                    }
                }
            }
        }
    }

    fn page(&self, status: StatusCode, title: &str, content: &Markup) -> Response<Body> {
        let content = html! { (self.heading()) (content) };
        self.bare(status, title, &content)
    }

    /// Returns a page without the heading.
    fn bare(&self, status: StatusCode, title: &str, content: &Markup) -> Response<Body> {
        let page = Page {
            status,
            title: &format!("{title} · {}", self.server()),
            style: &format!("{}/authorize/style.css", self.prefix),
            policy: POLICY,
            cache: "no-store",
            // With `no-referrer`, browsers would not send the origin of a form.
            referrer: "same-origin",
        };
        page.response(content)
    }

    /// Returns the page of the development sign-in, which asks for a name.
    pub(super) fn sign_in(&self, asked: &SignInPage) -> Response<Body> {
        let content = html! {
            h1 { "Sign in to " (self.server()) }
            p {
                (asked.client_name.as_deref().unwrap_or("An app"))
                " wants to connect. Choose a name to sign in with."
            }
            form method="post" action={ (self.prefix) "/authorize/sign-in" } {
                input type="hidden" name="transaction" value=(asked.transaction.expose_secret());
                label for="name" { "Name" }
                @if let Some(problem) = asked.problem {
                    p class="warning" id="problem" role="alert" { (problem) }
                }
                input type="text" id="name" name="name" maxlength="64" required autofocus
                    autocomplete="username" autocapitalize="none" spellcheck="false"
                    aria-describedby=[asked.problem.map(|_| "problem")];
                p class="warning" {
                    "This sign-in is for development. It accepts any name without a password, and \
                     only works on this computer."
                }
                div class="buttons" {
                    button class="primary" type="submit" { "Sign in" }
                }
            }
        };
        self.page(StatusCode::OK, "Sign in", &content)
    }

    /// Returns the consent page.
    pub(super) fn consent(&self, asked: &ConsentPage) -> Response<Body> {
        let name = asked.client_name.as_deref();
        let name = name.unwrap_or_else(|| asked.client.as_str());
        let document = asked.client.as_str().strip_prefix("https://");
        let publisher = document.and_then(|rest| rest.split('/').next());
        let transaction = asked.transaction.expose_secret();
        let content = html! {
            div class="parties" aria-hidden="true" {
                span class="mark client" { (initial(name)) }
                span class="dots" {}
                (self.mark())
            }
            h1 { (name) " wants to connect to " (self.server()) }
            @if let Some(user) = &asked.user {
                form class="account" method="post" action={ (self.prefix) "/authorize/decide" } {
                    input type="hidden" name="transaction" value=(transaction);
                    p class="quiet" {
                        "Signed in as " strong { (user.name) } ". "
                        button class="link" type="submit" name="decision" value="switch" {
                            "Use another account"
                        }
                    }
                }
            }
            @if asked.scopes.is_empty() {
                p { (name) " will be able to use all tools of this server in your name." }
            } @else {
                p class="lead" { (name) " will be able to:" }
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
            (warning(asked, name, publisher))
            dl {
                dt { "Server" } dd { (self.host) }
                @if let Some(host) = publisher {
                    dt { "App published by" } dd { (host) }
                }
                dt { "Sends you back to" } dd { (destination(&asked.destination)) }
                dt { "Access lasts" } dd { (lasts(asked.lasts)) }
                dt { "To end it earlier" }
                dd { "Sign out in " (name) ", or ask the operator of " (self.host) }
            }
            form method="post" action={ (self.prefix) "/authorize/decide" } {
                input type="hidden" name="transaction" value=(transaction);
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
        self.bare(StatusCode::OK, "Allow access", &content)
    }

    /// Returns a page that continues to the provider. It refreshes instead of redirecting, because
    /// `form-action` also applies to a redirect and to every redirect that the provider adds.
    pub(super) fn to_provider(self, name: &str, url: &str) -> Response<Body> {
        let content = html! {
            h1 { "Continue to " (name) }
            p { "Sign in with " (name) ". You come back here afterwards." }
            div class="buttons" {
                a class="button" href=(url) rel="noreferrer" { "Continue" }
            }
        };
        refreshing(self.page(StatusCode::OK, "Sign in", &content), url)
    }

    /// Returns a page that continues to the client, with a code or with `error`.
    pub(super) fn to_client(
        self,
        name: Option<&str>,
        url: &str,
        error: Option<&OAuthError>,
    ) -> Response<Body> {
        let name = name.unwrap_or("your app");
        let (title, content) = match error {
            None => {
                let content = html! {
                    h1 { "You are signed in" }
                    p {
                        (capital(name)) " can now use " (self.server())
                        ". You can close this window."
                    }
                };
                ("Signed in", content)
            }
            Some(error) if error.code == ErrorCode::AccessDenied => {
                ("Access denied", self.denied(name, error))
            }
            Some(error) => ("Sign-in failed", failed(name, error)),
        };
        let content = html! {
            (content)
            div class="buttons" {
                a class="button" href=(url) rel="noreferrer" { "Back to " (name) }
            }
        };
        refreshing(self.page(StatusCode::OK, title, &content), url)
    }

    fn denied(&self, name: &str, error: &OAuthError) -> Markup {
        html! {
            h1 { "Access denied" }
            @if *error.description != *DENIED_BY_USER {
                p { (sentence(&error.description)) }
            }
            p { (capital(name)) " cannot use " (self.server()) ". You can close this window." }
        }
    }

    /// Returns an error page for an unverified client, with a link to it.
    pub(super) fn stopped(&self, stopped: &ErrorLink) -> Response<Body> {
        let name = stopped.name.as_deref().unwrap_or("the app");
        let denied = stopped.error.code == ErrorCode::AccessDenied;
        let content = html! {
            @if denied {
                (self.denied(name, &stopped.error))
            } @else {
                (failed(name, &stopped.error))
            }
            p class="warning" {
                "The name “" (name) "” is not verified. Open the address below only if you know it."
            }
            div class="buttons" {
                a class="button" href=(stopped.url) rel="noreferrer" {
                    "Go to " (destination(&stopped.destination))
                }
            }
        };
        let (status, title) = if denied {
            (StatusCode::OK, "Access denied")
        } else {
            (StatusCode::BAD_REQUEST, "Sign-in failed")
        };
        self.page(status, title, &content)
    }

    /// Returns an error page.
    pub(super) fn refused(&self, refused: &ErrorPage) -> Response<Body> {
        let (title, text) = words::problem(refused.problem, self.server());
        let content = html! {
            h1 { (title) }
            p { (text) }
            (details(&refused.error))
        };
        let mut response = self.page(refused.status, title, &content);
        if let Some(wait) = refused.error.retry_after {
            let seconds = HeaderValue::from(wait.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// Returns a warning about the client, for the consent page.
fn warning(asked: &ConsentPage, name: &str, publisher: Option<&str>) -> Markup {
    html! {
        @match (publisher, &asked.destination) {
            _ if asked.vouched_for => {},
            (Some(publisher), Destination::Host(host)) if asked.elsewhere => {
                p class="warning" {
                    (publisher) " published this app, but the app sends your sign-in to another \
                     site: " strong { (host) } ". Continue only if you know both."
                }
            }
            (Some(_), Destination::Host(_)) => {},
            (Some(_), _) => {
                p class="warning" {
                    "Any program on your device can use the name “" (name) "”. Continue only if you \
                     have just connected from it."
                }
            }
            (None, _) => {
                p class="warning" {
                    "The name “" (name) "” is not verified. Continue only if you have just connected \
                     from this app."
                }
            }
        }
    }
}

fn destination(destination: &Destination) -> Markup {
    html! {
        @match destination {
            Destination::ThisComputer => "a program on this computer",
            Destination::Host(host) => (host),
            Destination::App(scheme) => { "the app that opens " (scheme) ": links" },
        }
    }
}

fn lasts(access: AccessTime) -> Markup {
    html! {
        @match access.unused {
            Some(unused) => {
                "up to " (duration(access.most)) ", and ends after " (duration(unused))
                " without use"
            },
            None => (duration(access.most)),
        }
    }
}

/// Returns the details of an error, for the client's developer.
fn details(error: &OAuthError) -> Markup {
    html! {
        details {
            summary { "Technical details" }
            p { code { (error.code.as_str()) } ": " (error.description) }
        }
    }
}

/// Reports that a sign-in failed, because of the server or the client.
fn failed(name: &str, error: &OAuthError) -> Markup {
    let ours = matches!(
        error.code,
        ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable
    );
    html! {
        h1 { "Sign-in failed" }
        @if ours {
            p { (sentence(&error.description)) }
        } @else {
            p {
                (capital(name)) " sent an invalid sign-in request. Report this problem to the app's \
                 developer."
            }
            (details(error))
        }
    }
}

/// Makes the browser continue to `url` automatically.
fn refreshing(mut response: Response<Body>, url: &str) -> Response<Body> {
    if let Ok(mut value) = HeaderValue::from_str(&format!("0;url={url}")) {
        value.set_sensitive(true);
        response.headers_mut().insert(header::REFRESH, value);
    }
    response
}

/// Adds cookies to a page.
pub(super) fn set_cookies(response: &mut Response<Body>, cookies: &[SetCookie]) {
    for cookie in cookies {
        if let Ok(mut value) = HeaderValue::from_str(&cookie.header()) {
            value.set_sensitive(true);
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
}

/// Returns the logo, if there is one.
pub(super) fn logo(theme: &Theme) -> Option<Response<Body>> {
    let logo = theme.logo.as_ref()?;
    let mut response = asset(logo.media_type.clone(), logo.bytes.clone());
    // An SVG that is opened on its own must not run scripts.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Some(response)
}
