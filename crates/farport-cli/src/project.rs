//! The crate that is served or deployed: what to build, what to watch.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId, TargetKind};

/// Why a crate cannot be served or deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no crate here: neither `{}` nor a folder above it has a `Cargo.toml`", .folder.display())]
    NoCrate { folder: PathBuf },
    #[error("this is a workspace, not one of its crates")]
    Workspace { members: Vec<String> },
    #[error("cargo could not read this crate")]
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
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCrate { .. } => {
                "go into a crate first, or make one: `farport new my-mcp-server && cd my-mcp-server`".to_owned()
            }
            Self::Workspace { members } if members.is_empty() => "go into a crate first".to_owned(),
            Self::Workspace { members } => {
                format!("go into a crate with a server first: {}", members.join(", "))
            }
            Self::NoBinary { .. } => {
                "a server is a binary: give the crate a `src/main.rs` that runs `farport::Server`".to_owned()
            }
            Self::WrongBinary { binaries, .. } | Self::ManyBinaries { binaries, .. } => {
                format!("choose one with `--bin`: {}", binaries.join(", "))
            }
            Self::NoServer { .. } => {
                "`cargo add farport`, and let `main` run `farport::Server`".to_owned()
            }
            Self::Metadata { .. } => return None,
        })
    }
}

/// The crate that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// The package's name.
    pub(crate) name: String,
    /// The package's folder.
    pub(crate) root: PathBuf,
    /// The binary to build and run.
    pub(crate) binary: String,
    /// Folders of all packages that are built from files here: this one and those it depends
    /// on by path.
    pub(crate) sources: Vec<PathBuf>,
    /// The folder of `Cargo.lock`.
    pub(crate) workspace: PathBuf,
}

impl Project {
    /// The folder of the crate another folder is in.
    pub(crate) fn root(folder: &Path) -> Result<&Path, Error> {
        folder
            .ancestors()
            .find(|folder| folder.join("Cargo.toml").is_file())
            .ok_or_else(|| Error::NoCrate {
                folder: folder.to_owned(),
            })
    }

    /// Asks cargo about the crate in a folder. What cargo complains about it writes to standard
    /// error itself.
    pub(crate) fn load(folder: &Path, binary: Option<&str>) -> Result<Self, Error> {
        let metadata = MetadataCommand::new()
            .current_dir(folder)
            .verbose(true)
            .exec()
            .map_err(|source| Error::Metadata {
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

/// A package and everything it is built with.
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
