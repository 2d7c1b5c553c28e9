//! `farport new` with built-in and local templates.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use crate::support::{Ended, TEMPLATES, everything_in, farport, hermetic, run, succeed, write};

fn new(folder: &Path, args: &[&str]) -> Ended {
    run(&mut farport(folder, [&["new"], args].concat()))
}

#[track_caller]
fn refused(folder: &Path, args: &[&str], why: &str) {
    let before = everything_in(folder);
    let ended = new(folder, args);
    assert_eq!(ended.code, Some(1), "{args:?}\n{}", ended.stderr);
    assert!(
        ended.stderr.contains(why),
        "{args:?}: {why}\n{}",
        ended.stderr
    );
    assert_eq!(ended.stdout, "", "{args:?}");
    assert_eq!(
        everything_in(folder),
        before,
        "{args:?} leaves everything as it was"
    );
}

#[test]
fn the_crate_has_its_name_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let ended = new(folder.path(), &["two-words", "--registry-deps"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("cd two-words") && ended.stdout.contains("farport dev"),
        "{}",
        ended.stdout
    );

    let made = folder.path().join("two-words");
    for (path, bytes) in everything_in(&made) {
        if let Some(bytes) = bytes.filter(|_| !path.starts_with(made.join(".git"))) {
            let text = String::from_utf8(bytes).unwrap();
            assert!(
                !text.contains("my-mcp-server") && !text.contains("my_mcp_server"),
                "{path:?}"
            );
        }
    }
    let manifest = fs::read_to_string(made.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"two-words\""), "{manifest}");
    assert!(manifest.contains("farport = \"0.1\""), "{manifest}");
    assert!(
        fs::read_to_string(made.join("src/main.rs"))
            .unwrap()
            .contains("use two_words::Calculator;")
    );
    assert!(made.join(".git").is_dir());
    let mode = fs::metadata(&made).unwrap().permissions().mode();
    assert_eq!(mode & 0o500, 0o500);
    assert_ne!(mode & 0o055, 0, "it is no private folder: {mode:o}");
}

#[test]
fn every_built_in_template_is_complete_and_renamed() {
    for template in TEMPLATES {
        let folder = tempfile::tempdir().unwrap();
        let args = ["--template", template, "--no-git", "two-words"];
        let ended = new(folder.path(), &args);
        assert_eq!(ended.code, Some(0), "{template}: {}", ended.stderr);
        let made = folder.path().join("two-words");
        for (path, bytes) in everything_in(&made) {
            let text = bytes.map(|bytes| String::from_utf8(bytes).unwrap());
            let old =
                |text: String| text.contains("my-mcp-server") || text.contains("my_mcp_server");
            assert!(!text.is_some_and(old), "{path:?}");
        }
        succeed(
            hermetic(env!("CARGO"))
                .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
                .current_dir(made),
        );
    }
}

#[test]
fn the_result_as_json_describes_the_crate() {
    let folder = tempfile::tempdir().unwrap();
    let ended = new(folder.path(), &["deep/er/weather", "--json", "--no-git"]);
    let made: Value = serde_json::from_str(&ended.stdout).unwrap();
    let path = folder
        .path()
        .canonicalize()
        .unwrap()
        .join("deep/er/weather");
    assert_eq!(made["name"], "weather");
    assert_eq!(made["path"], path.to_str().unwrap());
    assert_eq!(made["template"], "authless");
    assert_eq!(made["git"], "unwanted");
    assert!(path.join("src/main.rs").is_file());
    assert!(!path.join(".git").exists());
}

#[test]
fn from_a_checkout_it_depends_on_that_checkout_and_reports_it() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .canonicalize()
        .unwrap();
    let facade = crates.join("farport");
    let by_path = format!("farport = {{ path = \"{}\" }}", facade.display());
    for (flag, dependency) in [
        (None, by_path.as_str()),
        (Some("--path-deps"), &by_path),
        (Some("--registry-deps"), "farport = \"0.1\""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let args = ["new", "a-server", "--no-git"].into_iter().chain(flag);
        let ended = succeed(&mut farport(folder.path(), args));
        let manifest = fs::read_to_string(folder.path().join("a-server/Cargo.toml")).unwrap();
        assert!(manifest.contains(dependency), "{flag:?}: {manifest}");
        assert_eq!(
            ended.stdout.contains(&crates.display().to_string()),
            dependency == by_path,
            "{flag:?}: {}",
            ended.stdout
        );
    }
}

