//! Text from other parties cannot control the terminal.

use std::path::Path;

use serde_json::{Value, json};

use crate::stand_in::{Answer, StandIn};
use crate::support::{Ended, farport, run, succeed, write};

/// Sets the title, clears the screen, imitates an error message, and reverses text.
const HOSTILE: &str = "x\u{1b}]0;pwned\u{7}\u{1b}[2J\u{9b}31m\r\nerror: forged\n\u{202e}\u{2066}\u{200b}\u{61c}\u{7f}y";

/// Asserts that the output contains only farport's lines and colors.
#[track_caller]
fn harmless(ended: &Ended) {
    for shown in [&ended.stdout, &ended.stderr] {
        let mut rest = shown.as_str();
        while let Some((_, after)) = rest.split_once('\u{1b}') {
            let end = after.find('m').unwrap_or(0);
            let colour = after.get(1..end).unwrap_or("x");
            let plain = colour
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b';');
            assert!(after.starts_with('[') && plain, "{shown:?}");
            rest = after;
        }
        for bad in [
            '\u{7}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{61c}', '\u{7f}', '\r',
        ] {
            assert!(!shown.contains(bad), "{bad:?} in {shown:?}");
        }
        assert!(!shown.contains("\nerror: forged"), "{shown:?}");
    }
}

#[test]
fn status_escapes_text_and_hides_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("sign-ins");
    let record = |server: &str, resource: Option<&str>, headers: &[&str]| {
        json!({
            "server": server,
            "authorization_server": {"issuer": format!("https://id.example/{HOSTILE}")},
            "resource": resource,
            "headers": headers,
            "client": null,
            "tokens": {
                "access": "s3cret", "scopes": [HOSTILE], "expires_at": u64::MAX,
            },
        })
    };
    for (name, record) in [
        ("a1", record("https://a.example/mcp?key=s3cret", None, &[])),
        (
            "a2",
            record(
                "https://u:s3cret@a.example/mcp",
                Some("https://r.example/?s3cret"),
                &[],
            ),
        ),
        (
            "a3",
            record("https://a.example/mcp", Some("https://other.example"), &[]),
        ),
        (
            "a4",
            record("https://a.example/mcp", None, &["X-Team", HOSTILE]),
        ),
        ("a5", record(HOSTILE, Some(HOSTILE), &[])),
    ] {
        write(store.join(format!("{name}.json")), &record.to_string());
    }
    let status = |words: &[&str]| {
        let words = ["--color", "always", "status"].iter().chain(words);
        let mut command = farport(Path::new("/"), words);
        let ended = succeed(command.env("FARPORT_CONFIG_DIR", folder.path()));
        harmless(&ended);
        assert!(!ended.stdout.contains("s3cret"), "{}", ended.stdout);
        ended.stdout
    };
    let shown = status(&[]);
    for part in [
        "https://a.example/mcp?…",
        "resource     https://other.example",
        "headers      X-Team, ",
        "id           a3",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let shown: Value = serde_json::from_str(&status(&["--json"])).unwrap();
    let sign_ins = shown["sign_ins"].as_array().unwrap();
    assert_eq!(sign_ins.len(), 5);
    // JSON escapes keep the value.
    let with_headers = sign_ins.iter().find(|one| one["key"] == "a4").unwrap();
    assert_eq!(with_headers["headers"], json!(["X-Team", HOSTILE]));
}

#[test]
fn messages_escape_the_text_of_a_server() {
    let quoted = HOSTILE.to_owned();
    for answer in [0, 1, 2, 3] {
        let quoted = quoted.clone();
        let server = StandIn::start(move |origin, asked| match (answer, &*asked.path) {
            (0, _) => Answer(500, "content-type: text/plain\r\n".into(), quoted.clone()),
            (1, "/mcp") => {
                let error = json!({"code": -32000, "message": quoted});
                Answer::json(
                    200,
                    &json!({"jsonrpc": "2.0", "id": asked.json()["id"], "error": error}),
                )
            }
            (2, "/mcp") => Answer::result(asked, &json!({"protocolVersion": quoted})),
            (3, "/.well-known/oauth-protected-resource/mcp") => Answer::json(
                200,
                &json!({"resource": format!("{origin}/mcp"), "authorization_servers": [quoted]}),
            ),
            (3, path) if path.starts_with("/.well-known/") => Answer::json(
                200,
                &json!({"issuer": quoted, "authorization_endpoint": quoted}),
            ),
            _ => Answer::status(401, "www-authenticate: Bearer\r\n"),
        });
        let folder = tempfile::tempdir().unwrap();
        let url = format!("{}/mcp", server.origin);
        let words = [
            "--color",
            "always",
            "login",
            &url,
            "--auth-timeout",
            "1",
            "--debug",
        ];
        let mut command = farport(Path::new("/"), words);
        command.env("FARPORT_CONFIG_DIR", folder.path());
        command.env("MCP_REMOTE_CONFIG_DIR", folder.path());
        harmless(&run(command
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")));
    }
}

#[test]
fn lists_escape_names_from_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let store = ["--store", "sqlite:farport.db", "--color", "always"];
    let made = [&["tokens", "create", HOSTILE][..], &store].concat();
    harmless(&succeed(&mut farport(folder.path(), made)));
    for more in [&[][..], &["--json"]] {
        let listed = [&["tokens", "list"][..], &store, more].concat();
        let listed = succeed(&mut farport(folder.path(), listed));
        harmless(&listed);
        assert!(listed.stdout.contains("pwned"), "{}", listed.stdout);
    }
    let revoked = [&["tokens", "revoke", HOSTILE][..], &store].concat();
    harmless(&run(&mut farport(folder.path(), revoked)));
}

#[test]
fn messages_escape_settings() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        format!("\"{}\" = 1\n", HOSTILE.escape_unicode()),
        format!("host = \"{}\"\nport = \"x\"\n", HOSTILE.escape_unicode()),
        format!("public_url = \"{}\"\n", HOSTILE.escape_unicode()),
    ] {
        let text = text.replace("\\u{", "\\U{");
        // TOML's escapes have eight digits.
        let mut escaped = String::new();
        let mut parts = text.split("\\U{");
        escaped.push_str(parts.next().unwrap());
        for part in parts {
            let (digits, rest) = part.split_once('}').unwrap();
            escaped.push_str(&format!("\\U{digits:0>8}{rest}"));
        }
        write(folder.path().join("farport.toml"), &escaped);
        let ended = run(&mut farport(
            folder.path(),
            ["--color", "always", "demo", "--port", "0"],
        ));
        assert_eq!(ended.code, Some(1), "{escaped}");
        harmless(&ended);
    }
}
