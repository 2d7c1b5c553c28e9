//! The source of a template.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::builtin::{self, Builtin};
use super::files::{self, Files};
use super::{Error, git};

/// The source of a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A built-in template.
    Builtin(&'static Builtin),
    /// A folder.
    Folder(PathBuf),
    /// A git repository.
    Git(GitSource),
}

/// Where the server will run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// Any machine
    #[default]
    Native,
    /// Cloudflare Workers or any machine
    Worker,
}

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

impl Source {
    /// Parses `--template` and `--target`.
    pub(super) fn parse(template: &str, target: Target) -> Result<Self, Error> {
        if target == Target::Worker {
            return match builtin::worker_variant(template) {
                Some(builtin) => Ok(Self::Builtin(builtin)),
                None => Err(Error::NoWorkerVariant {
                    template: template.to_owned(),
                }),
            };
        }
        if let Some(builtin) = builtin::find(template) {
            Ok(Self::Builtin(builtin))
        } else if let Some(git) = GitSource::parse(template)? {
            Ok(Self::Git(git))
        } else if Path::new(template).is_dir() {
            Ok(Self::Folder(template.into()))
        } else {
            Err(Error::NoTemplate {
                template: template.to_owned(),
            })
        }
    }

    /// Reads the template's files. Fetches them first if they are in a git repository.
    pub(super) fn read(&self) -> Result<Files, Error> {
        match self {
            Self::Builtin(builtin) => Ok(builtin.read()),
            Self::Folder(folder) => files::read(folder),
            Self::Git(source) => git::read(source),
        }
    }
}

/// The source as the user wrote it, without credentials.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(builtin) => f.write_str(&builtin.name),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Git(source) => source.fmt(f),
        }
    }
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
    fn parse(template: &str) -> Result<Option<Self>, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn git(url: &str, branch: Option<&str>, subfolder: Option<&str>) -> Source {
        Source::Git(GitSource {
            url: url.to_owned(),
            branch: branch.map(str::to_owned),
            subfolder: subfolder.map(PathBuf::from),
        })
    }

    #[test]
    fn git_urls_are_parsed() {
        let url = "https://example.com/a.git";
        for (template, expected) in [
            ("https://example.com/a.git", git(url, None, None)),
            ("https://example.com/a.git#", git(url, None, None)),
            (
                "https://example.com/a.git#main",
                git(url, Some("main"), None),
            ),
            (
                "https://example.com/a.git#f/x:rust/a",
                git(url, Some("f/x"), Some("rust/a")),
            ),
            (
                "https://example.com/a.git#:rust/a/",
                git(url, None, Some("rust/a")),
            ),
            (
                "file:///srv/a#v1:b",
                git("file:///srv/a", Some("v1"), Some("b")),
            ),
            (
                "ssh://git@example.com/a",
                git("ssh://git@example.com/a", None, None),
            ),
            (
                "git@example.com:a/b.git#:c",
                git("git@example.com:a/b.git", None, Some("c")),
            ),
        ] {
            assert_eq!(
                Source::parse(template, Target::Native).unwrap(),
                expected,
                "{template}"
            );
        }
    }

    #[test]
    fn unsafe_git_urls_are_rejected() {
        for template in [
            "http://example.com/a.git",
            "git://example.com/a.git",
            "ext://sh -c id",
            "ext::sh -c id",
            "fd::17",
            "--upload-pack=id",
            "-oProxyCommand=id@host:path",
            "user@-oProxyCommand=id:path",
            "https://example.com/a.git#--upload-pack=id",
            "https://example.com/a.git#a b",
            "https://example.com/a.git#main:../..",
            "https://example.com/a.git#main:/etc",
            "https://example.com/a.git#main:a/../../b",
            "https://example.com/a.git#main:.git/hooks",
            "no-such-template",
            "",
        ] {
            assert!(
                Source::parse(template, Target::Native).is_err(),
                "{template}"
            );
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        for (template, shown) in [
            (
                "https://me:s3cret@example.com/a#b:c",
                "https://example.com/a#b:c",
            ),
            ("https://token@example.com", "https://example.com"),
            ("https://example.com/a@b#:c", "https://example.com/a@b#:c"),
            ("git@example.com:a", "git@example.com:a"),
        ] {
            assert_eq!(
                Source::parse(template, Target::Native).unwrap().to_string(),
                shown
            );
        }
    }

    #[test]
    fn only_some_built_in_templates_support_workers() {
        for (template, form) in [
            ("authless", Some("worker")),
            ("worker", Some("worker")),
            ("github", Some("github-worker")),
            ("github-worker", Some("github-worker")),
            ("slack", None),
            ("../somewhere", None),
            ("https://example.com/a.git", None),
        ] {
            let found = Source::parse(template, Target::Worker);
            match form {
                Some(form) => assert_eq!(found.unwrap().to_string(), form),
                None => assert!(matches!(found, Err(Error::NoWorkerVariant { .. }))),
            }
        }
    }
}
