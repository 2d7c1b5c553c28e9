//! wrangler's configuration of a Worker.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::Error;
use crate::file_error::FileError;

/// The file names that wrangler searches for, in its order.
const NAMES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// The configuration of a Worker.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The project's folder, which contains the configuration.
    pub(crate) root: PathBuf,
    path: PathBuf,
    value: Value,
}

impl Config {
    /// Reads the configuration in a project's folder.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let mut paths = NAMES.iter().map(|name| root.join(name));
        let path = paths.find(|path| path.is_file());
        let path = path.ok_or_else(|| Error::NoWorker {
            folder: root.to_owned(),
        })?;
        let text = fs::read_to_string(&path).map_err(FileError::of("read", &path))?;
        let value = parse(&path, &text)?;
        Ok(Self {
            root: root.to_owned(),
            path,
            value,
        })
    }

    /// Returns the path of the main module, which the build creates.
    pub(crate) fn main(&self) -> Result<PathBuf, Error> {
        let main = self.value.get("main").and_then(Value::as_str);
        let main = main.ok_or_else(|| Error::NoMain {
            path: self.path.clone(),
        })?;
        Ok(self.root.join(main))
    }

    /// Returns whether wrangler minifies the scripts: `None` if the configuration does not say.
    pub(crate) fn minify(&self, env: Option<&str>) -> Option<bool> {
        let of_env = env.map(|name| &self.value["env"][name]["minify"]);
        of_env
            .and_then(Value::as_bool)
            .or(self.value["minify"].as_bool())
    }

    /// Returns the names of the secrets that a deployment requires. Environments do not inherit them.
    pub(crate) fn required_secrets(&self, env: Option<&str>) -> Vec<String> {
        let settings = match env {
            Some(name) => &self.value["env"][name],
            None => &self.value,
        };
        let names = settings["secrets"]["required"].as_array();
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    }

    /// Writes a copy with `build` as its only build. The copy is in the same folder, so that relative
    /// paths and `.dev.vars` still work. Dropping it deletes the file.
    ///
    /// farport builds the crate itself, to control cargo's arguments and to report errors once. With the
    /// original configuration, wrangler would build it again.
    pub(crate) fn with_build(&self, build: &Build) -> Result<NamedTempFile, Error> {
        let mut copy = tempfile::Builder::new()
            .prefix(".wrangler-farport-")
            .suffix(".json")
            .tempfile_in(&self.root)
            .map_err(FileError::of("write in", &self.root))?;
        let text = self.text_with_build(build);
        let path = copy.path().to_owned();
        copy.write_all(text.as_bytes())
            .map_err(FileError::of("write", &path))?;
        Ok(copy)
    }

    /// The configuration with `build` as its only build.
    pub(crate) fn text_with_build(&self, build: &Build) -> String {
        let mut value = self.value.clone();
        if let Some(map) = value.as_object_mut() {
            map.remove("build");
            if let Build::After(folder) = build {
                map.insert(
                    "build".into(),
                    json!({ "command": "true", "watch_dir": folder }),
                );
            }
        }
        // Environments can have their own build.
        if let Some(environments) = value.get_mut("env").and_then(Value::as_object_mut) {
            for environment in environments.values_mut() {
                if let Some(map) = environment.as_object_mut() {
                    map.remove("build");
                }
            }
        }
        value.to_string()
    }
}

/// The build in the copy of wrangler's configuration.
#[derive(Clone, Debug)]
pub(crate) enum Build {
    /// No build.
    Nothing,
    /// An empty build, which wrangler runs when a file in this folder changes. wrangler then reloads the
    /// modules.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only `farport dev` needs it"))]
    After(String),
}

fn parse(path: &Path, text: &str) -> Result<Value, Error> {
    let bad = |why: String| Error::Config {
        path: path.to_owned(),
        why,
    };
    let value = if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        toml::from_str(text).map_err(|error| bad(error.to_string()))?
    } else {
        jsonc_parser::parse_to_serde_value(text, &Default::default())
            .map_err(|error| bad(error.to_string()))?
            .unwrap_or_default()
    };
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(bad("not an object".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, text: &str) -> (tempfile::TempDir, Result<Config, Error>) {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(name), text).unwrap();
        let config = Config::load(root.path());
        (root, config)
    }

    #[test]
    fn every_format_of_a_configuration_is_parsed() {
        let json = r#"{"name": "a", "main": "build/index.js"}"#;
        let jsonc = "{\n  // A comment.\n  \"name\": \"a\",\n  \"main\": \"build/index.js\",\n}";
        let toml = "name = \"a\"\nmain = \"build/index.js\"\n";
        for (name, text) in [
            ("wrangler.json", json),
            ("wrangler.jsonc", jsonc),
            ("wrangler.toml", toml),
        ] {
            let (root, config) = config(name, text);
            let main = config.unwrap().main().unwrap();
            assert_eq!(main, root.path().join("build/index.js"), "{name}");
        }
    }

    #[test]
    fn an_error_names_the_file() {
        for (name, text) in [
            ("wrangler.jsonc", "{"),
            ("wrangler.jsonc", "[]"),
            ("wrangler.jsonc", ""),
            ("wrangler.toml", "name = "),
        ] {
            let (_root, config) = config(name, text);
            let error = config.unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let (_root, nothing) = config("package.json", "{}");
        assert!(matches!(nothing, Err(Error::NoWorker { .. })));
        let (_root, no_main) = config("wrangler.json", "{}");
        assert!(matches!(no_main.unwrap().main(), Err(Error::NoMain { .. })));
    }

    #[test]
    fn the_copy_differs_only_in_the_build_and_is_deleted_when_dropped() {
        let text = r#"{"name": "a", "build": {"command": "x"}, "vars": {"A": "1"},
                       "env": {"staging": {"build": {"command": "y"}, "vars": {"A": "2"}}}}"#;
        let (root, config) = config("wrangler.json", text);
        let config = config.unwrap();
        let rest =
            json!({"name": "a", "vars": {"A": "1"}, "env": {"staging": {"vars": {"A": "2"}}}});
        let mut watching = rest.clone();
        watching["build"] = json!({"command": "true", "watch_dir": ".farport/worker"});
        for (build, expected) in [
            (Build::Nothing, rest),
            (Build::After(".farport/worker".to_owned()), watching),
        ] {
            let copy = config.with_build(&build).unwrap();
            let path = copy.path().to_owned();
            assert_eq!(path.parent(), Some(root.path()));
            let said: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(said, expected);
            fs::write(copy.path(), config.text_with_build(&build)).unwrap();
            drop(copy);
            assert!(!path.exists());
        }
    }
}
