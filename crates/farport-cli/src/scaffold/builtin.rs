//! The built-in templates: the crates in the repository's `templates` folder, file by file.
//!
//! Cargo leaves crates inside of a crate out of its package, so their files are in `templates.json`, which
//! `cargo xtask templates` writes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::files::{Content, Files};

/// A built-in template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Builtin {
    /// The name for `--template`.
    pub(super) name: String,
    /// The text of each file by its path.
    files: BTreeMap<PathBuf, String>,
}

static BUILTIN: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the text is fixed, and a test reads it")]
    let templates: BTreeMap<String, BTreeMap<PathBuf, String>> =
        serde_json::from_str(include_str!("../../templates.json")).expect("valid JSON");
    templates
        .into_iter()
        .map(|(name, files)| Builtin { name, files })
        .collect()
});

/// The names of all built-in templates.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|template| template.name.as_str())
}

/// Finds a template by name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTIN.iter().find(|template| template.name == name)
}

/// Finds the variant of a template for Cloudflare Workers, which may be the template itself.
pub(super) fn worker_variant(name: &str) -> Option<&'static Builtin> {
    let variant = match name {
        "authless" | "worker" => "worker".to_owned(),
        name if name.ends_with("-worker") => name.to_owned(),
        name => format!("{name}-worker"),
    };
    find(&variant)
}

/// The names of the templates that have a variant for Cloudflare Workers.
pub(super) fn with_worker_variant() -> impl Iterator<Item = &'static str> {
    names().filter(|name| worker_variant(name).is_some_and(|variant| variant.name != *name))
}

impl Builtin {
    /// The template's files.
    pub(super) fn read(&self) -> Files {
        self.files
            .iter()
            .map(|(path, text)| {
                let file = Content::File {
                    bytes: text.clone().into_bytes(),
                    executable: false,
                };
                (path.clone(), file)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use serde_json::{Map, Value};

    use super::*;
    use crate::scaffold::files;

    #[test]
    fn all_files_of_all_templates_are_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
        let mut on_disk: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        on_disk.sort();
        assert_eq!(names().collect::<Vec<_>>(), on_disk);

        for template in &*BUILTIN {
            let mut on_disk = files::read(&folder.join(&template.name)).unwrap();
            // Cargo creates this file when a developer builds the template.
            on_disk.remove(Path::new("Cargo.lock"));
            assert!(
                template.read() == on_disk,
                "{} has changed: run `cargo xtask templates`",
                template.name
            );
        }
    }

    /// The settings in a `farport.toml` whose comments count as settings.
    fn uncommented(template: &Builtin) -> toml_edit::DocumentMut {
        let files = template.read();
        let Some(Content::File { bytes, .. }) = files.get(Path::new("farport.toml")) else {
            panic!("{} has no farport.toml", template.name);
        };
        let is_setting = |line: &&str| {
            let key = line.split_once(" = ").map(|(key, _)| key);
            key.is_some_and(|key| !key.contains(' ')) || line.starts_with('[')
        };
        let text = str::from_utf8(bytes).unwrap();
        let settings = text.lines().filter_map(|line| line.strip_prefix("# "));
        let settings: Vec<_> = settings.filter(is_setting).collect();
        settings.join("\n").parse().unwrap()
    }

    fn names_all_with_their_defaults(named: &Value, defaults: &Value) {
        let (named, defaults) = (named.as_object().unwrap(), defaults.as_object().unwrap());
        let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(named), keys(defaults));
        for (key, default) in defaults {
            match &named[key] {
                // Without a default, an example.
                _ if default.is_null() => {}
                table if table.is_object() => names_all_with_their_defaults(table, default),
                value => assert_eq!(value, default, "{key}"),
            }
        }
    }

    #[test]
    fn every_farport_toml_names_every_setting_with_its_default() {
        for template in &*BUILTIN {
            let set = uncommented(template);
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), set.to_string()).unwrap();
            let loaded = farport::Settings::load(file.path()).unwrap();
            let loaded = serde_json::to_value(loaded).unwrap();
            let defaults = serde_json::to_value(farport::Settings::default()).unwrap();
            names_all_with_their_defaults(&loaded, &defaults);

            // What it loads as has every key, also those that were not named.
            let auth = set["auth"].as_table().unwrap();
            for (named, all) in [(set.as_table(), &defaults), (auth, &defaults["auth"])] {
                let named: BTreeSet<_> = named.iter().map(|(key, _)| key).collect();
                let all = all.as_object().unwrap().keys();
                assert_eq!(named, all.map(String::as_str).collect());
            }
        }
    }

    #[test]
    fn the_variant_for_workers_has_the_same_tools() {
        for (native, worker, file) in [
            ("authless", "worker", "src/calculator.rs"),
            ("authless", "worker", "farport.toml"),
            ("github", "github-worker", "src/tools.rs"),
            ("github", "github-worker", "src/picture.rs"),
            ("github", "github-worker", "farport.toml"),
            ("worker", "github-worker", "build.sh"),
            ("worker", "github-worker", ".gitignore"),
        ] {
            let [native, worker] = [native, worker].map(|name| find(name).unwrap().read());
            let file = Path::new(file);
            assert!(native.contains_key(file) && native.get(file) == worker.get(file));
        }
        assert_eq!(
            with_worker_variant().collect::<Vec<_>>(),
            ["authless", "github"]
        );
    }

    #[test]
    fn a_readme_and_the_example_name_the_variables_that_the_server_wants() {
        for template in &*BUILTIN {
            let files = template.read();
            let text = |path: &str| match files.get(Path::new(path)) {
                Some(Content::File { bytes, .. }) => String::from_utf8(bytes.clone()).unwrap(),
                _ => panic!("{} has no {path}", template.name),
            };
            let code = text("src/main.rs") + &text("src/lib.rs");
            if !code.contains("from_env()") {
                continue;
            }
            let (readme, example) = (text("README.md"), text(".dev.vars.example"));
            let assigned = example.lines().filter(|line| !line.starts_with('#'));
            let names: Vec<_> = assigned.filter_map(|line| line.split_once('=')).collect();
            assert!(names.len() >= 2, "{}", template.name);
            for (name, _) in names {
                assert!(readme.contains(name), "{}: {name}", template.name);
            }
            assert!(readme.contains("/callback"), "{}", template.name);
        }
    }
}
