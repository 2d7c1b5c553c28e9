//! Settings, and where they come from.

#[cfg(not(target_arch = "wasm32"))]
mod load;
mod variables;

use std::time::Duration;

use farport_core::SessionLimits;
use farport_http::{Config, Guard, Limits};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Storage;

/// What can be set of a server: in `farport.toml`, by `FARPORT_*` variables, in code.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// The name or address to listen on. `localhost`, unless set, is both loopback addresses.
    pub host: String,
    /// The port to listen on; 0 takes a free one. 8787 unless set.
    pub port: u16,
    /// Host names, besides loopback's, under which the server may be called. `*` is any.
    #[serde(deserialize_with = "list")]
    pub allowed_hosts: Vec<String>,
    /// Origins, besides loopback's and its own, whose pages may call the server. `*` is any.
    #[serde(deserialize_with = "list")]
    pub allowed_origins: Vec<String>,
    /// Where clients reach the server, if that is not where it listens: `https://mcp.example.com`.
    /// A server with sign-in that others than this machine can reach has to have it.
    pub public_url: Option<String>,
    /// Whether a proxy stands before the server, whose `X-Forwarded-For` says where requests come
    /// from. No, unless set.
    pub behind_proxy: bool,
    /// How users sign in.
    pub auth: crate::AuthSettings,
    /// The most sessions; one more ends the one that was idle for longest. 10,000 unless set.
    pub max_sessions: usize,
    /// After how many idle seconds a session ends. 1,800 unless set.
    pub session_idle_secs: u64,
    /// The largest request body, in bytes. 4 MiB unless set.
    pub max_body_bytes: usize,
    /// The most connections at a time; more have to wait. 20,000 unless set.
    pub max_connections: usize,
    /// How many seconds calls may take to finish when the server is told to stop. 10 unless set.
    pub shutdown_grace_secs: u64,
    /// Where sessions and sign-ins are kept. Unless set, a program that is [run](crate::Server::run)
    /// keeps them where the platform keeps the state of programs, and any other server in memory.
    pub store: Option<Storage>,
    /// What is logged, as `tracing` filters have it. `info` unless set.
    pub log: String,
    /// How it is written. Text unless set.
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// An environment variable that the server reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The setting it overrides; empty for one that is no setting.
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
        name: "FARPORT_SHUTDOWN_GRACE_SECS",
        setting: "shutdown_grace_secs",
    },
    Variable {
        name: "FARPORT_STORE",
        setting: "store",
    },
    // Secrets are no settings: settings are shown.
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
    // Set by `farport dev`: a file that is made once connections are accepted.
    Variable {
        name: READY_FILE,
        setting: "",
    },
];

/// Names the file that is made once connections are accepted.
pub(crate) const READY_FILE: &str = "FARPORT_READY_FILE";

/// Names the key that seals what OAuth keeps: 32 bytes, in base64.
pub(crate) const MASTER_KEY: &str = "FARPORT_MASTER_KEY";

/// Names the keys before it, which still open what they sealed. A comma between two.
pub(crate) const PREVIOUS_MASTER_KEYS: &str = "FARPORT_PREVIOUS_MASTER_KEYS";

/// The file that settings are read from, in the working directory.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) const FILE: &str = "farport.toml";

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
            auth: crate::AuthSettings::default(),
            max_sessions: sessions.most,
            session_idle_secs: sessions.idle.as_secs(),
            max_body_bytes: limits.body_bytes,
            max_connections: 20_000,
            shutdown_grace_secs: 10,
            store: None,
            log: "info".into(),
            log_format: LogFormat::Text,
        }
    }
}

impl Settings {
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn storage(&self) -> Storage {
        self.store.clone().unwrap_or(Storage::Memory)
    }

    /// How many sessions there may be, and for how long.
    pub fn sessions(&self) -> SessionLimits {
        SessionLimits {
            most: self.max_sessions,
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
            ..Config::default()
        };
        config.limits.body_bytes = self.max_body_bytes;
        config.limits.legacy_connections = self.max_sessions;
        config
    }
}

/// A list, or a string with commas, which is how a variable says it.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        Many(Vec<String>),
        Text(String),
    }
    Ok(match List::deserialize(deserializer)? {
        List::Many(many) => many,
        List::Text(text) => {
            let names = text
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        }
    })
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "figment's test harness wants its own error"
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
    fn a_wrong_setting_is_named() {
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
    fn every_setting_has_its_variable() {
        let settings = serde_json::to_value(Settings::default()).unwrap();
        // Tables have settings of their own.
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
