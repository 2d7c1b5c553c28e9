//! The crate to serve or deploy: its binary and its source folders.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId, TargetKind};

use crate::worker::tools;

/// Why a crate cannot be served or deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no crate found: neither `{}` nor its parent folders contain a `Cargo.toml`", .folder.display())]
    NoCrate { folder: PathBuf },
    #[error("this folder is a workspace, not a crate")]
    Workspace { members: Vec<String> },
    #[error("cargo cannot read this crate")]
    Metadata {
        #[source]
        source: Box<cargo_metadata::Error>,
    },
    #[error("the crate `{package}` has no binary")]
    NoBinary { package: String },
    #[error("the crate `{package}` has no binary `{wanted}`")]
    WrongBinary {
        package: String,
        wanted: String,
        binaries: Vec<String>,
    },
    #[error("the crate `{package}` has several binaries")]
    ManyBinaries {
        package: String,
        binaries: Vec<String>,
    },
    #[error("the crate `{package}` does not depend on farport")]
    NoServer { package: String },
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCrate { .. } => {
                "run this in the folder of a crate, or create one: `farport new my-mcp-server && cd my-mcp-server`".to_owned()
            }
            Self::Workspace { members } if members.is_empty() => {
                "run this in the folder of a crate".to_owned()
            }
            Self::Workspace { members } => {
                format!("run this in the folder of one of these crates: {}", members.join(", "))
            }
            Self::NoBinary { .. } => {
                "add a `src/main.rs` that runs `farport::Server`".to_owned()
            }
            Self::WrongBinary { binaries, .. } | Self::ManyBinaries { binaries, .. } => {
                format!("select one with `--bin`: {}", binaries.join(", "))
            }
            Self::NoServer { .. } => {
                "run `cargo add farport`, and run a `farport::Server` in `main`".to_owned()
            }
            Self::Metadata { .. } => return None,
        })
    }
}

/// The platform to find dependencies for. Cargo downloads the dependencies of no other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Platform {
    /// Every platform.
    Any,
    /// The one that cargo builds for.
    Host,
    /// `WebAssembly`.
    Worker,
}

/// The crate to serve or deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// The name of the package.
    pub(crate) name: String,
    /// The folder of the package.
    pub(crate) root: PathBuf,
    /// The binary to build and run.
    pub(crate) binary: String,
    /// The folders of this package and of its path dependencies.
    pub(crate) sources: Vec<PathBuf>,
    /// The folder of `Cargo.lock`.
    pub(crate) workspace: PathBuf,
}

impl Project {
    /// Finds the folder of the crate that contains `folder`.
    pub(crate) fn root(folder: &Path) -> Result<&Path, Error> {
        folder
            .ancestors()
            .find(|folder| folder.join("Cargo.toml").is_file())
            .ok_or_else(|| Error::NoCrate {
                folder: folder.to_owned(),
            })
    }

    /// Loads the crate in a folder from cargo's metadata. Cargo writes its own errors to standard error.
    pub(crate) fn load(
        folder: &Path,
        binary: Option<&str>,
        platform: Platform,
    ) -> Result<Self, Error> {
        let mut command = MetadataCommand::new();
        command.current_dir(folder).verbose(true);
        let target = match platform {
            Platform::Any => None,
            Platform::Host => host(folder),
            Platform::Worker => Some(tools::TARGET.to_owned()),
        };
        if let Some(target) = target {
            command.other_options(["--filter-platform".to_owned(), target]);
        }
        let metadata = command.exec().map_err(|source| Error::Metadata {
            source: Box::new(source),
        })?;
        Self::of(&metadata, binary)
    }

    fn of(metadata: &Metadata, binary: Option<&str>) -> Result<Self, Error> {
        let Some(package) = metadata.root_package() else {
            let members = metadata.workspace_packages().into_iter();
            let servers = members.filter(|package| !binaries(package).is_empty());
            return Err(Error::Workspace {
                members: servers.map(|package| package.name.to_string()).collect(),
            });
        };
        let used = dependencies(metadata, &package.id);
        if !used
            .iter()
            .any(|package| package.name.as_str() == "farport")
        {
            return Err(Error::NoServer {
                package: package.name.to_string(),
            });
        }
        Ok(Self {
            name: package.name.to_string(),
            root: folder(package),
            binary: choose(package, binary)?,
            sources: used
                .into_iter()
                .filter(|package| package.source.is_none())
                .map(folder)
                .collect(),
            workspace: metadata.workspace_root.clone().into(),
        })
    }
}

/// Asks the compiler for the platform that it runs on. `None` if there is no answer, which cargo will report.
fn host(folder: &Path) -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut version = Command::new(rustc);
    let output = version.arg("-vV").current_dir(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
}

fn folder(package: &Package) -> PathBuf {
    let manifest = package.manifest_path.as_std_path();
    manifest.parent().unwrap_or(manifest).to_owned()
}

fn binaries(package: &Package) -> Vec<String> {
    let targets = package.targets.iter();
    targets
        .filter(|target| target.kind.contains(&TargetKind::Bin))
        .map(|target| target.name.clone())
        .collect()
}

fn choose(package: &Package, wanted: Option<&str>) -> Result<String, Error> {
    let mut binaries = binaries(package);
    let name = package.name.to_string();
    match wanted.or(package.default_run.as_deref()) {
        Some(wanted) if binaries.iter().any(|binary| binary == wanted) => Ok(wanted.to_owned()),
        Some(wanted) => Err(Error::WrongBinary {
            package: name,
            wanted: wanted.to_owned(),
            binaries,
        }),
        None => match (binaries.pop(), binaries.is_empty()) {
            (None, _) => Err(Error::NoBinary { package: name }),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                binaries.push(last);
                Err(Error::ManyBinaries {
                    package: name,
                    binaries,
                })
            }
        },
    }
}

/// Returns a package and all its dependencies.
fn dependencies<'a>(metadata: &'a Metadata, root: &'a PackageId) -> Vec<&'a Package> {
    let mut seen = HashSet::from([root]);
    let mut waiting = vec![root];
    while let Some(id) = waiting.pop() {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        for node in nodes.filter(|node| node.id == *id) {
            waiting.extend(node.dependencies.iter().filter(|id| seen.insert(id)));
        }
    }
    metadata
        .packages
        .iter()
        .filter(|package| seen.contains(&package.id))
        .collect()
}
