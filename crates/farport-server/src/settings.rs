//! Settings, from the defaults, a file, variables and code.

mod auth;
mod check;
mod load;
mod variables;
mod words;

use std::{fmt, time::Duration};

use farport_core::SessionLimits;
use farport_http::{Config, Guard, Limits};
use serde::{Deserialize, Deserializer, Serialize, de};

pub use auth::{AuthSettings, ProviderName};
pub use load::{UnknownVariable, unknown_variables};
pub use words::nearest;
use words::words;

use crate::storage::Storage;

/// The settings of a server: from `farport.toml`, from `FARPORT_*` variables, or in code.
///
/// ```
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// let mut settings = farport::Settings::default();
/// settings.max_sessions = 100;
/// let server = farport::Server::new(|_| Greeter).settings(settings);
/// # let _ = server;
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// The name or address to listen on. The default is `localhost`: both loopback addresses.
    pub host: String,
    /// The port to listen on; 0 picks a free one. The default is 8787.
    pub port: u16,
    /// Host names that requests may use, besides loopback names. `*` allows any.
    #[serde(deserialize_with = "list")]
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call the server, besides loopback origins and its own. `*` allows
    /// any.
    #[serde(deserialize_with = "list")]
    pub allowed_origins: Vec<String>,
    /// The URL that clients use, if it differs from the address that the server listens on:
    /// `https://mcp.example.com`, or `https://example.com/tools` below a path. Sign-in requires it if
    /// other machines can reach the server.
    pub public_url: Option<String>,
    /// Whether the server trusts `X-Forwarded-For` for the client's address, because only a proxy can
    /// reach it. The default is no.
    pub behind_proxy: bool,
    /// The settings of the sign-in.
    pub auth: AuthSettings,
    /// The maximum number of sessions. The default is 10,000. A full server closes a session of the user,
    /// or of the network of anonymous clients, with the most sessions: the one unused for longest,
    /// preferably without an open stream.
    pub max_sessions: usize,
    /// The maximum number of sessions of one user, or of one network of anonymous clients. The default,
    /// 0, sets no limit.
    pub max_sessions_per_user: usize,
    /// How many sessions one user, or one network of anonymous clients, may open per minute. The default
    /// is 600; 0 sets no limit.
    pub sessions_per_minute: u32,
    /// The maximum size of the stored stream events of all sessions together, in bytes. The default is
    /// 256 MiB.
    pub max_event_bytes: usize,
    /// The time without use after which a session ends, in seconds. The default is 1,800.
    pub session_idle_secs: u64,
    /// The maximum size of a request body, in bytes. The default is 4 MiB.
    pub max_body_bytes: usize,
    /// The maximum number of open connections. The default is 20,000. The server accepts a few more for
    /// `/health`, and refuses all other requests on them.
    pub max_connections: usize,
    /// The maximum number of connections from one address. The default, 0, stands for a quarter of
    /// `max_connections`. Behind a proxy it has no effect, because all connections come from the proxy.
    pub max_connections_per_address: usize,
    /// The maximum number of open event streams. The default, 0, stands for three quarters of
    /// `max_connections`. A full server closes the oldest stream of the user, or of the network of
    /// anonymous clients, with the most streams.
    pub max_streams: usize,
    /// Whether the server refuses every tool, prompt, resource and custom method that no rule names.
    /// The default is no.
    pub deny_by_default: bool,
    /// The time that running calls get to finish at shutdown, in seconds. The default is 10.
    pub shutdown_grace_secs: u64,
    /// The time without a result after which the response to a call becomes an event stream with
    /// keep-alives, if the client accepts one, in seconds. The default is 10; 0 turns this off.
    pub quiet_after_secs: u64,
    /// The maximum number of calls that wait for their clients' answers (2026-07-28). The default is
    /// 1,000; 0 turns such questions off. A full server cancels the oldest waiting call of the user, or of
    /// the network of anonymous clients, with the most.
    pub max_parked_calls: usize,
    /// The time that a client of 2026-07-28 has to answer, in seconds. The default is 600.
    pub answer_timeout_secs: u64,
    /// The URL of the HTTP proxy for all requests that the server itself sends: for clients' metadata
    /// documents, and for providers' metadata, keys and tokens. By default, requests to providers follow
    /// `HTTPS_PROXY` and `NO_PROXY`, and the server fetches clients' metadata documents directly.
    pub outgoing_proxy: Option<String>,
    /// Where the server stores sessions and sign-ins. By default, `farport::Server::run`
    /// uses the platform's folder for the state of programs, and other servers use memory.
    pub store: Option<Storage>,
    /// The log level, or a `tracing` filter. The default is `info`.
    pub log: String,
    /// The format of the log. The default is text.
    pub log_format: LogFormat,
}

