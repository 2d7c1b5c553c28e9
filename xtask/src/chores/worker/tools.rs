//! The programs that make Workers, and what they have to know.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::wasm;
use crate::process::{self, BUILD};
use crate::project;
use crate::setup::Node;

/// The version of the program that makes a Worker of a crate.
const WORKER_BUILD: &str = "0.8.7";

/// Programs that make Workers.
pub(super) struct Tools(PathBuf);

impl Tools {
    /// Installs whatever is missing.
    ///
    /// # Errors
    /// When cargo cannot install it.
    pub(super) fn ready() -> Result<Self> {
        if let Some(given) = std::env::var_os("FARPORT_WORKER_TOOLS") {
            return Ok(Self(given.into()));
        }
        let root = project::target().join("tools/worker");
        let lock = fs::read_to_string(project::root().join("tests/worker/Cargo.lock"))?;
        let bindgen = locked(&lock, "wasm-bindgen").context("wasm-bindgen is in no lock file")?;
        let installed = fs::read_to_string(root.join(".crates.toml")).unwrap_or_default();
        for (package, version, program) in [
            ("worker-build", WORKER_BUILD, "worker-build"),
            ("wasm-bindgen-cli", bindgen, "wasm-bindgen"),
        ] {
            if installed.contains(&format!("\"{package} {version} ")) {
                continue;
            }
            let install = |options: &[&str]| {
                let mut command = project::cargo();
                command.args(["install", "--quiet", "--root"]).arg(&root);
                command.arg(format!("{package}@{version}"));
                command.args(["--bin", program]).args(options);
                // Much of what they need is the same. They run for seconds: sooner built is better.
                command
                    .env("CARGO_TARGET_DIR", project::target().join("worker-tools"))
                    .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
                process::run(&mut command, BUILD)
            };
            // What it was released with may have been taken back since.
            install(&["--locked"]).or_else(|_| install(&[]))?;
        }
        Ok(Self(root.join("bin")))
    }

    /// The program that makes a Worker of a crate.
    pub(super) fn worker_build(&self) -> PathBuf {
        self.0.join("worker-build")
    }

    /// Tells `command`, which builds a Worker, where everything is. Cargo needs these options.
    ///
    /// # Errors
    /// When the toolchain does not say where it is.
    pub(super) fn tell(
        &self,
        command: &mut Command,
        node: &Node,
        compiler: Option<&Path>,
    ) -> Result<&'static [&'static str]> {
        let packages = node.folder.join("node_modules");
        let options = wasm::compiling(command, compiler)?;
        command
            .env("PATH", node.path())
            .env("CARGO_TARGET_DIR", project::target().join("worker"))
            .env("WASM_BINDGEN_BIN", self.0.join("wasm-bindgen"))
            .env("WASM_OPT_BIN", packages.join("binaryen/bin/wasm-opt"))
            .env("ESBUILD_BIN", packages.join("esbuild/bin/esbuild"))
            // A Worker has to compile without: its users set none.
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        Ok(options)
    }
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::locked;

    #[test]
    fn a_lock_file_names_versions() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"1.2.3\"\nsource = \"x\"\n";
        assert_eq!(locked(lock, "a-b"), Some("1.2.3"));
        assert_eq!(locked(lock, "a"), None);
    }
}
