//! Adapts the template's `Cargo.toml`: its name and its dependencies.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike, Value, value};

use super::Error;
use super::crate_name::CrateName;
use super::files::{Content, Files};
use super::workspace::Around;

const MANIFEST: &str = "Cargo.toml";

/// The folder of this crate where it was built. The program of a release does not know it.
const CHECKOUT: Option<&str> = if cfg!(feature = "release") {
    None
} else {
    Some(env!("CARGO_MANIFEST_DIR"))
};

/// The kind of dependency on farport.
#[derive(Debug)]
pub(super) enum Dependencies {
    /// A version.
    Released,
    /// A path into the `crates` folder of a checkout.
    Checkout(PathBuf),
}

impl Dependencies {
    /// Depends on the checkout that this command was built from.
    pub(super) fn on_checkout() -> Result<Self, Error> {
        let Some(here) = CHECKOUT else {
            return Err(Error::NoCheckout);
        };
        let here = Path::new(here);
        match here.parent().map(fs::canonicalize) {
            Some(Ok(crates)) if crates.join("farport").join(MANIFEST).is_file() => {
                Ok(Self::Checkout(crates))
            }
            _ => Err(Error::NoCheckout),
        }
    }
}

/// The version of farport that new crates depend on: `major.minor`.
fn released() -> String {
    format!(
        "{}.{}",
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR")
    )
}

fn parse(files: &Files) -> Result<Option<DocumentMut>, Error> {
    let Some(Content::File { bytes, .. }) = files.get(Path::new(MANIFEST)) else {
        return Ok(None);
    };
    let Ok(text) = str::from_utf8(bytes) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|source| Error::Manifest {
        source: Box::new(source),
    })
}

/// Returns the name of the template's package.
pub(super) fn name(files: &Files, template: &str) -> Result<String, Error> {
    let manifest = parse(files)?;
    let name = manifest
        .as_ref()
        .and_then(|manifest| manifest.get("package")?.get("name")?.as_str());
    match name {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Error::NotACrate {
            template: template.to_owned(),
        }),
    }
}

/// Adapts the template's manifest to the new crate. `files` are already renamed.
pub(super) fn adapt(
    files: &mut Files,
    old: &str,
    new: &CrateName,
    dependencies: &Dependencies,
    around: Around,
) -> Result<(), Error> {
    let Some(mut manifest) = parse(files)? else {
        return Ok(());
    };
    rename(manifest.as_table_mut(), old, new);
    for_each_dependency(manifest.as_table_mut(), &mut |name, dependency| {
        if same_crate(name, new.as_str()) {
            return Err(Error::NameOfDependency {
                name: name.to_owned(),
            });
        }
        redirect(name, dependency, dependencies);
        Ok(())
    })?;
    if around == Around::Member {
        manifest.remove("profile");
    }
    if around == Around::Unlisted && !manifest.contains_key("workspace") {
        let mut workspace = Table::new();
        workspace
            .decor_mut()
            .set_prefix("\n# The workspace around this folder does not list this crate.\n");
        manifest.insert("workspace", Item::Table(workspace));
    }
    let bytes = manifest.to_string().into_bytes();
    files.insert(
        MANIFEST.into(),
        Content::File {
            bytes,
            executable: false,
        },
    );
    Ok(())
}

/// Renames the package, library and binaries that have the old name.
fn rename(manifest: &mut Table, old: &str, new: &CrateName) {
    let put = |item: Option<&mut Item>| {
        let Some(Item::Value(Value::String(name))) = item else {
            return;
        };
        let renamed = match name.value() {
            text if text == old => new.as_str().to_owned(),
            text if *text == old.replace('-', "_") => new.ident(),
            _ => return,
        };
        let decor = name.decor().clone();
        *name = toml_edit::Formatted::new(renamed);
        *name.decor_mut() = decor;
    };
    if let Some(package) = manifest.get_mut("package") {
        put(package.get_mut("name"));
        put(package.get_mut("default-run"));
    }
    put(manifest.get_mut("lib").and_then(|lib| lib.get_mut("name")));
    if let Some(Item::ArrayOfTables(bins)) = manifest.get_mut("bin") {
        bins.iter_mut().for_each(|bin| put(bin.get_mut("name")));
    }
}

/// Visits every dependency in every table.
fn for_each_dependency(
    table: &mut dyn TableLike,
    visit: &mut dyn FnMut(&str, &mut Item) -> Result<(), Error>,
) -> Result<(), Error> {
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        if let Some(dependencies) = table.get_mut(kind).and_then(Item::as_table_like_mut) {
            for (name, dependency) in dependencies.iter_mut() {
                visit(name.get(), dependency)?;
            }
        }
    }
    if let Some(targets) = table.get_mut("target").and_then(Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            if let Some(target) = target.as_table_like_mut() {
                for_each_dependency(target, visit)?;
            }
        }
    }
    Ok(())
}

