//! The page at `/`: the server's name and version, and how to connect to it.
//!
//! It has no scripts, loads only its own style sheet, and cannot be framed.

use std::sync::Arc;

use farport_core::{Profile, RawJson};
use http::{Response, StatusCode, header, request::Parts};
use maud::html;
use serde::Deserialize;

use crate::{Auth, Body, Theme, assets, page::Page, paths};

/// The page loads only its own style sheet, and sends no forms.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'none'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// The maximum number of characters of a name or version on the page.
const MOST_SHOWN: usize = 100;

/// The server's name and version.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct About {
    name: Option<String>,
    title: Option<String>,
    version: Option<String>,
}

impl About {
    fn read(server_info: &RawJson) -> Self {
        // The handler provides the value. An author may use other types than strings.
        let mut about: Self = server_info.parse().unwrap_or_default();
        for text in [&mut about.name, &mut about.title, &mut about.version] {
            let shown = text
                .take()
                .map(|text| text.chars().take(MOST_SHOWN).collect());
            *text = shown.filter(|text: &String| !text.is_empty());
        }
        about
    }
}

/// The page at `/`, and its style sheet.
pub(crate) struct HomePage {
    about: About,
    /// `None` on a public server.
    auth: Option<Arc<Auth>>,
    public_url: Option<String>,
    /// The path of the style sheet, below the public URL.
    style: String,
}

impl HomePage {
    pub(crate) fn new(
        profile: &Profile,
        auth: Option<Arc<Auth>>,
        public_url: Option<&str>,
    ) -> Self {
        let prefix = public_url.map_or("", paths::prefix);
        Self {
            about: About::read(&profile.server_info),
            auth,
            public_url: public_url.map(str::to_owned),
            style: format!("{prefix}{}", paths::STYLE),
        }
    }

    /// Returns the page.
    pub(crate) fn page(&self, parts: &Parts) -> Response<Body> {
        let about = &self.about;
        let named = self
            .auth
            .as_ref()
            .and_then(|auth| auth.theme().name.as_deref());
        let title = named.or(about.title.as_deref()).or(about.name.as_deref());
        let title = title.unwrap_or("MCP server");
        let base = self.base(parts);
        let (mcp, sse) = (
            format!("{base}{}", paths::MCP),
            format!("{base}{}", paths::SSE),
        );
        let short = short_name(about.name.as_deref().unwrap_or(title));
        let content = html! {
            h1 { (title) }
            @if let Some(version) = &about.version {
                p class="quiet" { "Version " (version) }
            }
            p {
                "This is an MCP server: AI apps connect to it and use its tools. Add this \
                 URL to your app:"
            }
            p class="copy" { code { (mcp) } }
            dl class="copy" {
                dt { "Claude Code" }
                dd { code { "claude mcp add --transport http " (short) " " (mcp) } }
                dt { "Apps that only start local programs" }
                dd { code { "farport connect " (mcp) } }
                dt { "Older apps (HTTP+SSE)" }
                dd { code { (sse) } }
            }
            @if self.auth.is_some() {
                p class="quiet" { "Your app opens a page to sign in, or asks for a token." }
            }
        };
        let page = Page {
            status: StatusCode::OK,
            title,
            style: &self.style,
            policy: POLICY,
            cache: "no-cache",
            referrer: "no-referrer",
        };
        page.response(&content)
    }

    /// Returns the style sheet of the page.
    pub(crate) fn style_sheet(&self) -> Response<Body> {
        match &self.auth {
            Some(auth) => assets::style_sheet(auth.theme()),
            None => assets::style_sheet(&Theme::default()),
        }
    }

    /// Returns the server's URL for clients: its public URL, or the request's Host, which the guard has
    /// checked. A proxy in front terminates TLS, so a host that is not this machine gets `https`.
    fn base(&self, parts: &Parts) -> String {
        if let Some(issuer) = self
            .auth
            .as_ref()
            .and_then(|auth| Auth::issuer(auth, parts))
        {
            return issuer.to_string();
        }
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = parts.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let host = parts.uri.authority().map(|a| a.as_str()).or(host);
        let host = host.unwrap_or("localhost");
        let scheme = if crate::guard::is_this_machine(host) {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://{host}")
    }
}

/// Returns a name that is a single word for a shell.
fn short_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        "server".to_owned()
    } else {
        words.join("-").to_ascii_lowercase()
    }
}
