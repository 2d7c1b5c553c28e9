//! The folder `build`: wasm-bindgen's output and the Worker's entry point.
//!
//! | File | Content |
//! |---|---|
//! | `index.js` | the entry point, `main` in wrangler's configuration |
//! | `bindings.js`, `snippets/` | wasm-bindgen's JavaScript |
//! | `index_bg.wasm` | the module |
//! | `.farport` | a digest of the compiled module and the options of the build |
//!
//! wrangler bundles the scripts when it serves or deploys them.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Programs;
use crate::file_error::FileError;
use crate::worker::Error;

/// The entry point, without the exports of classes.
const ENTRY: &str = include_str!("entry.js");
/// The file with the digest. It only exists next to complete output.
const STAMP: &str = ".farport";
/// The files that the output consists of, besides snippets.
const FILES: [&str; 3] = ["index.js", "bindings.js", "index_bg.wasm"];
/// The output of worker-build, which would change how wrangler bundles the scripts.
const OUTDATED: [&str; 2] = ["package.json", "worker"];

/// What wasm-bindgen works on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    /// The compiled module.
    pub(super) module: &'a Path,
    pub(super) version: &'a str,
    /// Whether to remove the names of functions.
    pub(super) strip: bool,
}

/// Writes the output for a compiled module. Does nothing if `build` already has this output.
pub(super) async fn write(
    root: &Path,
    input: Input<'_>,
    bindgen: &OsStr,
    programs: Programs,
) -> Result<(), Error> {
    let folder = root.join("build");
    let digest = digest(input)?;
    let stamp = folder.join(STAMP);
    let complete = FILES.iter().all(|name| folder.join(name).is_file());
    if complete && fs::read_to_string(&stamp).is_ok_and(|written| written == digest) {
        return Ok(());
    }

    let staging = folder.join(".tmp");
    remove(&staging)?;
    fs::create_dir_all(&staging).map_err(FileError::of("create", &staging))?;
    let mut command = (programs.command)(bindgen);
    command
        .arg(input.module)
        .arg("--out-dir")
        .arg(&staging)
        .args([
            "--out-name=index",
            "--target=module",
            "--no-typescript",
            "--experimental-reset-state-function",
            "--force-enable-abort-handler",
        ]);
    if input.strip {
        command.args(["--remove-name-section", "--remove-producers-section"]);
    }
    let status = programs.run(command.current_dir(root)).await?;
    if !status.success() {
        return Err(Error::Build {
            program: bindgen.to_owned(),
            status,
        });
    }
    let script = staging.join("index.js");
    let bindings = fs::read_to_string(&script).map_err(FileError::of("read", &script))?;
    // workerd imports a module without the keyword `source`.
    put(
        &staging.join("bindings.js"),
        &bindings.replace("import source ", "import "),
    )?;
    put(&script, &entry(&bindings))?;
    put(&staging.join(".gitignore"), "*\n")?;

    remove(&stamp)?;
    for name in OUTDATED {
        remove(&folder.join(name))?;
    }
    for entry in fs::read_dir(&staging).map_err(FileError::of("read", &staging))? {
        let from = entry.map_err(FileError::of("read", &staging))?.path();
        let to = folder.join(from.file_name().unwrap_or_default());
        if to.is_dir() {
            remove(&to)?;
        }
        fs::rename(&from, &to).map_err(FileError::of("write", &to))?;
    }
    remove(&staging)?;
    put(&stamp, &digest)
}

/// Returns the entry point for these bindings: each exported class may be one of a Durable Object.
fn entry(bindings: &str) -> String {
    let classes = bindings.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("export class ")?.split_once([' ', '{'])?;
        Some(format!("export const {name} = durable(bindings.{name});\n"))
    });
    std::iter::once(ENTRY.to_owned()).chain(classes).collect()
}

fn digest(input: Input<'_>) -> Result<String, Error> {
    let module = fs::read(input.module).map_err(FileError::of("read", input.module))?;
    let mut digest = Sha256::new();
    digest.update(&module);
    digest.update(format!("{}\0{}\0{ENTRY}", input.version, input.strip));
    Ok(base16ct::lower::encode_string(&digest.finalize()))
}

fn put(path: &Path, text: &str) -> Result<(), Error> {
    Ok(fs::write(path, text).map_err(FileError::of("write", path))?)
}

/// Removes a file or a folder, if it exists.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::of("remove", path)(error).into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_point_exports_every_class() {
        let bindings = "import source wasm from \"./index_bg.wasm\";\nexport class A {\n}\n\
                        class Inner {\n}\nexport class B_2{\nexport function fetch(a) {\n}\n";
        let entry = entry(bindings);
        let exports = entry.strip_prefix(ENTRY).unwrap();
        assert_eq!(
            exports,
            "export const A = durable(bindings.A);\nexport const B_2 = durable(bindings.B_2);\n"
        );
    }

    #[test]
    fn the_templates_script_writes_the_same_entry_point() {
        for script in [
            include_str!("../../../../../templates/worker/build.sh"),
            include_str!("../../../../../templates/github-worker/build.sh"),
        ] {
            assert!(script.contains(ENTRY));
        }
    }
}
