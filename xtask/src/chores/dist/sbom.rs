//! A software bill of materials: the crates in the program, in the format of `CycloneDX` 1.6.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::release::Release;
use crate::{process, project};

/// Writes the list for each platform.
pub(super) fn pack(release: &Release) -> Result<()> {
    let checksums = checksums()?;
    for binary in &release.binaries {
        let triple = binary.target.triple;
        let mut metadata = project::cargo();
        metadata.args(["metadata", "--format-version=1", "--locked"]);
        metadata.args(["--filter-platform", triple]);
        metadata.args(["--features", "farport-cli/release"]);
        let metadata: Value = serde_json::from_str(&process::output(&mut metadata)?)?;
        let bill = bill(release, &metadata, &checksums)?;
        let file = format!("farport-{}-{triple}.cdx.json", release.version);
        release.write(&file, serde_json::to_string_pretty(&bill)?.as_bytes())?;
    }
    Ok(())
}

/// The digests of Cargo.lock by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    let lock = fs::read_to_string(project::root().join("Cargo.lock"))?;
    let lock: toml::Table = toml::from_str(&lock)?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let packages = packages.into_iter().flatten();
    Ok(packages
        .filter_map(|package| {
            let text = |key| package.get(key)?.as_str().map(str::to_owned);
            Some(((text("name")?, text("version")?), text("checksum")?))
        })
        .collect())
}

fn bill(
    release: &Release,
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<_, _> = list(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let nodes: BTreeMap<_, _> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let root = packages
        .iter()
        .find(|(_, one)| one["name"] == "farport-cli");
    let (root, _) = root.context("there is no package farport-cli")?;

    // Everything that is linked: neither tests' nor build scripts' crates.
    let mut linked = BTreeMap::new();
    let mut open = vec![root.clone()];
    while let Some(id) = open.pop() {
        if linked.contains_key(&id) {
            continue;
        }
        let node = nodes.get(&id).cloned().unwrap_or_default();
        let needs: Vec<_> = list(&node["deps"])
            .iter()
            .filter(|dep| {
                list(&dep["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].is_null())
            })
            .map(|dep| text(&dep["pkg"]))
            .collect();
        open.extend(needs.iter().cloned());
        linked.insert(id, needs);
    }
    let reference = |id: &String| {
        let package = packages.get(id).unwrap_or(&Value::Null);
        format!(
            "pkg:cargo/{}@{}",
            text(&package["name"]),
            text(&package["version"])
        )
    };
    let component = |id: &String| {
        let package = packages.get(id).unwrap_or(&Value::Null);
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        let mut component = json!({
            "type": "library",
            "bom-ref": reference(id),
            "name": name,
            "version": version,
            "purl": reference(id),
        });
        if let Some(license) = package["license"].as_str() {
            // Old crates write `A/B` for `A OR B`.
            let license = license.replace('/', " OR ");
            component["licenses"] = json!([{"expression": license}]);
        }
        if let Some(digest) = checksums.get(&(name, version)) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": digest}]);
        }
        component
    };
    let others = linked.keys().filter(|id| *id != root);
    let mut program = component(root);
    program["type"] = "application".into();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": release.time()?, "component": program},
        "components": others.map(component).collect::<Vec<_>>(),
        "dependencies": linked
            .iter()
            .map(|(id, needs)| json!({
                "ref": reference(id),
                "dependsOn": needs.iter().map(reference).collect::<Vec<_>>(),
            }))
            .collect::<Vec<_>>(),
    }))
}