/// The format of the log.
///
/// ```
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// let server = farport::Server::new(|_| Greeter).log_format(farport::LogFormat::Json);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines of text, for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// An environment variable that the server reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The setting that it overrides; empty if it is not a setting.
    pub setting: &'static str,
}

/// Every environment variable that the server reads.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "FARPORT_HOST",
        setting: "host",
    },
    Variable {
        name: "FARPORT_PORT",
        setting: "port",
    },
    Variable {
        name: "FARPORT_ALLOWED_HOSTS",
        setting: "allowed_hosts",
    },
    Variable {
        name: "FARPORT_ALLOWED_ORIGINS",
        setting: "allowed_origins",
    },
    Variable {
        name: "FARPORT_PUBLIC_URL",
        setting: "public_url",
    },
    Variable {
        name: "FARPORT_BEHIND_PROXY",
        setting: "behind_proxy",
    },
    Variable {
        name: "FARPORT_AUTH_PROVIDER",
        setting: "auth.provider",
    },
    Variable {
        name: "FARPORT_AUTH_GRANT_SECS",
        setting: "auth.grant_secs",
    },
    Variable {
        name: "FARPORT_AUTH_CLIENT_DOCUMENTS",
        setting: "auth.client_documents",
    },
    Variable {
        name: "FARPORT_MAX_SESSIONS",
        setting: "max_sessions",
    },
    Variable {
        name: "FARPORT_SESSION_IDLE_SECS",
        setting: "session_idle_secs",
    },
    Variable {
        name: "FARPORT_MAX_BODY_BYTES",
        setting: "max_body_bytes",
    },
    Variable {
        name: "FARPORT_MAX_CONNECTIONS",
        setting: "max_connections",
    },
    Variable {
        name: "FARPORT_MAX_CONNECTIONS_PER_ADDRESS",
        setting: "max_connections_per_address",
    },
    Variable {
        name: "FARPORT_MAX_STREAMS",
        setting: "max_streams",
    },
    Variable {
        name: "FARPORT_MAX_SESSIONS_PER_USER",
        setting: "max_sessions_per_user",
    },
    Variable {
        name: "FARPORT_SESSIONS_PER_MINUTE",
        setting: "sessions_per_minute",
    },
    Variable {
        name: "FARPORT_MAX_EVENT_BYTES",
        setting: "max_event_bytes",
    },
    Variable {
        name: "FARPORT_DENY_BY_DEFAULT",
        setting: "deny_by_default",
    },
    Variable {
        name: "FARPORT_SHUTDOWN_GRACE_SECS",
        setting: "shutdown_grace_secs",
    },
    Variable {
        name: "FARPORT_QUIET_AFTER_SECS",
        setting: "quiet_after_secs",
    },
    Variable {
        name: "FARPORT_MAX_PARKED_CALLS",
        setting: "max_parked_calls",
    },
    Variable {
        name: "FARPORT_ANSWER_TIMEOUT_SECS",
        setting: "answer_timeout_secs",
    },
    Variable {
        name: "FARPORT_OUTGOING_PROXY",
        setting: "outgoing_proxy",
    },
    Variable {
        name: "FARPORT_STORE",
        setting: "store",
    },
    // Secrets are not settings, because farport prints settings.
    Variable {
        name: MASTER_KEY,
        setting: "",
    },
    Variable {
        name: PREVIOUS_MASTER_KEYS,
        setting: "",
    },
    Variable {
        name: "FARPORT_LOG",
        setting: "log",
    },
    Variable {
        name: "FARPORT_LOG_FORMAT",
        setting: "log_format",
    },
    // `farport dev` sets it to a file that the server creates when it accepts connections.
    Variable {
        name: READY_FILE,
        setting: "",
    },
];

/// The variable with the path of a file that the server creates when it accepts connections.
pub const READY_FILE: &str = "FARPORT_READY_FILE";

/// The variable with the key that encrypts OAuth records: 32 bytes in base64.
pub const MASTER_KEY: &str = "FARPORT_MASTER_KEY";

/// The variable with earlier keys, separated by commas, which only decrypt.
pub const PREVIOUS_MASTER_KEYS: &str = "FARPORT_PREVIOUS_MASTER_KEYS";

/// The settings file in the working directory.
pub const FILE: &str = "farport.toml";

impl Default for Settings {
    fn default() -> Self {
        let (sessions, limits) = (SessionLimits::default(), Limits::default());
        Self {
            host: "localhost".into(),
            port: 8787,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            public_url: None,
            behind_proxy: false,
            auth: AuthSettings::default(),
            max_sessions: sessions.most,
            max_sessions_per_user: sessions.most_of_share,
            sessions_per_minute: limits.sessions_per_minute,
            max_event_bytes: limits.event_bytes,
            session_idle_secs: sessions.idle.as_secs(),
            max_body_bytes: limits.body_bytes,
            max_connections: 20_000,
            max_connections_per_address: 0,
            max_streams: 0,
            deny_by_default: false,
            shutdown_grace_secs: 10,
            quiet_after_secs: limits.quiet_after.as_secs(),
            max_parked_calls: limits.parking.most,
            answer_timeout_secs: limits.parking.wait.as_secs(),
            outgoing_proxy: None,
            store: None,
            log: "info".into(),
            log_format: LogFormat::Text,
        }
    }
}

