//! `cargo xtask wasm`: the portable crates compile for WebAssembly, and need nothing of a host
//! that only an operating system has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wasmparser::{Parser, Payload};

use crate::process::{self, BUILD};
use crate::steps::Outcome;
use crate::{console, project, setup};

const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles the portable crates for WebAssembly and checks that they import nothing from `env`.
///
/// Where the Rust target wasm32-unknown-unknown is not installed, rustup is asked for it; where
/// rustup cannot fetch it, Debian's rustc-web compiles the standard library too (some minutes, the
/// first time). Everything is kept under target/wasm.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Take Debian's rustc-web even where rustup has the target.
    #[arg(long)]
    debian: bool,
}

/// Builds the probe and looks at its imports.
///
/// # Errors
/// When it does not build, or imports from `env`.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let (compiler, how) = match compiler(args.debian) {
        Ok(found) => found,
        Err(error) if args.debian => return Err(error),
        Err(error) => {
            let why = format!("no compiler for {TARGET} here: {error:#}");
            return Ok(Outcome::Skipped(why));
        }
    };
    let module = build(compiler.as_deref())?;
    let imports = imports(&fs::read(&module)?)?;
    let host: Vec<_> = imports
        .iter()
        .filter(|(module, _)| module == "env")
        .map(|(_, name)| &name[..])
        .collect();
    ensure!(
        host.is_empty(),
        "the module imports from `env`: {}",
        host.join(", ")
    );
    let size = fs::metadata(&module)?.len() / 1024;
    Outcome::passed(format!("{size} KiB, nothing imported from `env`, {how}"))
}

/// Whether the toolchain has the target, after rustup was asked for it if need be.
fn has_target() -> bool {
    let there = || {
        let root = process::output(project::rustc().args([
            "--print",
            "target-libdir",
            "--target",
            TARGET,
        ]));
        root.is_ok_and(|folder| Path::new(folder.trim()).is_dir())
    };
    if there() {
        return true;
    }
    let mut add = Command::new("rustup");
    add.args(["target", "add", TARGET])
        .current_dir(project::root());
    match process::run(&mut add, Duration::from_secs(120)) {
        Ok(()) => there(),
        Err(error) => {
            console::note(&format!("rustup has no {TARGET} to give: {error:#}"));
            false
        }
    }
}

/// Debian's compiler with the source of its library.
fn debian() -> Result<PathBuf> {
    setup::packages(&["rustc-web", "rust-web-src"])?;
    let files = process::output(Command::new("dpkg").args(["--listfiles", "rustc-web"]))?;
    let compiler = files.lines().find(|file| file.ends_with("/bin/rustc"));
    compiler
        .map(PathBuf::from)
        .context("the package rustc-web holds no rustc")
}

/// What has cargo compile for WebAssembly with this compiler, or with its own; and the options that
/// it needs besides.
///
/// # Errors
/// When the toolchain does not say where it is.
pub(crate) fn compiling(
    command: &mut Command,
    compiler: Option<&Path>,
) -> Result<&'static [&'static str]> {
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        "--cfg=getrandom_backend=\"wasm_js\"",
    );
    let Some(compiler) = compiler else {
        return Ok(&[]);
    };
    let sysroot = process::output(project::rustc().args(["--print", "sysroot"]))?;
    let linker = format!(
        "lib/rustlib/{}-unknown-linux-gnu/bin/rust-lld",
        std::env::consts::ARCH
    );
    command.env("RUSTC", compiler).env("RUSTC_BOOTSTRAP", "1");
    command.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
        Path::new(sysroot.trim()).join(linker),
    );
    Ok(&["-Zbuild-std=std,panic_abort"])
}

/// The compiler for WebAssembly, if it is not cargo's own; and what it is.
///
/// # Errors
/// When there is none.
pub(crate) fn compiler(debian_wanted: bool) -> Result<(Option<PathBuf>, &'static str)> {
    if !debian_wanted && has_target() {
        Ok((None, "with rustup's target"))
    } else {
        Ok((Some(debian()?), "with Debian's rustc-web"))
    }
}

fn build(compiler: Option<&Path>) -> Result<PathBuf> {
    let folder = project::target().join("wasm").join(if compiler.is_some() {
        "debian"
    } else {
        "rustup"
    });
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--release", "--target", TARGET]);
    build
        .arg("--manifest-path")
        .arg(project::root().join("xtask/wasm/Cargo.toml"));
    build.arg("--target-dir").arg(&folder);
    let options = compiling(&mut build, compiler)?;
    build.args(options);
    process::run(&mut build, BUILD)
        .context("the portable crates do not compile for WebAssembly")?;
    Ok(folder.join(TARGET).join("release/farport_wasm_probe.wasm"))
}

/// Every import of a module, as the module and the name it is imported from.
fn imports(wasm: &[u8]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                let import = import?;
                found.push((import.module.to_owned(), import.name.to_owned()));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::imports;

    #[test]
    fn imports_are_read_from_a_module() {
        // (module (type (func)) (import "env" "now" (func (type 0))))
        let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0b\x01\x03env\x03now\0\0";
        assert_eq!(
            imports(module).unwrap(),
            [("env".to_owned(), "now".to_owned())]
        );
        assert!(imports(b"no module").is_err());
    }
}