#[test]
fn invalid_crate_names_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    for (name, why) in [
        ("my server", "it contains ` `"),
        ("2fast", "does not start with a letter"),
        ("fn", "keyword"),
        ("test", "standard library"),
        ("sub/w\u{e4}rme", "it contains `\u{e4}`"),
        ("..", "does not end with a crate name"),
        ("rmcp", "depends on another crate named `rmcp`"),
        ("/", "does not end with a crate name"),
    ] {
        refused(folder.path(), &[name], why);
    }
}

#[test]
fn existing_files_are_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("a-file"), "mine");
    write(folder.path().join("full/notes.txt"), "mine");
    fs::create_dir(folder.path().join("hidden")).unwrap();
    write(folder.path().join("hidden/.keep"), "");
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    for (name, why) in [
        ("a-file", "is not a folder"),
        ("full", "is not empty"),
        ("hidden", "is not empty"),
        ("dangling", "is not a folder"),
        ("a-file/below", "cannot"),
    ] {
        refused(folder.path(), &[name], why);
    }
}

#[test]
fn an_empty_folder_is_accepted_also_the_current_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    succeed(&mut farport(folder.path(), ["new", "empty"]));
    assert!(folder.path().join("empty/src/main.rs").is_file());

    let here = folder.path().join("right-here");
    fs::create_dir(&here).unwrap();
    let ended = succeed(&mut farport(&here, ["new", "."]));
    assert!(!ended.stdout.contains("cd "), "{}", ended.stdout);
    assert!(
        fs::read_to_string(here.join("Cargo.toml"))
            .unwrap()
            .contains("name = \"right-here\"")
    );
    assert!(here.join(".git").is_dir());
    let names: Vec<_> = fs::read_dir(&here)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().starts_with(".farport")),
        "{names:?}"
    );
}

#[test]
fn no_repository_is_created_inside_another_one() {
    let folder = tempfile::tempdir().unwrap();
    succeed(hermetic("git").args(["init", "--quiet"]).arg(folder.path()));
    let ended = succeed(&mut farport(folder.path(), ["new", "inner", "--json"]));
    let made: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(made["git"], "around");
    assert!(!folder.path().join("inner/.git").exists());
}

#[test]
fn a_missing_git_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let ended = succeed(farport(folder.path(), ["new", "a-server"]).env("PATH", "/nowhere"));
    assert!(
        ended.stdout.contains("no `git` program"),
        "{}",
        ended.stdout
    );
    assert!(folder.path().join("a-server/Cargo.toml").is_file());
}

#[test]
fn cargo_accepts_the_crate_inside_another_workspace() {
    for (members, own) in [("[\"crates/*\"]", true), ("[\"a-*\"]", false)] {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path().join("Cargo.toml"),
            &format!("[workspace]\nmembers = {members}\nresolver = \"3\"\n"),
        );
        let ended = succeed(&mut farport(folder.path(), ["new", "a-server", "--json"]));
        let made: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(made["own_workspace"], own);
        let accepted = succeed(
            hermetic(env!("CARGO"))
                .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
                .current_dir(folder.path().join("a-server")),
        );
        // Cargo warns about the profiles of a member.
        assert_eq!(accepted.stderr, "");
    }
}

/// A template in a folder, with files that farport must not copy.
fn template(folder: &Path) {
    write(
        folder.join("Cargo.toml"),
        "# A template.\n[package]\nname = \"weather-tmpl\"\nversion = \"0.1.0\"\n\n\
         [dependencies]\nfarport = { path = \"../farport\", features = [\"x\"] } # needed\n\n\
         [[bin]]\nname = \"weather-tmpl\"\npath = \"src/main.rs\"\n",
    );
    write(
        folder.join("src/main.rs"),
        "fn main() { weather_tmpl::run() }\n",
    );
    write(folder.join("run.sh"), "#!/bin/sh\n");
    fs::set_permissions(folder.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    write(folder.join(".gitignore"), "/target\n.dev.vars\n");
    write(folder.join("target/big"), "");
    write(folder.join(".dev.vars"), "SECRET=1");
    write(folder.join(".git/config"), "");
    symlink("src/main.rs", folder.join("main")).unwrap();
}

#[test]
fn a_folder_is_a_template() {
    let folder = tempfile::tempdir().unwrap();
    template(&folder.path().join("tmpl"));
    succeed(&mut farport(
        folder.path(),
        [
            "new",
            "rain",
            "--template=tmpl",
            "--no-git",
            "--registry-deps",
        ],
    ));

    let rain = folder.path().join("rain");
    let mut names: Vec<_> = everything_in(&rain)
        .into_iter()
        .map(|(path, _)| path.strip_prefix(&rain).unwrap().to_owned())
        .collect();
    names.sort();
    let expected = [
        ".gitignore",
        "Cargo.toml",
        "main",
        "run.sh",
        "src",
        "src/main.rs",
    ];
    assert_eq!(names, expected.map(Into::into) as [std::path::PathBuf; 6]);
    assert_eq!(
        fs::read_to_string(rain.join("src/main.rs")).unwrap(),
        "fn main() { rain::run() }\n"
    );
    assert_eq!(
        fs::read_link(rain.join("main")).unwrap(),
        Path::new("src/main.rs")
    );
    assert_eq!(
        fs::metadata(rain.join("run.sh"))
            .unwrap()
            .permissions()
            .mode()
            & 0o100,
        0o100
    );
    let manifest = fs::read_to_string(rain.join("Cargo.toml")).unwrap();
    assert_eq!(
        manifest,
        "# A template.\n[package]\nname = \"rain\"\nversion = \"0.1.0\"\n\n\
         [dependencies]\nfarport = { features = [\"x\"], version = \"0.1\" } # needed\n\n\
         [[bin]]\nname = \"rain\"\npath = \"src/main.rs\"\n"
    );
}

#[test]
fn a_template_with_a_link_to_the_outside_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder.join("secret"), "mine");
    for (name, target) in [
        ("up", "../secret"),
        ("absolute", "/etc/passwd"),
        ("named", "../named/Cargo.toml"),
        ("dangling", "nowhere"),
    ] {
        let tmpl = folder.join(name);
        write(
            tmpl.join("Cargo.toml"),
            "[package]\nname = \"some-thing\"\n",
        );
        symlink(target, tmpl.join("link")).unwrap();
        refused(
            folder,
            &["made", "--template", name],
            "outside the template",
        );
    }
}

