//! `farport tokens` and `farport grants`.

use std::path::Path;

use serde_json::Value;

use crate::support::{Running, SOON, agent, everything_in, farport, run, succeed};

fn json(folder: &Path, words: &[&str]) -> Value {
    let words = words.iter().chain(&["--json"]);
    let printed = succeed(&mut farport(folder, words)).stdout;
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn a_token_is_printed_once_and_stored_as_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = ["--store", "sqlite:state/farport.db"];
    let create = ["tokens", "create", "ci", "--scope", "a", "--scope", "b"];
    let made = json(
        folder,
        &[&create[..], &["--expires", "90d"], &store].concat(),
    );
    let token = made["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("fpk_"), "{made}");
    assert_eq!(made["scopes"], serde_json::json!(["a", "b"]));

    let listed = json(folder, &[&["tokens", "list"][..], &store].concat());
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(listed[0]["label"], "ci");
    assert!(listed[0].get("token").is_none(), "{listed}");
    for (path, content) in everything_in(folder) {
        let content = content.unwrap_or_default();
        let found = content
            .windows(token.len())
            .any(|part| part == token.as_bytes());
        assert!(!found, "{}", path.display());
    }

    let id = made["id"].as_str().unwrap();
    let revoke = [&["tokens", "revoke", id][..], &store].concat();
    succeed(&mut farport(folder, &revoke));
    let again = run(&mut farport(folder, &revoke));
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("farport tokens list"),
        "{}",
        again.stderr
    );
}

#[test]
fn errors_come_with_hints() {
    let folder = tempfile::tempdir().unwrap();
    let create = [
        "tokens",
        "create",
        "ci",
        "--store",
        "sqlite:state/farport.db",
    ];
    succeed(&mut farport(folder.path(), create));
    for (words, says) in [
        (&["tokens", "list"][..], "--store"),
        (
            &["grants", "revoke", "--store", "sqlite:state/farport.db"],
            "--all",
        ),
        (
            &[
                "tokens",
                "create",
                "x",
                "--scope",
                "a\"b",
                "--store",
                "sqlite:x.db",
            ],
            "printable ASCII",
        ),
        (
            &[
                "grants",
                "revoke",
                "unknown",
                "--store",
                "sqlite:state/farport.db",
            ],
            "farport grants list",
        ),
    ] {
        let ended = run(&mut farport(folder.path(), words));
        assert_eq!(ended.code, Some(1), "{words:?}");
        assert!(ended.stderr.contains(says), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn list_and_revoke_create_no_database() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["tokens", "list", "--store", "sqlite:nope.db"][..],
        &[
            "tokens",
            "list",
            "--json",
            "--store",
            "sqlite:no/folder/nope.db",
        ],
        &["grants", "list", "--store", "sqlite:nope.db"],
        &["grants", "revoke", "--all", "--store", "sqlite:nope.db"],
        &["tokens", "revoke", "x", "--store", "sqlite:nope.db"],
    ] {
        let ended = run(&mut farport(folder.path(), words));
        assert_eq!(ended.code, Some(1), "{words:?}");
        assert!(
            ended.stderr.contains("the file does not exist"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("hint:"), "{}", ended.stderr);
        assert_eq!(everything_in(folder.path()), [], "{words:?}");
    }
    let create = ["tokens", "create", "ci", "--store", "sqlite:a.db"];
    succeed(&mut farport(folder.path(), create));
    let before = everything_in(folder.path());
    for words in ["tokens", "grants"] {
        let words = [words, "list", "--store", "sqlite:a.db"];
        succeed(&mut farport(folder.path(), words));
        assert_eq!(everything_in(folder.path()), before);
    }
}

#[test]
fn a_file_that_is_not_a_database_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o664)).unwrap();
    for words in [
        &["tokens", "list"][..],
        &["tokens", "create", "x"],
        &["grants", "list"],
    ] {
        let words = [words, &["--store", "sqlite:notes.txt"]].concat();
        let ended = run(&mut farport(folder.path(), words));
        assert_eq!(ended.code, Some(1));
        assert!(
            ended.stderr.contains("not a farport database"),
            "{}",
            ended.stderr
        );
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o664);
        assert_eq!(everything_in(folder.path()).len(), 1);
    }
}

#[test]
fn the_demo_requires_a_sign_in_with_auth() {
    let words = ["demo", "--port", "0", "--auth", "dev-login"];
    let mut demo = Running::start(&mut farport(Path::new("/"), words));
    let origin = demo.origin(SOON);
    let refused = agent().get(format!("{origin}/sse")).call().unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let metadata = format!("{origin}/.well-known/oauth-protected-resource/sse");
    assert_eq!(
        challenge,
        format!("Bearer resource_metadata=\"{metadata}\"")
    );
    let mut found = agent().get(metadata).call().unwrap();
    let found: Value = serde_json::from_str(&found.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(found["authorization_servers"][0], origin);
}