/// Replaces a dependency on one of farport's crates. In a template, it may be a path into the template's
/// repository.
fn redirect(name: &str, dependency: &mut Item, dependencies: &Dependencies) {
    let crates = match dependencies {
        Dependencies::Checkout(crates) if crates.join(name).join(MANIFEST).is_file() => {
            Some(crates)
        }
        _ if name == "farport" || name.starts_with("farport-") => None,
        _ => return,
    };
    // `farport = "0.1"` is not a table.
    if dependency.is_str() {
        if let Some(crates) = crates {
            let mut table = toml_edit::InlineTable::new();
            table.insert("path", path_value(&crates.join(name)));
            *dependency = value(table);
        }
        return;
    }
    let Some(table) = dependency.as_table_like_mut() else {
        return;
    };
    let was_path = table.remove("path").is_some();
    match crates {
        Some(crates) => {
            for elsewhere in ["version", "git", "branch", "tag", "rev", "registry"] {
                table.remove(elsewhere);
            }
            table.insert("path", value(path_value(&crates.join(name))));
        }
        None => {
            if was_path && !table.contains_key("version") && !table.contains_key("git") {
                table.insert("version", value(released()));
            }
            if table.len() == 1
                && let Some(version) = table.get("version").and_then(Item::as_str)
            {
                *dependency = value(version.to_owned());
                return;
            }
        }
    }
    if let Some(table) = dependency.as_inline_table_mut() {
        table.fmt();
    }
}

fn path_value(path: &Path) -> Value {
    path.display().to_string().into()
}

/// Returns whether two names are equal in Rust code.
fn same_crate(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "[package]\nname = \"old-name\"\n\n";

    fn adapted(manifest: &str, dependencies: &Dependencies) -> Result<String, Error> {
        let bytes = format!("{PACKAGE}{manifest}").into_bytes();
        let file = Content::File {
            bytes,
            executable: false,
        };
        let mut files = Files::from([(MANIFEST.into(), file)]);
        let new = CrateName::of(Path::new("/new-name"))?;
        adapt(&mut files, "old-name", &new, dependencies, Around::Nothing)?;
        let Some(Content::File { bytes, .. }) = files.remove(Path::new(MANIFEST)) else {
            panic!("no manifest");
        };
        let text = String::from_utf8(bytes).unwrap();
        Ok(text
            .strip_prefix(&PACKAGE.replace("old-name", "new-name"))
            .unwrap()
            .to_owned())
    }

    #[test]
    fn farport_is_found_where_the_new_crate_is() {
        let crates = tempfile::tempdir().unwrap();
        let facade = crates.path().join("farport");
        fs::create_dir(&facade).unwrap();
        fs::write(facade.join(MANIFEST), "").unwrap();
        let at = facade.display();
        let checkout = Dependencies::Checkout(crates.path().to_owned());

        for (manifest, released, on_checkout) in [
            (
                "[dependencies]\nfarport = \"0.1\"\n",
                "[dependencies]\nfarport = \"0.1\"\n",
                format!("[dependencies]\nfarport = {{ path = \"{at}\" }}\n"),
            ),
            (
                "[dependencies]\nfarport = { version = \"0.1.3\", path = \"../x\" }\n",
                "[dependencies]\nfarport = \"0.1.3\"\n",
                format!("[dependencies]\nfarport = {{ path = \"{at}\" }}\n"),
            ),
            (
                "[dependencies.farport]\npath = \"../x\"\nfeatures = [\"y\"]\n",
                "[dependencies.farport]\nfeatures = [\"y\"]\nversion = \"0.1\"\n",
                format!("[dependencies.farport]\nfeatures = [\"y\"]\npath = \"{at}\"\n"),
            ),
            (
                "[target.'cfg(unix)'.dev-dependencies]\nfarport = { path = \"../x\" }\n",
                "[target.'cfg(unix)'.dev-dependencies]\nfarport = \"0.1\"\n",
                format!("[target.'cfg(unix)'.dev-dependencies]\nfarport = {{ path = \"{at}\" }}\n"),
            ),
            (
                "[dependencies]\nserde = { path = \"../x\" } # ours\n",
                "[dependencies]\nserde = { path = \"../x\" } # ours\n",
                "[dependencies]\nserde = { path = \"../x\" } # ours\n".to_owned(),
            ),
        ] {
            assert_eq!(
                adapted(manifest, &Dependencies::Released).unwrap(),
                released
            );
            assert_eq!(adapted(manifest, &checkout).unwrap(), on_checkout);
        }
    }

    #[test]
    fn a_crate_cannot_be_called_as_one_it_depends_on() {
        for manifest in [
            "[dependencies]\nnew-name = \"1\"\n",
            "[dev-dependencies]\nnew_name = \"1\"\n",
            "[target.'cfg(unix)'.dependencies]\nnew-name = { path = \"x\" }\n",
        ] {
            let error = adapted(manifest, &Dependencies::Released).unwrap_err();
            assert!(matches!(error, Error::NameOfDependency { .. }), "{error:?}");
        }
    }
}
