//! wasm-bindgen, in the version of the Worker's lock file: finds it, or builds it once.
//!
//! There is no package with its binaries in a registry that cargo or npm reaches, and `cargo install
//! wasm-bindgen-cli` compiles an HTTP server and client that a build does not need. farport compiles a small
//! program around wasm-bindgen's library instead, while cargo compiles the Worker.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cargo_metadata::MetadataCommand;
use etcetera::BaseStrategy as _;

use super::Programs;
use crate::env_vars;
use crate::file_error::FileError;
use crate::terminal::GOOD;
use crate::worker::Error;
use crate::worker::tools::{TARGET, cargo, named};

/// The program around wasm-bindgen's library.
const MAIN: &str = include_str!("bindgen.rs.txt");

/// Variables that are meant for the compilation of the Worker.
const FOR_WORKERS: [&str; 5] = [
    env_vars::BUILD_STD,
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTFLAGS",
];

/// Returns the version of wasm-bindgen that the crate uses. Creates the lock file if there is none.
pub(super) fn version(root: &Path) -> Result<String, Error> {
    let mut command = MetadataCommand::new();
    command
        .manifest_path(root.join("Cargo.toml"))
        .other_options(["--filter-platform".to_owned(), TARGET.to_owned()]);
    let metadata = command.exec().map_err(|source| Error::Dependencies {
        source: Box::new(source),
    })?;
    let mut packages = metadata.packages.iter();
    packages
        .find(|package| package.name.as_str() == "wasm-bindgen")
        .map(|package| package.version.to_string())
        .ok_or(Error::NoBindgen)
}

/// Finds wasm-bindgen: in WASM_BINDGEN_BIN, in farport's cache, or in PATH. Builds it if there is none.
pub(super) async fn find(version: &str, programs: Programs) -> Result<OsString, Error> {
    if let Some(program) = named(env_vars::WASM_BINDGEN_BIN) {
        return Ok(program);
    }
    let folder = cache().join(format!("wasm-bindgen-{version}"));
    let program = folder.join(format!("wasm-bindgen{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program.into());
    }
    let name = OsStr::new("wasm-bindgen");
    let mut query = (programs.command)(name);
    let output = query.arg("--version").stderr(Stdio::null()).output().await;
    let installed = output.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        text.split_whitespace().nth(1) == Some(version)
    });
    if installed {
        return Ok(name.to_owned());
    }
    make(version, &folder, &program, programs).await?;
    Ok(program.into())
}

/// Builds wasm-bindgen into `program`.
async fn make(
    version: &str,
    folder: &Path,
    program: &Path,
    programs: Programs,
) -> Result<(), Error> {
    anstream::eprintln!(
        "{GOOD}Building{GOOD:#} wasm-bindgen {version}, once for all Workers; this takes about a minute"
    );
    let source = folder.join("src");
    fs::create_dir_all(&source).map_err(FileError::of("create", &source))?;
    let write =
        |path: PathBuf, text: &str| fs::write(&path, text).map_err(FileError::of("write", &path));
    write(folder.join("Cargo.toml"), &manifest(version))?;
    write(source.join("main.rs"), MAIN)?;
    let target = folder.join("target");
    let mut command = (programs.command)(&cargo());
    command
        .args(["build", "--quiet", "--release", "--target-dir"])
        .arg(&target)
        .current_dir(folder);
    for name in FOR_WORKERS {
        command.env_remove(name);
    }
    let status = programs.run(&mut command).await?;
    if !status.success() {
        return Err(Error::Bindgen {
            version: version.to_owned(),
            status,
        });
    }
    let built = format!(
        "release/farport-wasm-bindgen{}",
        std::env::consts::EXE_SUFFIX
    );
    // Another farport may start the program at any time, so it must appear complete.
    let copy = folder.join(format!("copy-{}", std::process::id()));
    fs::copy(target.join(built), &copy).map_err(FileError::of("write", &copy))?;
    fs::rename(&copy, program).map_err(FileError::of("write", program))?;
    // What is left only costs space.
    let _ = fs::remove_dir_all(target);
    Ok(())
}

fn manifest(version: &str) -> String {
    format!(
        "[package]\nname = \"farport-wasm-bindgen\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [workspace]\n\n[dependencies]\nwasm-bindgen-cli-support = \"={version}\"\n\n\
         # It runs for a second, so a short compilation matters more.\n\
         [profile.release]\nopt-level = 1\ndebug = false\nstrip = true\n"
    )
}

/// Returns farport's cache folder.
fn cache() -> PathBuf {
    let strategy = etcetera::choose_base_strategy();
    let folder = strategy.map_or_else(|_| std::env::temp_dir(), |strategy| strategy.cache_dir());
    folder.join("farport")
}
