//! Hostile URLs for the browser (CVE-2025-6514).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use farport_client::Url;
use serde_json::json;

use crate::stand_in::{Answer, Asked, StandIn};
use crate::support::{Ended, SOON, eventually, farport, run};

const SCHEMES: [&str; 12] = [
    "https://",
    "HTTPS:",
    "https:\\\\",
    " https://",
    "http://",
    "file://",
    "javascript:",
    "data:text/html,",
    "ms-msdt:",
    "smb://",
    "-https://",
    "\\\\\\\\",
];

const TAILS: [&str; 18] = [
    "a.example/authorize",
    "a.example/$(touch pwned)",
    "a.example/`touch pwned`",
    "a.example/;touch pwned;",
    "a.example/|touch pwned",
    "a.example/&&touch pwned&&",
    "a.example/?x=\"';touch pwned;'\"&y=%00",
    "a.example/\n touch pwned \n",
    "a.example/ --new-window=pwned -flag",
    "a.example/\\..\\..\\pwned",
    "a.example/<script>alert(1)</script>",
    "a.example/%0d%0aX:y",
    "a.example/^caret%PATH%!PATH!",
    "a.example/{a,b}*?[c]~",
    "user:pw@a.example/",
    "a.example:1/\u{202e}\u{1b}[31mx\u{e9}",
    "$(touch pwned).example/",
    "[::1/\u{0}x",
];

/// One protected server per URL, all on one port, selected by number.
fn hostile(corpus: Vec<String>) -> StandIn {
    StandIn::start(move |origin, asked: &Asked| {
        let path = asked.path.split('?').next().unwrap();
        let number = path.split('/').find_map(|part| part.parse::<usize>().ok());
        if path == "/register" {
            return Answer::json(201, &json!({"client_id": "client"}));
        }
        let Some(number) = number else {
            return Answer::status(404, "");
        };
        if path.starts_with("/.well-known/oauth-protected-resource") {
            return Answer::json(
                200,
                &json!({
                    "resource": format!("{origin}/{number}/mcp"),
                    "authorization_servers": [format!("{origin}/{number}")],
                }),
            );
        }
        if path.starts_with("/.well-known/oauth-authorization-server") {
            return Answer::json(
                200,
                &json!({
                    "issuer": format!("{origin}/{number}"),
                    "authorization_endpoint": corpus[number],
                    "token_endpoint": format!("{origin}/token"),
                    "registration_endpoint": format!("{origin}/register"),
                    "code_challenge_methods_supported": ["S256"],
                }),
            );
        }
        Answer::status(401, "www-authenticate: Bearer\r\n")
    })
}

/// Creates a program that logs its arguments to the file in `NOTES`.
fn fake(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(
        &path,
        "#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" > \"$NOTES.new\"\nmv \"$NOTES.new\" \"$NOTES\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Starts a sign-in at a server, which the user does not finish.
fn sign_in(folder: &Path, origin: &str, number: usize, notes: &Path) -> Ended {
    let url = format!("{origin}/{number}/mcp");
    let mut command = farport(folder, ["login", &url, "--auth-timeout", "1"]);
    command
        .env("FARPORT_CONFIG_DIR", folder.join("settings"))
        .env("NOTES", notes)
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WSL_DISTRO_NAME");
    // Every second sign-in has a desktop.
    if number.is_multiple_of(2) {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", folder.join("bin").display());
        command
            .env("DISPLAY", ":99")
            .env("PATH", path)
            .env_remove("BROWSER");
    } else {
        command
            .env_remove("DISPLAY")
            .env("BROWSER", folder.join("bin/browser"));
    }
    run(&mut command)
}

#[test]
fn each_of_two_hundred_hostile_urls_is_at_most_one_harmless_argument() {
    let corpus: Vec<String> = SCHEMES
        .iter()
        .flat_map(|scheme| TAILS.iter().map(move |tail| format!("{scheme}{tail}")))
        .collect();
    assert!(corpus.len() >= 200);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    for name in ["xdg-open", "browser"] {
        fake(&folder.path().join("bin"), name);
    }
    let server = hostile(corpus.clone());
    let (next, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(text) = corpus.get(number) else {
                        break;
                    };
                    let notes = folder.path().join(format!("notes-{number}"));
                    let ended = sign_in(folder.path(), &server.origin, number, &notes);
                    assert_eq!(ended.code, Some(1), "{text:?} {}", ended.stderr);
                    assert_eq!(ended.stdout, "", "{text:?}");
                    if !ended.stderr.contains("Opened the browser") {
                        assert!(!notes.exists(), "{text:?}");
                        continue;
                    }
                    eventually("the browser's notes", SOON, || notes.exists());
                    let started = std::fs::read_to_string(&notes).unwrap();
                    let [count, address, ""] = started.split('\0').collect::<Vec<_>>()[..] else {
                        panic!("{text:?} {started:?}");
                    };
                    assert_eq!(count, "1", "{text:?}");
                    let harmless =
                        |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@&=+,%".contains(c);
                    assert!(address.chars().all(harmless), "{text:?} {address}");
                    let url = Url::parse(address).unwrap();
                    assert_eq!(url.as_str(), address, "{text:?}");
                    // If the metadata is invalid, farport uses the server's own URL.
                    let own = address.starts_with(&format!("{}/authorize?", server.origin));
                    assert!(url.scheme() == "https" || own, "{text:?} {address}");
                    opened.fetch_add(usize::from(!own), Ordering::SeqCst);
                    assert!(
                        url.username().is_empty() && url.password().is_none(),
                        "{text:?}"
                    );
                    assert!(address.contains("response_type=code"), "{address}");
                }
            });
        }
    });
    // These are the valid https URLs, in each spelling of the scheme.
    let opened = opened.into_inner();
    assert!((40..=4 * TAILS.len()).contains(&opened), "{opened}");
    assert!(!folder.path().join("pwned").exists());
}

#[test]
fn without_a_desktop_the_url_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    fake(&folder.path().join("bin"), "xdg-open");
    let server = hostile(vec![
        "https://a.example/authorize;touch\u{1b}[31m".to_owned(),
    ]);
    let notes = folder.path().join("notes");
    let url = format!("{}/0/mcp", server.origin);
    let path = format!(
        "{}:{}",
        folder.path().join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = farport(folder.path(), ["login", &url, "--auth-timeout", "1"]);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER"] {
        command.env_remove(name);
    }
    command
        .env("FARPORT_CONFIG_DIR", folder.path().join("settings"))
        .env("NOTES", &notes)
        .env("PATH", path);
    let ended = run(&mut command);
    assert!(
        ended.stderr.contains(
            "To sign in, open this page in a browser:\nhttps://a.example/authorize;touch%1B"
        ),
        "{}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("error: the sign-in was not finished within 1 s\nhint: start it again"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains('\u{1b}'));
    assert!(!notes.exists());
}
