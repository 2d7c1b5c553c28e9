//! A worker's secrets.

use std::io::{self, IsTerminal as _, Read as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use farport_oauth::Random as _;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::wrangler::{feed, run_silently_fed, select, take};
use super::{Error, Tools};

/// A secret, as wrangler lists it: never with its value.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
}

/// Whether this can be the name of a variable.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    match starts && name.chars().all(plain) {
        true => Ok(()),
        // What comes after `=` may be a secret.
        false => Err(Error::SecretName {
            name: name.split('=').next().unwrap_or_default().to_owned(),
        }),
    }
}

/// Reads a value: from the terminal, where it is not shown, or all of standard input but the line
/// break at its end.
pub(crate) fn read(name: &str) -> Result<SecretString, Error> {
    let mut stdin = io::stdin();
    let value = if stdin.is_terminal() {
        Zeroizing::new(
            rpassword::prompt_password(format!("{name} (it is not shown): "))
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
    match value.expose_secret().is_empty() {
        true => Err(Error::EmptySecret),
        false => Ok(value),
    }
}

/// 32 random bytes in base64, as FARPORT_MASTER_KEY has to be.
pub(crate) fn random() -> SecretString {
    let mut bytes = Zeroizing::new([0; 32]);
    farport::SystemRandom.fill(&mut *bytes);
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

/// Takes a secret away.
pub(crate) fn delete(tools: &Tools, name: &str, env: Option<&str>) -> Result<(), Error> {
    let mut wrangler = tools.wrangler();
    wrangler.args(["secret", "delete", name]);
    select(&mut wrangler, env);
    run_silently_fed(&mut wrangler)
}

/// The names of the secrets that are set.
pub(crate) fn list(tools: &Tools, env: Option<&str>) -> Result<Vec<Listed>, Error> {
    let mut wrangler = tools.wrangler();
    wrangler.args(["secret", "list", "--format", "json"]);
    select(&mut wrangler, env);
    let said = take(&mut wrangler)?;
    // Something may stand before it, but nothing after.
    let start = said.find('[').unwrap_or_default();
    serde_json::from_str(said.get(start..).unwrap_or_default()).map_err(|_| Error::NoReport)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_alone_and_what_follows_it_is_not_shown() {
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
