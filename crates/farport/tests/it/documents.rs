//! The documentation shows the settings that a server reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use farport::{Settings, host::VARIABLES};
use serde_json::Value;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn every_farport_toml_in_the_documentation_is_valid() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("farport.toml");
    let mut seen = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let page = fs::read_to_string(&path).unwrap();
        for block in page.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            // This block is a Cargo.toml.
            if block.starts_with("[dependencies]") || block.starts_with("[package]") {
                continue;
            }
            fs::write(&file, block).unwrap();
            if let Err(error) = Settings::load(&file) {
                panic!("{}: {error}\n{block}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen >= 6, "only {seen} blocks were found");
}

#[test]
fn the_reference_lists_every_setting_and_variable() {
    let page = fs::read_to_string(folder().join("settings.md")).unwrap();
    let keys = |value: &Value| {
        let table = value.as_object().unwrap();
        table.keys().cloned().collect::<BTreeSet<String>>()
    };
    let settings = serde_json::to_value(Settings::default()).unwrap();
    for key in keys(&settings).union(&keys(&settings["auth"])) {
        let row = if key == "auth" {
            "`[auth]`"
        } else {
            &format!("| `{key}` |")
        };
        assert!(page.contains(row), "{key}");
    }
    for variable in VARIABLES {
        // `farport dev` sets it; an operator does not.
        if variable.name != "FARPORT_READY_FILE" {
            assert!(
                page.contains(&format!("`{}`", variable.name)),
                "{}",
                variable.name
            );
        }
    }
}
