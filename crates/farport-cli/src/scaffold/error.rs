//! Why farport did not create a crate.

use std::io;
use std::path::PathBuf;

use crate::file_error::FileError;
use crate::terminal::Plain;

use super::builtin;
use super::crate_name::Problem;

/// Why farport did not create a crate. It leaves no files behind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("invalid crate name `{name}`: {problem}")]
    Name {
        name: String,
        problem: Problem,
        better: Option<String>,
    },
    #[error("`{}` does not end with a crate name", .path.display())]
    NoName { path: PathBuf },
    #[error("the template depends on another crate named `{name}`")]
    NameOfDependency { name: String },

    #[error("`{}` already exists and is not a folder", .path.display())]
    NotAFolder { path: PathBuf },
    #[error("the folder `{}` is not empty", .path.display())]
    NotEmpty { path: PathBuf },

    #[error("unknown template `{template}`")]
    NoTemplate { template: String },
    #[error("the template `{template}` does not support `--target worker`")]
    NoWorkerVariant { template: String },
    #[error("the template already contains `{}`", .path.display())]
    HasWorkflow { path: PathBuf },
    #[error("unsupported protocol `{protocol}` in the template's URL")]
    Protocol { protocol: String },
    #[error("invalid branch name `{branch}`")]
    Branch { branch: String },
    #[error("invalid subfolder `{subfolder}`")]
    Subfolder { subfolder: String },
    #[error("the template contains no folder `{subfolder}`")]
    NoSubfolder { subfolder: String },
    #[error("`{template}` is not a crate: it contains no `Cargo.toml` with a package name")]
    NotACrate { template: String },
    #[error("cannot parse the template's `Cargo.toml`")]
    Manifest {
        #[source]
        source: Box<toml_edit::TomlError>,
    },
    #[error(
        "the symbolic link `{}` points to `{}`, outside the template",
        Plain(.link.display()),
        Plain(.target.display())
    )]
    Link { link: PathBuf, target: PathBuf },
    #[error("the template contains a special file: `{}`", Plain(.path.display()))]
    Special { path: PathBuf },
    #[error("the template contains a file with a path outside the template: `{}`", Plain(.path.display()))]
    Outside { path: PathBuf },
    #[error("git cannot read `{}` in the template", Plain(.path.display()))]
    Unreadable { path: PathBuf },
    #[error("the template is too large: more than {limit}")]
    TooLarge { limit: String },
    #[error("cannot read the template's folders")]
    Walk {
        #[source]
        source: ignore::Error,
    },

    #[error("cannot run `git`")]
    NoGit {
        #[source]
        source: io::Error,
    },
    #[error("git cannot fetch `{template}`:\n{}", indent(.output))]
    Fetch { template: String, output: String },
    #[error("git cannot create a repository:\n{}", indent(.output))]
    Init { output: String },

    #[error("the farport checkout that this command was built from no longer exists")]
    NoCheckout,
    #[error(transparent)]
    File(#[from] FileError),
}

fn indent(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {}", Plain(line)))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name {
                better: Some(better),
                ..
            } => format!("try `{better}`"),
            Self::Name { better: None, .. } | Self::NoName { .. } => {
                "use letters, digits and dashes, as in `my-mcp-server`".to_owned()
            }
            Self::NameOfDependency { name } => format!("choose another name, such as `my-{name}`"),
            Self::NotAFolder { .. } | Self::NotEmpty { .. } => {
                "choose another name, or move the existing files; farport changed nothing"
                    .to_owned()
            }
            Self::NoTemplate { .. } => format!(
                "use one of {}, a folder, or a git URL as URL#branch:subfolder",
                builtin::names().collect::<Vec<_>>().join(", ")
            ),
            Self::NoWorkerVariant { .. } => format!(
                "use one of {}; for a folder or a git URL, omit `--target`",
                builtin::with_worker_variant()
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Self::HasWorkflow { .. } => "omit `--ci`".to_owned(),
            Self::Protocol { .. } => "use https, ssh or file".to_owned(),
            Self::Branch { .. } | Self::Subfolder { .. } => {
                "write a git URL as URL, URL#branch, URL#branch:subfolder or URL#:subfolder"
                    .to_owned()
            }
            Self::NoSubfolder { .. } | Self::NotACrate { .. } => {
                "if the crate is in another folder, name it, as in URL#branch:subfolder".to_owned()
            }
            Self::TooLarge { .. } => "check the folder: a template is a single crate".to_owned(),
            Self::NoGit { .. } => {
                "install git, or download the template and pass its folder".to_owned()
            }
            Self::NoCheckout => "omit `--path-deps`, or run the command from a checkout: \
                                 `cargo run -- new ...`"
                .to_owned(),
            Self::Manifest { .. }
            | Self::Link { .. }
            | Self::Special { .. }
            | Self::Outside { .. }
            | Self::Unreadable { .. }
            | Self::Walk { .. }
            | Self::Fetch { .. }
            | Self::Init { .. }
            | Self::File(_) => return None,
        })
    }
}
