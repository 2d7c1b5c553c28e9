//! Builds a Worker with cargo and wasm-bindgen, and measures its size.
//!
//! wasm-opt is not part of the build: after the compiler's own optimization for size, it makes the compressed
//! module no smaller, and takes longer than all other steps after the compilation.

mod bindgen;
mod output;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use cargo_metadata::{CrateType, Message};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::Error;
use super::tools::{TARGET, cargo};
use crate::file_error::FileError;

/// The size of the uploaded modules in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Size {
    pub(crate) raw: u64,
    /// The compressed size, which Cloudflare limits.
    pub(crate) gzip: u64,
}

/// Cargo's profile settings for a small Worker. They are in the environment, so that native builds of the
/// same crate keep their profile.
///
/// wasm-bindgen removes the names of functions. The linker would also remove the list of WebAssembly features,
/// which wasm-bindgen needs.
const SMALL: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    (STRIP, "debuginfo"),
];
const STRIP: &str = "CARGO_PROFILE_RELEASE_STRIP";

/// A variable and its value.
type Variable = (&'static str, &'static str);

/// Returns the variables to set for cargo: none for a project with its own release profile, and
/// none that the environment already sets.
fn variables(root: &Path) -> Result<Vec<Variable>, Error> {
    let path = root.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(FileError::of("read", &path))?;
    // Cargo reports an invalid manifest later, with a better message.
    let manifest = text.parse::<toml::Table>().unwrap_or_default();
    let profiles = manifest.get("profile");
    if profiles.is_some_and(|profiles| profiles.get("release").is_some()) {
        return Ok(Vec::new());
    }
    let unset = |(name, _): &(&str, &str)| std::env::var_os(name).is_none();
    Ok(SMALL.into_iter().filter(unset).collect())
}

/// How a build starts and ends its programs.
#[derive(Clone, Copy)]
pub(crate) struct Programs {
    /// Creates a command. Its program ends when the returned child is dropped.
    pub(crate) command: fn(&OsStr) -> Command,
    /// Ends a child and the programs that it started.
    pub(crate) end: fn(&Child),
}

impl Programs {
    /// Programs in the terminal's foreground, which Ctrl-C ends.
    pub(crate) fn in_foreground() -> Self {
        Self {
            command: |program| {
                let mut command = Command::new(program);
                command.stdin(Stdio::null()).kill_on_drop(true);
                command
            },
            end: |_| {},
        }
    }

    /// Runs a program. Its output goes to standard error.
    async fn run(self, command: &mut Command) -> Result<ExitStatus, Error> {
        let mut running = self.spawn(command.stdout(io::stderr()))?;
        running.status().await
    }

    fn spawn(self, command: &mut Command) -> Result<Running, Error> {
        let program = command.as_std().get_program().to_owned();
        let child = command.spawn();
        let child = child.map_err(|source| Error::Start { program, source })?;
        Ok(Running(child, self.end))
    }
}

/// A program that ends when this is dropped.
struct Running(Child, fn(&Child));

impl Running {
    async fn status(&mut self) -> Result<ExitStatus, Error> {
        self.0.wait().await.map_err(Error::Output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        (self.1)(&self.0);
    }
}

/// Builds the Worker of a project into its folder `build`. Cargo's output goes to standard error. Dropping the
/// future ends the build.
pub(crate) async fn build(root: &Path, release: bool, programs: Programs) -> Result<(), Error> {
    let version = bindgen::version(root)?;
    let variables = variables(root)?;
    let (module, bindgen) = tokio::try_join!(
        compile(root, release, &variables, programs),
        bindgen::find(&version, programs),
    )?;
    let names_are_left = variables.iter().any(|(name, _)| *name == STRIP);
    let input = output::Input {
        module: &module,
        version: &version,
        strip: release && names_are_left,
    };
    output::write(root, input, &bindgen, programs).await
}

/// Compiles the crate, and returns the path of the module.
async fn compile(
    root: &Path,
    release: bool,
    variables: &[Variable],
    programs: Programs,
) -> Result<PathBuf, Error> {
    let program = cargo();
    let mut command = (programs.command)(&program);
    command
        .args(["build", "--lib", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .args(release.then_some("--release"))
        .envs(variables.iter().copied())
        // wasm-bindgen's macros then expand to paths that crates with `worker` have.
        .env("WASM_BINDGEN_USE_JS_SYS", "1")
        .current_dir(root)
        .stdout(Stdio::piped());
    let mut running = programs.spawn(&mut command)?;
    let mut module = None;
    if let Some(output) = running.0.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await.map_err(Error::Output)? {
            if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(&line)
                && artifact.target.crate_types.contains(&CrateType::CDyLib)
            {
                let mut files = artifact.filenames.into_iter();
                let file = files.find(|file| file.extension() == Some("wasm"));
                module = file.map(PathBuf::from).or(module);
            }
        }
    }
    let status = running.status().await?;
    if status.success() {
        module.ok_or(Error::NoModule)
    } else {
        Err(Error::Build { program, status })
    }
}

/// Measures a build: the module `main`, and the modules in the same folder.
pub(crate) fn size(main: &Path) -> Result<Size, Error> {
    if !main.is_file() {
        return Err(Error::NothingBuilt {
            path: main.to_owned(),
        });
    }
    let folder = main.parent().unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(FileError::of("read", folder))? {
        files.push(entry.map_err(FileError::of("read", folder))?.path());
    }
    files.sort();
    files.retain(|path| is_module(path));

    let mut raw = 0;
    let mut gzip = GzEncoder::new(Counter(0), Compression::default());
    for path in &files {
        let bytes = fs::read(path).map_err(FileError::of("read", path))?;
        raw += bytes.len() as u64;
        gzip.write_all(&bytes)
            .map_err(FileError::of("compress", path))?;
    }
    let Counter(gzip) = gzip.finish().map_err(FileError::of("compress", folder))?;
    Ok(Size { raw, gzip })
}

fn is_module(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    path.is_file() && matches!(extension, Some("js" | "mjs" | "wasm"))
}

/// Counts the bytes written to it.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_only_includes_modules() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let main = folder.path().join("index.js");
        assert!(matches!(size(&main), Err(Error::NothingBuilt { .. })));
        write("index.js", &[b'a'; 1000]);
        write("index_bg.wasm", &[0; 99_000]);
        write("package.json", &[b' '; 50_000]);
        write("index.d.ts", &[b' '; 50_000]);
        let Size { raw, gzip } = size(&main).unwrap();
        assert_eq!(raw, 100_000);
        assert!((100..1000).contains(&gzip), "{gzip}");
    }
}
