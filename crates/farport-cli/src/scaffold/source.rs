//! The source of a template.

use std::fmt;
use std::path::{Path, PathBuf};

use super::builtin::{self, Builtin};
use super::files::{self, Files};
use super::git_source::GitSource;
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
