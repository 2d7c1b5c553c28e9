//! Building a worker with worker-build, which has wasm-opt make it small, and its size.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

use super::{Error, Tools};
use crate::error::FileError;

/// The size of what is uploaded, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Size {
    pub(crate) raw: u64,
    /// Compressed, which is what Cloudflare's limits are about.
    pub(crate) gzip: u64,
}

/// How cargo makes a worker small, for projects that say nothing of it. It is in the environment, so
/// that a program that is built of the same crate is as fast as ever.
const SMALL: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
];

/// The variables that worker-build is to have: none for a project with a release profile of its own.
/// What the environment says already, stays.
pub(crate) fn variables(root: &Path) -> Result<Vec<(&'static str, &'static str)>, Error> {
    let path = root.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(FileError::of("read", &path))?;
    // What cannot be read, cargo complains about in a moment, and better.
    let manifest = text.parse::<toml::Table>().unwrap_or_default();
    let profiles = manifest.get("profile");
    if profiles.is_some_and(|profiles| profiles.get("release").is_some()) {
        return Ok(Vec::new());
    }
    let unset = |(name, _): &(&str, &str)| std::env::var_os(name).is_none();
    Ok(SMALL.into_iter().filter(unset).collect())
}

/// Builds the worker of a project, optimised. What cargo says goes to standard error.
pub(crate) fn build(root: &Path, tools: &Tools) -> Result<(), Error> {
    let program = &tools.worker_build;
    let status = Command::new(program)
        .arg("--release")
        .envs(variables(root)?)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|source| Error::Start {
            program: program.clone(),
            source,
        })?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::Build {
            program: program.clone(),
            status,
        }),
    }
}

/// The size of what was built: the module `main`, and the modules beside it.
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

/// Counts what is written to it.
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
    fn the_size_is_that_of_the_modules_alone() {
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
