//! The program that makes Workers, and the environment it needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::wasm;
use crate::process::{self, BUILD};
use crate::project;
use crate::setup::Node;

/// The `farport` command, which makes Workers.
pub(super) struct Tools(PathBuf);

impl Tools {
    /// Builds the command.
    ///
    /// # Errors
    /// When it does not compile.
    pub(super) fn ready() -> Result<Self> {
        let mut command = project::cargo();
        command
            .args(["build", "--quiet", "--package", "farport-cli"])
            .current_dir(project::root());
        process::run(&mut command, BUILD).context("the farport command does not compile")?;
        Ok(Self(project::target().join("debug/farport")))
    }

    /// A command that builds the Worker of the crate in `folder`.
    ///
    /// # Errors
    /// When the toolchain does not say where it is.
    pub(super) fn build(
        &self,
        folder: &Path,
        node: &Node,
        compiler: Option<&Path>,
    ) -> Result<Command> {
        let mut command = Command::new(&self.0);
        command.args(["deploy", "--build-only"]).current_dir(folder);
        tell(&mut command, node, compiler)?;
        Ok(command)
    }
}

/// Tells `command`, a `farport` that builds a Worker, where everything is.
///
/// # Errors
/// When the toolchain does not say where it is.
pub(super) fn tell(command: &mut Command, node: &Node, compiler: Option<&Path>) -> Result<()> {
    let options = wasm::compiling(command, compiler)?;
    command
        .env("PATH", node.path())
        .env("CARGO_TARGET_DIR", project::target().join("worker"))
        // The wasm-bindgen that farport builds.
        .env("XDG_CACHE_HOME", project::target().join("worker-cache"))
        // A Worker has to compile without: its users set none.
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let mut options = options.iter();
    if let Some(crates) = options.find_map(|word| word.strip_prefix("-Zbuild-std=")) {
        command.env("CARGO_UNSTABLE_BUILD_STD", crates);
    }
    Ok(())
}
