//! The secrets of a Worker.

use std::io::{self, IsTerminal as _, Read as _};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use farport_oauth::Random as _;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::wrangler::{feed, run_without_input, select, take};
use super::{Config, Error, Tools};

/// The name of a secret in wrangler's list, which contains no values.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
}

/// Checks that `name` is a valid name of a variable.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.chars().all(plain) {
        return Ok(());
    }
    // The text after `=` may be a secret.
    let name = name.split('=').next().unwrap_or_default().to_owned();
    Err(Error::SecretName { name })
}

/// Reads the value of a secret: from a prompt without echo, or from standard input without the final
/// line break.
pub(crate) fn read(name: &str) -> Result<SecretString, Error> {
    let mut stdin = io::stdin();
    let value = if stdin.is_terminal() {
        Zeroizing::new(
            rpassword::prompt_password(format!("Value of {name} (hidden): "))
                .map_err(Error::ReadSecret)?,
        )
    } else {
        let mut value = Zeroizing::new(String::new());
        stdin
            .read_to_string(&mut value)
            .map_err(Error::ReadSecret)?;
        value
    };
    let value = SecretString::from(value.trim_end_matches(['\r', '\n']));
    if value.expose_secret().is_empty() {
        Err(Error::EmptySecret)
    } else {
        Ok(value)
    }
}

/// Returns 32 random bytes in base64, the format of FARPORT_MASTER_KEY.
pub(crate) fn random() -> SecretString {
    let mut bytes = Zeroizing::new([0; 32]);
    farport::host::SystemRandom.fill(&mut *bytes);
    BASE64.encode(*bytes).into()
}

/// Sets a secret.
pub(crate) fn put(
    tools: &Tools,
    name: &str,
    value: &SecretString,
    env: Option<&str>,
) -> Result<(), Error> {
    let mut wrangler = tools.wrangler();
    wrangler.args(["secret", "put", name]);
    select(&mut wrangler, env);
    feed(&mut wrangler, value)
}

/// Deletes a secret.
pub(crate) fn delete(tools: &Tools, name: &str, env: Option<&str>) -> Result<(), Error> {
    let mut wrangler = tools.wrangler();
    wrangler.args(["secret", "delete", name]);
    select(&mut wrangler, env);
    run_without_input(&mut wrangler)
}

/// Creates the command that lists the secrets.
fn listing(tools: &Tools, env: Option<&str>) -> Command {
    let mut wrangler = tools.wrangler();
    wrangler.args(["secret", "list", "--format", "json"]);
    select(&mut wrangler, env);
    wrangler
}

/// Lists the names of the secrets.
pub(crate) fn list(tools: &Tools, env: Option<&str>) -> Result<Vec<Listed>, Error> {
    listed(&take(&mut listing(tools, env))?)
}

fn listed(output: &str) -> Result<Vec<Listed>, Error> {
    // wrangler may print other text before the list, but not after it.
    let start = output.find('[').unwrap_or_default();
    serde_json::from_str(output.get(start..).unwrap_or_default()).map_err(|_| Error::NoReport)
}

/// Checks that the secrets that a deployment requires are set.
///
/// # Errors
/// When secrets are missing. If wrangler cannot list the secrets, the deployment itself reports the reason.
pub(crate) fn check(config: &Config, tools: &Tools, env: Option<&str>) -> Result<(), Error> {
    let mut names = config.required_secrets(env);
    if names.is_empty() {
        return Ok(());
    }
    let output = listing(tools, env).stdin(Stdio::null()).output();
    let Ok(output) = output else {
        return Ok(());
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        let set = listed(&text(&output.stdout))?;
        names.retain(|name| !set.iter().any(|secret| secret.name == *name));
    } else {
        // A Worker that does not exist has no secrets.
        let said = text(&output.stdout) + &text(&output.stderr);
        let unknown = said.contains("Worker \"") && said.contains("not found");
        if !unknown && !said.contains("10007") {
            return Ok(());
        }
    }
    if names.is_empty() {
        Ok(())
    } else {
        Err(Error::NoSecrets { names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_name_is_shown_without_its_value() {
        for name in ["A", "GITHUB_CLIENT_SECRET", "_x1"] {
            check_name(name).unwrap();
        }
        for name in ["", "1A", "a-b", "a b", "TOKEN=hunter2", "TOKEN=a=b"] {
            let error = check_name(name).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("hunter2") && !shown.contains("a=b"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_random_secret_is_32_bytes_and_another_each_time() {
        let (one, two) = (random(), random());
        assert_eq!(BASE64.decode(one.expose_secret()).unwrap().len(), 32);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
