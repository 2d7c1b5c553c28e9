//! `farport new` with a template in a git repository.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{everything_in, farport, hermetic, run, succeed, write};

fn git(repository: &Path, args: &[&str]) {
    succeed(
        hermetic("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
            .args(args)
            .current_dir(repository),
    );
}

fn commit(repository: &Path) {
    git(repository, &["add", "--all"]);
    git(repository, &["commit", "--quiet", "--message=change"]);
}

fn crate_at(folder: &Path, greeting: &str) {
    write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"weather\"\nversion = \"0.1.0\"\n",
    );
    write(
        folder.join("src/main.rs"),
        &format!("fn main() {{ weather::say(\"{greeting}\") }}\n"),
    );
}

/// A repository with a template on `main`, and another in a folder of the branch `try/rain`.
fn repository() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    git(path, &["init", "--quiet", "--initial-branch=main"]);
    crate_at(path, "main");
    commit(path);
    git(path, &["switch", "--quiet", "--create", "try/rain"]);
    crate_at(&path.join("rust/weather"), "rain");
    symlink("..", path.join("rust/out")).unwrap();
    symlink("../../Cargo.toml", path.join("rust/weather/link")).unwrap();
    crate_at(&path.join("rust/plain"), "plain");
    commit(path);
    git(path, &["switch", "--quiet", "main"]);
    let url = format!("file://{}", path.display());
    (folder, url)
}

fn made(folder: &Path) -> PathBuf {
    folder.join("made")
}

#[test]
fn an_address_names_repository_branch_and_folder() {
    let (_repository, url) = repository();
    for (address, greeting) in [
        (url.clone(), "main"),
        (format!("{url}#try/rain"), "main"),
        (format!("{url}#try/rain:rust/plain"), "plain"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        succeed(&mut farport(
            folder.path(),
            ["new", "made", "--no-git", "--template", &address],
        ));
        let main = fs::read_to_string(made(folder.path()).join("src/main.rs")).unwrap();
        assert_eq!(
            main,
            format!("fn main() {{ made::say(\"{greeting}\") }}\n"),
            "{address}"
        );
        assert!(
            !made(folder.path()).join(".git").exists(),
            "the template's history stays behind"
        );
    }
}

#[test]
fn what_cannot_be_fetched_is_told_and_leaves_nothing() {
    let (_repository, url) = repository();
    for (address, why) in [
        (format!("{url}#no-such-branch"), "git could not fetch"),
        (format!("{url}-not-there"), "git could not fetch"),
        (
            format!("{url}#:no/such/folder"),
            "has no folder `no/such/folder`",
        ),
        (format!("{url}#:src/main.rs"), "has no folder `src/main.rs`"),
        (format!("{url}#:src"), "no `Cargo.toml`"),
        (
            format!("{url}#:../weather"),
            "does not name a folder inside",
        ),
        (format!("{url}#try/rain:rust/out"), "has no folder"),
        (
            format!("{url}#try/rain:rust/weather"),
            "outside the template",
        ),
        (
            format!("{url}#--upload-pack=id"),
            "not the name of a branch",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ended = run(&mut farport(
            folder.path(),
            ["new", "made", "--template", &address],
        ));
        assert_eq!(ended.code, Some(1), "{address}");
        assert!(
            ended.stderr.contains(why),
            "{address}: {why}\n{}",
            ended.stderr
        );
        assert_eq!(everything_in(folder.path()), [], "{address}");
    }
}

#[test]
fn nothing_is_executed_not_even_the_users_own_hooks() {
    let (_repository, url) = repository();
    let folder = tempfile::tempdir().unwrap();
    let (hooks, marker) = (folder.path().join("hooks"), folder.path().join("executed"));
    let hook = format!("#!/bin/sh\ntouch '{}'\n", marker.display());
    for place in [
        hooks.join("post-checkout"),
        folder.path().join("git-template/hooks/post-checkout"),
    ] {
        write(&place, &hook);
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let config = folder.path().join("gitconfig");
    write(
        &config,
        &format!(
            "[core]\nhooksPath = {}\n[init]\ntemplateDir = {}\n",
            hooks.display(),
            folder.path().join("git-template").display(),
        ),
    );
    // The hooks are live: a clone without care runs them.
    let careless = folder.path().join("careless");
    succeed(
        hermetic("git")
            .env("GIT_CONFIG_GLOBAL", &config)
            .args(["clone", "--quiet", &url])
            .arg(&careless),
    );
    assert!(marker.exists());
    fs::remove_file(&marker).unwrap();

    succeed(
        farport(folder.path(), ["new", "made", "--template", &url])
            .env("GIT_CONFIG_GLOBAL", &config),
    );

    assert!(made(folder.path()).join("Cargo.toml").is_file());
    assert!(!marker.exists());
}

#[test]
fn submodules_stay_where_they_are() {
    let (_inner, inner_url) = repository();
    let (outer, url) = repository();
    git(
        outer.path(),
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            &inner_url,
            "inner",
        ],
    );
    commit(outer.path());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gitconfig");
    write(
        &config,
        "[submodule]\nrecurse = true\n[protocol \"file\"]\nallow = always\n",
    );

    succeed(
        farport(
            folder.path(),
            ["new", "made", "--no-git", "--template", &url],
        )
        .env("GIT_CONFIG_GLOBAL", &config),
    );

    assert!(made(folder.path()).join("Cargo.toml").is_file());
    assert!(!made(folder.path()).join("inner/Cargo.toml").exists());
}
