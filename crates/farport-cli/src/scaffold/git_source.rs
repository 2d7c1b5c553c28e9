//! A template in a git repository.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::Error;

/// A folder of a branch of a git repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GitSource {
    /// The repository's URL.
    pub(super) url: String,
    /// The branch or tag. The default branch if absent.
    pub(super) branch: Option<String>,
    /// The folder. The root of the repository if absent.
    pub(super) subfolder: Option<PathBuf>,
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_credentials(&self.url))?;
        match (&self.branch, &self.subfolder) {
            (None, None) => Ok(()),
            (branch, subfolder) => {
                write!(f, "#{}", branch.as_deref().unwrap_or_default())?;
                subfolder
                    .as_ref()
                    .map_or(Ok(()), |subfolder| write!(f, ":{}", subfolder.display()))
            }
        }
    }
}

/// Removes user and password from a URL. `git` in `git@host:path` is not a secret.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((protocol, rest)) => {
            let authority_end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..authority_end].rfind('@').map_or(0, |at| at + 1);
            format!("{protocol}://{}", &rest[host..])
        }
        None => url.to_owned(),
    }
}

impl GitSource {
    /// Parses `URL#branch:subfolder`. Returns `None` if the text is not a git URL.
    pub(super) fn parse(template: &str) -> Result<Option<Self>, Error> {
        let (url, rest) = template.split_once('#').unwrap_or((template, ""));
        match url.split_once("://") {
            Some(("https" | "ssh" | "file", _)) => {}
            Some((protocol, _)) => {
                return Err(Error::Protocol {
                    protocol: protocol.to_owned(),
                });
            }
            None if is_scp_like(url) => {}
            None => return Ok(None),
        }
        let (branch, subfolder) = rest.split_once(':').unwrap_or((rest, ""));
        // git validates the name of a branch, but would interpret a leading `-` as an option.
        if branch.starts_with('-') || branch.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(Error::Branch {
                branch: branch.to_owned(),
            });
        }
        let plain = |part| matches!(part, Component::Normal(name) if name != ".git");
        if !Path::new(subfolder).components().all(plain) {
            return Err(Error::Subfolder {
                subfolder: subfolder.to_owned(),
            });
        }
        let given = |part: &str| !part.is_empty();
        Ok(Some(Self {
            url: url.to_owned(),
            branch: Some(branch.to_owned()).filter(|branch| given(branch)),
            subfolder: given(subfolder).then(|| Path::new(subfolder).components().collect()),
        }))
    }
}

/// Returns whether a text is `user@host:path`, git's short form for ssh.
fn is_scp_like(url: &str) -> bool {
    url.split_once(':').is_some_and(|(host, path)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        host.split_once('@').is_some_and(|(user, host)| {
            [user, host].iter().all(|part| {
                part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(plain)
            })
        }) && !path.is_empty()
            && !path.starts_with(':')
    })
}
