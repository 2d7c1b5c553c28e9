//! The MCP server to inspect, and how to reach it.

use std::sync::Arc;
use std::time::Duration;

use farport_client::{Command, EraChoice, Gate, Observer, Options, TransportOrder, parse_url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The largest message that the inspector takes from a server, in bytes.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;
/// The longest time limit, in seconds.
pub(crate) const LONGEST_TIMEOUT: u64 = 24 * 60 * 60;

/// The MCP server to inspect, and how to reach it. Header values do not print.
#[derive(Clone, Debug)]
pub struct Target {
    place: Place,
    settings: Settings,
}

#[derive(Clone, Debug)]
enum Place {
    Url {
        url: String,
        headers: Vec<(String, SecretString)>,
        allow_http: bool,
    },
    Process {
        command: Command,
        words: Vec<String>,
    },
}

/// How a connection is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) revision: Revision,
    pub(crate) transport: Transport,
    /// Seconds until a response begins, and between its pieces. 0 stands for the default.
    pub(crate) timeout: u64,
}

/// The revision of the protocol to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revision {
    /// The newest that the server supports.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// 2026-07-28.
    #[serde(rename = "2026-07-28")]
    V2026_07_28,
    /// 2025-11-25.
    #[serde(rename = "2025-11-25")]
    V2025_11_25,
    /// 2025-06-18.
    #[serde(rename = "2025-06-18")]
    V2025_06_18,
    /// 2025-03-26.
    #[serde(rename = "2025-03-26")]
    V2025_03_26,
    /// 2024-11-05.
    #[serde(rename = "2024-11-05")]
    V2024_11_05,
}

impl Revision {
    pub(crate) fn era(self) -> EraChoice {
        match self {
            Self::Auto => EraChoice::Auto,
            Self::V2026_07_28 => EraChoice::Modern,
            _ => EraChoice::Session,
        }
    }

    /// The revision that `initialize` requests.
    pub(crate) fn of_session(self) -> Option<String> {
        let name = match self {
            Self::Auto | Self::V2026_07_28 => return None,
            Self::V2025_11_25 => "2025-11-25",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2024_11_05 => "2024-11-05",
        };
        Some(name.to_owned())
    }
}

/// The transport to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    /// Streamable HTTP, then HTTP+SSE.
    #[default]
    Auto,
    Http,
    Sse,
}

impl Target {
    /// A server at `url`, reached with these extra headers. `allow_http` permits plain HTTP to
    /// other machines.
    pub fn new(url: String, headers: Vec<(String, SecretString)>, allow_http: bool) -> Self {
        Self {
            place: Place::Url {
                url,
                headers,
                allow_http,
            },
            settings: Settings::default(),
        }
    }

    /// A server that farport starts as a child process. Its command line is `words`; `None` without a
    /// program.
    pub fn process(words: &[String]) -> Option<Self> {
        let (program, args) = words.split_first()?;
        let command = Command::new(program).args(args);
        Some(Self::started_by(command, words.to_owned()))
    }

    /// A server that farport starts with `command`. The page shows `shown`, which holds no secret.
    pub fn started_by(command: Command, shown: Vec<String>) -> Self {
        Self {
            place: Place::Process {
                command,
                words: shown,
            },
            settings: Settings::default(),
        }
    }

    /// The same target, with more headers. A header replaces another one of this name. A process has
    /// none.
    #[must_use]
    pub fn with_headers(mut self, more: Vec<(String, SecretString)>) -> Self {
        if let Place::Url { headers, .. } = &mut self.place {
            for (name, value) in more {
                headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
                headers.push((name, value));
            }
        }
        self
    }

    /// The same target, where plain HTTP to other machines is permitted if `allow`.
    #[must_use]
    pub fn with_http(mut self, allow: bool) -> Self {
        if let Place::Url { allow_http, .. } = &mut self.place {
            *allow_http |= allow;
        }
        self
    }

    /// The same target, over HTTP+SSE only.
    #[must_use]
    pub fn sse(mut self) -> Self {
        self.settings.transport = Transport::Sse;
        self
    }