impl Settings {
    /// Returns where to store sessions and sign-ins.
    pub fn storage(&self) -> Storage {
        self.store.clone().unwrap_or(Storage::Memory)
    }

    /// Returns the limits on sessions.
    pub fn sessions(&self) -> SessionLimits {
        SessionLimits {
            most: self.max_sessions,
            most_of_share: self.max_sessions_per_user,
            idle: Duration::from_secs(self.session_idle_secs),
        }
    }

    pub(crate) fn http(&self) -> Config {
        let public = self.public_url.as_deref();
        let public = public.and_then(|url| url.parse::<http::Uri>().ok());
        let public = public.as_ref().and_then(|url| url.authority());
        let guard = Guard::default()
            .allow_hosts(public.map(|authority| authority.as_str()))
            .allow_hosts(&self.allowed_hosts)
            .allow_origins(&self.allowed_origins);
        let mut config = Config {
            guard,
            public_url: self.public_url.clone(),
            ..Config::default()
        };
        config.limits.body_bytes = self.max_body_bytes;
        config.limits.quiet_after = Duration::from_secs(self.quiet_after_secs);
        config.limits.parking.most = self.max_parked_calls;
        config.limits.parking.wait = Duration::from_secs(self.answer_timeout_secs);
        config.limits.legacy_connections = self.max_sessions;
        config.limits.streams = match self.max_streams {
            0 => self.max_connections - self.max_connections / 4,
            most => most,
        };
        config.limits.streams_of_share = self.max_sessions_per_user;
        config.limits.sessions_per_minute = self.sessions_per_minute;
        config.limits.event_bytes = self.max_event_bytes;
        config
    }
}

/// Reads a list, or a text with commas, which is how a variable writes a list.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct List;

    impl<'de> de::Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of texts, as in [\"a.example\", \"b.example\"]")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let names = text.split(',').map(str::trim);
            let names = names.filter(|name| !name.is_empty());
            Ok(names.map(str::to_owned).collect())
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some(name) = seq.next_element()? {
                names.push(name);
            }
            Ok(names)
        }
    }

    deserializer.deserialize_any(List)
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "figment's test harness requires its own error type"
)]
mod tests {
    use std::path::Path;

    use figment::Jail;

    use super::*;

    #[test]
    fn the_environment_overrides_the_file_which_overrides_the_defaults() {
        Jail::expect_with(|jail| {
            jail.create_file(FILE, "port = 1\nmax_sessions = 5\nallowed_hosts = [\"a\"]")?;
            jail.set_env("FARPORT_PORT", "2");
            jail.set_env("FARPORT_ALLOWED_ORIGINS", "https://a, https://b");
            jail.set_env("FARPORT_STORE", "sqlite:here.db");
            jail.set_env("FARPORT_UNRELATED", "x");
            let settings = Settings::load(Path::new(FILE)).unwrap();
            assert_eq!((settings.port, settings.max_sessions), (2, 5));
            assert_eq!(settings.allowed_hosts, ["a"]);
            assert_eq!(settings.allowed_origins, ["https://a", "https://b"]);
            assert_eq!(settings.host, "localhost");
            assert_eq!(settings.store, Some(Storage::Sqlite("here.db".into())));
            Ok(())
        });
    }

    #[test]
    fn an_error_names_the_wrong_setting() {
        for (file, mention) in [
            ("prot = 1", "prot"),
            ("port = \"x\"", "port"),
            ("port = 70000", "port"),
            ("store = \"redis\"", "store"),
        ] {
            Jail::expect_with(|jail| {
                jail.create_file(FILE, file)?;
                let error = Settings::load(Path::new(FILE)).unwrap_err().to_string();
                assert!(error.contains(mention), "{error}");
                Ok(())
            });
        }
    }

    #[test]
    fn every_setting_has_a_variable() {
        let settings = serde_json::to_value(Settings::default()).unwrap();
        // Tables contain settings themselves.
        let plain = settings.as_object().unwrap().iter();
        for (name, _) in plain.filter(|(_, value)| !value.is_object()) {
            let variable = format!("FARPORT_{}", name.to_uppercase());
            assert!(
                VARIABLES
                    .iter()
                    .any(|v| v.name == variable && v.setting == name),
                "{name}"
            );
        }
    }
}
