//! The templates that come with the command: the crates of the repository's `templates` folder,
//! file by file.

use std::path::PathBuf;

use super::files::{Content, Files};

/// A built-in template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Builtin {
    /// What `--template` calls it.
    pub(super) name: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

macro_rules! template {
    ($name:literal: $($path:literal)*) => {
        Builtin {
            name: $name,
            files: &[$((
                $path,
                include_bytes!(concat!("../../../../templates/", $name, "/", $path)),
            )),*],
        }
    };
}

static BUILTIN: &[Builtin] = &[template!("authless":
    ".gitignore"
    "Cargo.toml"
    "README.md"
    "farport.toml"
    "src/calculator.rs"
    "src/lib.rs"
    "src/main.rs"
    "tests/calls_a_tool.rs"
)];

/// The names of all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|template| template.name)
}

/// The template of this name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTIN.iter().find(|template| template.name == name)
}

impl Builtin {
    /// The template's files.
    pub(super) fn read(&self) -> Files {
        self.files
            .iter()
            .map(|(path, bytes)| {
                (
                    PathBuf::from(path),
                    Content::File {
                        bytes: bytes.to_vec(),
                        executable: false,
                    },
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scaffold::files;

    #[test]
    fn every_file_of_every_template_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
        let mut on_disk: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        on_disk.sort();
        assert_eq!(names().collect::<Vec<_>>(), on_disk);

        for template in BUILTIN {
            let mut on_disk = files::read(&folder.join(template.name)).unwrap();
            // Made by whoever compiles the template where it stands.
            on_disk.remove(Path::new("Cargo.lock"));
            assert_eq!(template.read(), on_disk, "{}", template.name);
        }
    }

    #[test]
    fn every_farport_toml_names_every_setting_with_its_default() {
        for template in BUILTIN {
            let files = template.read();
            let Some(Content::File { bytes, .. }) = files.get(Path::new("farport.toml")) else {
                panic!("{} has no farport.toml", template.name);
            };
            let text = str::from_utf8(bytes).unwrap();
            let set: toml_edit::DocumentMut = text
                .lines()
                .filter_map(|line| line.strip_prefix("# "))
                .filter(|line| {
                    line.split_once(" = ")
                        .is_some_and(|(key, _)| !key.contains(' '))
                })
                .collect::<Vec<_>>()
                .join("\n")
                .parse()
                .unwrap();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), set.to_string()).unwrap();
            let defaults = serde_json::to_value(farport::Settings::default()).unwrap();
            let loaded = farport::Settings::load(file.path()).unwrap();
            assert_eq!(serde_json::to_value(loaded).unwrap(), defaults);
            let mut named: Vec<_> = set.iter().map(|(key, _)| key.to_owned()).collect();
            named.sort();
            let mut all: Vec<_> = defaults.as_object().unwrap().keys().cloned().collect();
            all.sort();
            assert_eq!(named, all);
        }
    }
}
