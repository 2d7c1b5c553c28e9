//! Settings from arguments, environment and `farport.toml`. Arguments override the environment, which
//! overrides the file.

use std::path::Path;

use farport::Settings;

use crate::cli::ListenArgs;

/// The address to listen on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Host name or address.
    pub(crate) host: String,
    /// Port; 0 for a free one.
    pub(crate) port: u16,
}

impl Listen {
    /// The address for the server of a project. `args` already includes the environment.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only `farport dev` needs it"))]
    pub(crate) fn of_project(args: ListenArgs, root: &Path) -> Result<Self, farport::Error> {
        let settings = Settings::load(&root.join("farport.toml"))?;
        Ok(Self {
            host: args.host.unwrap_or(settings.host),
            port: args.port.unwrap_or(settings.port),
        })
    }

    /// The address for a server without a project.
    pub(crate) fn of_demo(args: ListenArgs) -> Self {
        let settings = Settings::default();
        Self {
            host: args.host.unwrap_or(settings.host),
            port: args.port.unwrap_or(settings.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_override_the_file_which_overrides_the_defaults() {
        let root = tempfile::tempdir().unwrap();
        let args = |port, host: Option<&str>| ListenArgs {
            port,
            host: host.map(str::to_owned),
        };
        let listen = |host: &str, port| Listen {
            host: host.to_owned(),
            port,
        };
        for (file, args, expected) in [
            ("", args(None, None), listen("localhost", 8787)),
            ("port = 9000", args(None, None), listen("localhost", 9000)),
            (
                "port = 9000\nhost = \"::1\"",
                args(Some(1), None),
                listen("::1", 1),
            ),
            (
                "host = \"::1\"",
                args(None, Some("0.0.0.0")),
                listen("0.0.0.0", 8787),
            ),
        ] {
            std::fs::write(root.path().join("farport.toml"), file).unwrap();
            assert_eq!(
                Listen::of_project(args, root.path()).unwrap(),
                expected,
                "{file}"
            );
        }
        std::fs::write(root.path().join("farport.toml"), "prot = 1").unwrap();
        let error = Listen::of_project(args(None, None), root.path()).unwrap_err();
        assert!(error.to_string().contains("prot"), "{error}");
    }
}