    /// The same target, with this revision.
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.settings.revision = revision;
        self
    }

    pub(crate) fn with(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// The command line of a server that is a child process.
    pub(crate) fn command(&self) -> Option<&[String]> {
        match &self.place {
            Place::Process { words, .. } => Some(words),
            Place::Url { .. } => None,
        }
    }

    /// The target as the client takes it.
    pub(crate) fn to_client(
        &self,
        watch: Option<(Arc<dyn Observer>, Arc<dyn Gate>)>,
    ) -> Result<farport_client::Target, farport_client::Error> {
        let (observer, gate) = watch.unzip();
        let (url, headers, allow_http) = match &self.place {
            Place::Url {
                url,
                headers,
                allow_http,
            } => (url, headers, *allow_http),
            Place::Process { command, .. } => {
                let command = command.clone();
                return Ok(match observer {
                    Some(observer) => command.observer(observer).into(),
                    None => command.into(),
                });
            }
        };
        let mut options = Options::new(url, allow_http)?;
        options.headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect();
        options.largest_message = LARGEST_MESSAGE;
        options.transport = match self.settings.transport {
            Transport::Auto => TransportOrder::HttpFirst,
            Transport::Http => TransportOrder::HttpOnly,
            Transport::Sse => TransportOrder::SseOnly,
        };
        if self.settings.timeout > 0 {
            let limit = Duration::from_secs(self.settings.timeout.min(LONGEST_TIMEOUT));
            options.http.timeouts.headers = limit;
            options.http.timeouts.body = limit;
        }
        options.http.observer = observer;
        options.sign_in.gate = gate;
        Ok(options.into())
    }

    /// The URL without its query, which may hold a secret, or the command.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Place::Url { url, .. } => shown_url(url),
            Place::Process { words, .. } => words.join(" "),
        }
    }

    pub(crate) fn header_names(&self) -> Vec<&str> {
        self.headers().map(|(name, _)| name).collect()
    }

    /// The stored value of the header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&SecretString> {
        self.headers()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        let headers = match &self.place {
            Place::Url { headers, .. } => &**headers,
            Place::Process { .. } => &[],
        };
        headers.iter().map(|(name, value)| (&**name, value))
    }

    pub(crate) fn is_at(&self, url: &str) -> bool {
        match &self.place {
            Place::Url { url: own, .. } => own == url || shown_url(own) == url,
            Place::Process { .. } => false,
        }
    }

    /// The whole URL, which may hold a secret.
    pub(crate) fn url(&self) -> Option<&str> {
        match &self.place {
            Place::Url { url, .. } => Some(url),
            Place::Process { .. } => None,
        }
    }

    pub(crate) fn allows_http(&self) -> bool {
        matches!(
            self.place,
            Place::Url {
                allow_http: true,
                ..
            }
        )
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.headers().map(|(_, value)| value)
    }
}

/// A URL without the parts that may hold a secret. Whether it has a query remains visible.
pub(crate) fn shown_url(url: &str) -> String {
    let Ok(mut parsed) = parse_url(url) else {
        return url.split(['?', '#']).next().unwrap_or_default().to_owned();
    };
    let has_query = parsed.query().is_some();
    if !has_query && parsed.fragment().is_none() && parsed.username().is_empty() {
        return url.to_owned();
    }
    // Both fail for URLs that cannot have a user, and then have none.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.set_query(None);
    parsed.set_fragment(None);
    format!("{parsed}{}", if has_query { "?…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_secret_part() {
        for (url, shown) in [
            ("https://a.example/mcp", "https://a.example/mcp"),
            (
                "https://a.example/mcp?key=s3cret",
                "https://a.example/mcp?…",
            ),
            ("https://me:s3cret@a.example/mcp", "https://a.example/mcp"),
            ("https://a.example/mcp#s3cret", "https://a.example/mcp"),
            ("not a url?s3cret", "not a url"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }

    #[test]
    fn header_values_do_not_print() {
        let headers = vec![("Authorization".to_owned(), "Bearer s3cret".into())];
        let target = Target::new("https://a.example/mcp".to_owned(), headers, false);
        assert!(!format!("{target:?}").contains("s3cret"));
    }

    #[test]
    fn a_revision_has_the_name_of_the_protocol() {
        for name in [
            "auto",
            "2026-07-28",
            "2025-11-25",
            "2025-06-18",
            "2025-03-26",
            "2024-11-05",
        ] {
            let revision: Revision = serde_json::from_value(name.into()).unwrap();
            assert_eq!(serde_json::to_value(revision).unwrap(), name);
            let session = name.starts_with("2024") || name.starts_with("2025");
            assert_eq!(revision.of_session(), session.then(|| name.to_owned()));
        }
    }
}
