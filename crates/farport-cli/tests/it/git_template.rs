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
fn a_url_selects_repository_branch_and_folder() {
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
fn a_failed_fetch_is_reported_and_leaves_no_files() {
    let (_repository, url) = repository();
    for (address, why) in [
        (format!("{url}#no-such-branch"), "git cannot fetch"),
        (format!("{url}-not-there"), "git cannot fetch"),
        (
            format!("{url}#:no/such/folder"),
            "contains no folder `no/such/folder`",
        ),
        (
            format!("{url}#:src/main.rs"),
            "contains no folder `src/main.rs`",
        ),
        (format!("{url}#:src"), "contains no `Cargo.toml`"),
        (format!("{url}#:../weather"), "invalid subfolder"),
        (format!("{url}#try/rain:rust/out"), "contains no folder"),
        (
            format!("{url}#try/rain:rust/weather"),
            "outside the template",
        ),
        (format!("{url}#--upload-pack=id"), "invalid branch name"),
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
fn no_hook_runs_not_even_the_user_s() {
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
    // An ordinary clone runs the hooks.
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
fn no_filter_of_the_user_runs_on_a_template() {
    let (repository, url) = repository();
    write(
        repository.path().join(".gitattributes"),
        "*.rs filter=run\n*.toml filter=process\n* ident\n",
    );
    commit(repository.path());
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("executed");
    let touch = format!("touch '{}'", marker.display());
    let config = folder.path().join("gitconfig");
    write(
        &config,
        &format!(
            "[filter \"run\"]\nsmudge = {touch}; cat\n[filter \"process\"]\nprocess = {touch}\n\
             required = true\n[core]\nattributesFile = {}\n",
            folder.path().join("attributes").display()
        ),
    );
    write(folder.path().join("attributes"), "* filter=run\n");
    // An ordinary clone runs the filters.
    run(hermetic("git")
        .env("GIT_CONFIG_GLOBAL", &config)
        .args(["clone", "--quiet", &url])
        .arg(folder.path().join("careless")));
    assert!(marker.exists());
    fs::remove_file(&marker).unwrap();

    let words = ["new", "made", "--no-git", "--template", &url];
    succeed(farport(folder.path(), words).env("GIT_CONFIG_GLOBAL", &config));
    assert!(!marker.exists());
    // The same filters, defined by git's variables.
    fs::remove_dir_all(made(folder.path())).unwrap();
    succeed(
        farport(folder.path(), words)
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "filter.run.smudge")
            .env("GIT_CONFIG_VALUE_0", format!("{touch}; cat")),
    );
    assert!(!marker.exists());
    let main = fs::read_to_string(made(folder.path()).join("src/main.rs")).unwrap();
    assert!(main.contains("made::say"), "{main}");
}

#[test]
fn files_outside_the_template_are_rejected() {
    let (repository, url) = repository();
    let path = repository.path();
    let blob = succeed(
        hermetic("git")
            .args(["hash-object", "-w", "Cargo.toml"])
            .current_dir(path),
    );
    let blob = blob.stdout.trim();
    // git itself adds no such file to a tree.
    let tree = |entries: &[(&str, &str, &str)]| {
        let mut child = hermetic("git")
            .args(["hash-object", "-t", "tree", "-w", "--literally", "--stdin"])
            .current_dir(path)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut bytes = Vec::new();
        for (mode, name, object) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            let digits: Vec<char> = object.chars().collect();
            bytes.extend(digits.chunks(2).map(|two| {
                let two: String = two.iter().collect();
                u8::from_str_radix(&two, 16).unwrap()
            }));
        }
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let hooks = tree(&[("100755", "post-checkout", blob)]);
    let git_folder = tree(&[("40000", "hooks", &hooks)]);
    let up = tree(&[("100644", "escaped", blob)]);
    for (name, object) in [(".git", &git_folder), (".GIT", &git_folder), ("..", &up)] {
        let root = tree(&[("40000", name, object), ("100644", "Cargo.toml", blob)]);
        let commit = succeed(
            hermetic("git")
                .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
                .args(["commit-tree", "-m", "x", &root])
                .current_dir(path),
        );
        git(
            path,
            &["update-ref", "refs/heads/hostile", commit.stdout.trim()],
        );
        let folder = tempfile::tempdir().unwrap();
        let address = format!("{url}#hostile");
        let ended = run(&mut farport(
            folder.path(),
            ["new", "made", "--template", &address],
        ));
        assert_eq!(ended.code, Some(1), "{name}");
        assert_eq!(everything_in(folder.path()), [], "{name}: {}", ended.stderr);
    }
}

#[test]
fn submodules_are_not_fetched() {
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
