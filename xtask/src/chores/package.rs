//! `cargo xtask package`: packages the published crates, and builds a new server against the packages.
//!
//! The new server gets its crates from a directory source, Cargo's form of a local registry: the packages of
//! this repository, and the versions of all other crates that Cargo.lock names. So it sees what it would see
//! on crates.io after a release.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::process::{self, BUILD};
use crate::steps::{Outcome, Steps};
use crate::{console, project};

/// What every package must contain.
const WANTED: [&str; 4] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Packages the published crates, builds each from its package, and builds a new server against them.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only write the packages and check what they contain; build nothing.
    #[arg(long)]
    no_build: bool,
}

/// A published crate of this repository.
struct Package {
    name: String,
    version: String,
}

/// Runs the steps.
///
/// # Errors
/// When one failed.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let mut steps = Steps::default();
    let packages = published()?;
    steps.step("packages", "cargo xtask package --no-build", || {
        package(&packages, args.no_build)
    });
    if !args.no_build {
        steps.step("new server", "cargo xtask package", || {
            new_server(&packages)
        });
    }
    steps.finish()
}

/// The crates of the workspace that are published.
fn published() -> Result<Vec<Package>> {
    let mut metadata = project::cargo();
    metadata.args(["metadata", "--format-version=1", "--no-deps", "--locked"]);
    let metadata: Value = serde_json::from_str(&process::output(&mut metadata)?)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    // `publish = false` is an empty list.
    let published = packages
        .iter()
        .filter(|package| package["publish"].is_null());
    published
        .map(|package| {
            let text = |key: &str| package[key].as_str().map(str::to_owned);
            for key in ["description", "license", "repository", "readme"] {
                ensure!(text(key).is_some(), "{} has no {key}", package["name"]);
            }
            for key in ["keywords", "categories"] {
                let values = package[key].as_array().map_or(0, Vec::len);
                ensure!((1..=5).contains(&values), "{}: {key}", package["name"]);
            }
            Ok(Package {
                name: text("name").context("a package has no name")?,
                version: text("version").context("a package has no version")?,
            })
        })
        .collect()
}

fn package(packages: &[Package], no_build: bool) -> Result<Outcome> {
    let mut command = project::cargo();
    // Changes that are not committed yet are packaged too.
    command.args(["package", "--quiet", "--locked", "--allow-dirty"]);
    for package in packages {
        command.args(["--package", &package.name]);
    }
    if no_build {
        command.arg("--no-verify");
    }
    process::run(&mut command, BUILD)?;
    for package in packages {
        let path = package.path();
        let mut archive = tar::Archive::new(GzDecoder::new(File::open(&path)?));
        let mut names = Vec::new();
        for entry in archive.entries()? {
            let path = entry?.path()?.into_owned();
            names.push(path.components().skip(1).collect::<PathBuf>());
        }
        for wanted in WANTED {
            ensure!(
                names.iter().any(|name| name == Path::new(wanted)),
                "{} has no {wanted}",
                path.display()
            );
        }
    }
    Outcome::passed(format!("{} crates", packages.len()))
}

impl Package {
    fn path(&self) -> PathBuf {
        let name = format!("{}-{}.crate", self.name, self.version);
        project::target().join("package").join(name)
    }

    /// Adds the package to a directory source.
    fn unpack(&self, source: &Path) -> Result<()> {
        let bytes = fs::read(self.path())?;
        let folder = source.join(format!("{}-{}", self.name, self.version));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        tar::Archive::new(GzDecoder::new(&bytes[..])).unpack(source)?;
        let digest = base16ct::lower::encode_string(&Sha256::digest(&bytes));
        let checksum = json!({"files": {}, "package": digest});
        fs::write(folder.join(".cargo-checksum.json"), checksum.to_string())?;
        Ok(())
    }
}

/// Creates a server with `farport new --registry-deps`, and builds it and runs its tests.
fn new_server(packages: &[Package]) -> Result<Outcome> {
    let source = project::target().join("package-source");
    let scratch = tempfile::tempdir()?;
    let server = scratch.path().join("my-mcp-server");
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--locked", "--package", "farport-cli"]);
    process::run(&mut build, BUILD)?;
    let farport = project::target().join("debug/farport");
    let mut new = Command::new(&farport);
    new.args(["new", "--registry-deps", "--no-git"])
        .arg(&server);
    process::run(&mut new, BUILD)?;
    let manifest = fs::read_to_string(server.join("Cargo.toml"))?;
    ensure!(
        !manifest.contains("path ="),
        "the new server uses a path: {manifest}"
    );

    // The template names crates that the workspace does not use.
    let template = project::root().join("templates/authless/Cargo.toml");
    let mut vendor = project::cargo();
    vendor.args(["vendor", "--quiet", "--versioned-dirs", "--sync"]);
    vendor.arg(template).arg(&source);
    console::command("cargo vendor --versioned-dirs target/package-source");
    process::output(&mut vendor)?;
    for package in packages {
        package.unpack(&source)?;
    }
    let config = toml::toml! {
        [source.crates-io]
        replace-with = "packages"
    };
    let mut config = toml::Value::Table(config);
    config["source"]
        .as_table_mut()
        .context("a table")?
        .insert("packages".into(), directory(&source)?);
    fs::create_dir(server.join(".cargo"))?;
    fs::write(server.join(".cargo/config.toml"), toml::to_string(&config)?)?;

    let mut test = project::cargo();
    test.args(["test", "--quiet"]).current_dir(&server);
    test.env("CARGO_TARGET_DIR", project::target().join("package-test"));
    process::run(&mut test, BUILD)?;
    let lock = fs::read_to_string(server.join("Cargo.lock"))?;
    let from_registry = lock.split("[[package]]").any(|package| {
        package.contains("name = \"farport\"") && package.contains("source = \"registry+")
    });
    if !from_registry {
        bail!("the new server does not take farport from the registry");
    }
    Outcome::passed("a new server builds against the packages and passes its tests")
}

fn directory(path: &Path) -> Result<toml::Value> {
    let path = path.to_str().context("a path that is not text")?;
    let table = toml::Table::from_iter([("directory".to_owned(), path.into())]);
    Ok(toml::Value::Table(table))
}
