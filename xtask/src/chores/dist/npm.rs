//! npm packages: `farport`, which starts the program, and one package for each platform with the program.
//!
//! npm installs the optional dependency whose `os` and `cpu` fit. No package runs a script when it is
//! installed.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::archive::Files;
use super::release::Release;

const LAUNCHER: &str = include_str!("../../../dist/farport.js");

/// Writes the packages.
pub(super) fn pack(release: &Release) -> Result<()> {
    let mut optional = Map::new();
    for binary in &release.binaries {
        let (os, cpu) = binary.target.npm;
        let name = format!("@farport/{os}-{cpu}");
        optional.insert(name.clone(), release.version.as_str().into());
        let mut package = manifest(release, &name);
        package["description"] = format!("The farport program for {os} on {cpu}").into();
        package["os"] = json!([os]);
        package["cpu"] = json!([cpu]);
        package["preferUnplugged"] = true.into();
        let mut files = release.documents();
        files.program(binary.target.program(), binary.bytes.clone());
        let file = format!("farport-{os}-{cpu}-{}.tgz", release.version);
        write(release, &file, files, &package)?;
    }
    let mut package = manifest(release, "farport");
    package["description"] = release.description.as_str().into();
    package["keywords"] = json!([
        "mcp",
        "model-context-protocol",
        "oauth",
        "mcp-remote",
        "inspector"
    ]);
    package["bin"] = json!({"farport": "farport.js"});
    package["engines"] = json!({"node": ">=18"});
    package["optionalDependencies"] = Value::Object(optional);
    let mut files = release.documents();
    files.program("farport.js", LAUNCHER);
    let file = format!("farport-npm-{}.tgz", release.version);
    write(release, &file, files, &package)
}

fn manifest(release: &Release, name: &str) -> Value {
    json!({
        "name": name,
        "version": release.version,
        "license": "MIT OR Apache-2.0",
        "repository": {"type": "git", "url": format!("git+{}.git", release.repository)},
    })
}

fn write(release: &Release, file: &str, mut files: Files, manifest: &Value) -> Result<()> {
    files.file("package.json", serde_json::to_string_pretty(manifest)?);
    let bytes = files.below("package").tar_gz(release.epoch, false)?;
    release.write(file, &bytes)
}