#[test]
fn invalid_templates_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder.join("empty/notes.txt"), "");
    write(folder.join("virtual/Cargo.toml"), "[workspace]\n");
    write(folder.join("broken/Cargo.toml"), "[package\n");
    for (template, why) in [
        ("empty", "contains no `Cargo.toml`"),
        ("virtual", "contains no `Cargo.toml` with a package name"),
        ("broken", "cannot parse the template's `Cargo.toml`"),
        (
            "nowhere",
            "use one of api-token, auth0, authless, dev-login,",
        ),
        ("http://example.com/a.git", "unsupported protocol `http`"),
    ] {
        refused(folder, &["made", "--template", template], why);
    }
}

#[test]
fn the_target_worker_selects_the_variant_for_workers() {
    let folder = tempfile::tempdir().unwrap();
    for (template, form, objects) in [
        ("authless", "worker", 1),
        ("github", "github-worker", 2),
        ("worker", "worker", 1),
    ] {
        let name = format!("edge-of-{template}");
        let args = [
            &name,
            "--template",
            template,
            "--target",
            "worker",
            "--json",
        ];
        let ended = new(folder.path(), &args);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let result: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(result["template"], form);
        let read = |path: &str| fs::read_to_string(folder.path().join(&name).join(path)).unwrap();
        let config = read("wrangler.jsonc");
        assert!(
            config.contains(&format!("\"name\": \"{name}\"")),
            "{config}"
        );
        assert_eq!(config.matches("class_name").count(), objects, "{config}");
        let manifest = read("Cargo.toml");
        assert!(manifest.contains("farport-workers = "), "{manifest}");
    }
    for template in ["slack", "../templates/authless"] {
        let args = ["a-server", "--template", template, "--target", "worker"];
        refused(folder.path(), &args, "does not support `--target worker`");
    }
}

#[test]
fn the_workflow_deploys_a_worker_or_builds_an_image() {
    let folder = tempfile::tempdir().unwrap();
    for (template, part) in [
        ("worker", "wrangler@"),
        ("authless", "docker/build-push-action"),
    ] {
        let name = format!("made-of-{template}");
        let ended = new(
            folder.path(),
            &[&name, "--template", template, "--ci", "github"],
        );
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let path = folder
            .path()
            .join(&name)
            .join(".github/workflows/deploy.yml");
        let workflow = fs::read_to_string(path).unwrap();
        for part in [part, "cargo test", "default_branch"] {
            assert!(workflow.contains(part), "{template}: {workflow}");
        }
        assert_eq!(
            ended.stdout.contains("farport deploy"),
            template == "worker"
        );
    }
    // farport does not overwrite a template's workflow.
    let own = folder.path().join("own");
    for (path, text) in [
        ("Cargo.toml", "[package]\nname = \"own-template\"\n"),
        (".github/workflows/deploy.yml", "name: Mine\n"),
    ] {
        write(own.join(path), text);
    }
    let args = ["a-server", "--template", "./own", "--ci", "github"];
    refused(
        folder.path(),
        &args,
        "already contains `.github/workflows/deploy.yml`",
    );
}
