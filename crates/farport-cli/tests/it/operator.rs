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
fn a_token_is_printed_once_and_kept_as_its_digest() {
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
fn what_cannot_be_done_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (words, says) in [
        (&["tokens", "list"][..], "--store"),
        (&["grants", "revoke", "--store", "sqlite:x.db"], "--all"),
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
            &["grants", "revoke", "nobody", "--store", "sqlite:x.db"],
            "farport grants list",
        ),
    ] {
        let ended = run(&mut farport(folder.path(), words));
        assert_eq!(ended.code, Some(1), "{words:?}");
        assert!(ended.stderr.contains(says), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn the_demo_asks_for_a_sign_in_when_it_is_told_to() {
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
