//! `farport login`, `status` and `logout` on a machine without a browser.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use farport_client::Url;
use serde_json::{Value, json};

use crate::desktop::Desktop;
use crate::stand_in::{Answer, Asked, StandIn};
use crate::support::{farport, run, succeed};

/// A protected server that is its own authorization server. It issues a token for the code `good`, and for
/// the device code at the third poll. With `names_itself`, its authorization responses contain `iss` (RFC
/// 9207).
fn protected(names_itself: bool) -> StandIn {
    let waits = Mutex::new(["authorization_pending", "authorization_pending"].to_vec());
    let alive = Mutex::new(true);
    StandIn::start(move |origin, asked: &Asked| {
        let form = |name: &str| {
            let url = Url::parse(&format!("http://x/?{}", asked.body)).unwrap();
            let found = url.query_pairs().find(|(other, _)| other == name);
            found
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let tokens = json!({
            "access_token": "seeded-access", "token_type": "Bearer", "expires_in": 3600,
            "refresh_token": "seeded-refresh", "scope": "notes:read",
        });
        let refused = |error: &str| Answer::json(400, &json!({"error": error}));
        match &*asked.path {
            "/.well-known/oauth-protected-resource/mcp" => Answer::json(
                200,
                &json!({
                    "resource": format!("{origin}/mcp"), "authorization_servers": [origin],
                }),
            ),
            "/.well-known/oauth-authorization-server" => Answer::json(
                200,
                &json!({
                    "issuer": origin,
                    "authorization_endpoint": format!("{origin}/authorize"),
                    "token_endpoint": format!("{origin}/token"),
                    "registration_endpoint": format!("{origin}/register"),
                    "revocation_endpoint": format!("{origin}/revoke"),
                    "device_authorization_endpoint": format!("{origin}/device"),
                    "code_challenge_methods_supported": ["S256"],
                    "authorization_response_iss_parameter_supported": names_itself,
                }),
            ),
            "/register" => Answer::json(201, &json!({"client_id": "client"})),
            "/device" => Answer::json(
                200,
                &json!({
                    "device_code": "seeded-device", "user_code": "WDJB-MJHT",
                    "verification_uri": format!("{origin}/enter"),
                    "verification_uri_complete": format!("{origin}/enter?code=WDJB-MJHT"),
                    "expires_in": 60, "interval": 1,
                }),
            ),
            "/token" if form("grant_type").ends_with("device_code") => {
                assert_eq!(form("device_code"), "seeded-device");
                match waits.lock().unwrap().pop() {
                    Some(error) => refused(error),
                    None => Answer::json(200, &tokens),
                }
            }
            "/token" if form("code") == "good" => {
                assert!(form("code_verifier").len() >= 43);
                Answer::json(200, &tokens)
            }
            "/token" => refused("invalid_grant"),
            "/revoke" => {
                assert_eq!(form("token"), "seeded-refresh");
                *alive.lock().unwrap() = false;
                Answer::status(200, "")
            }
            "/mcp"
                if asked.head.contains("authorization: bearer seeded-access")
                    && *alive.lock().unwrap() =>
            {
                Answer::result(asked, &json!({"protocolVersion": "2025-11-25"}))
            }
            _ => Answer::status(401, "www-authenticate: Bearer\r\n"),
        }
    })
}

fn command(config: &Path, args: &[&str]) -> Command {
    let mut command = farport(Path::new("/"), args);
    command
        .env("FARPORT_CONFIG_DIR", config)
        .env("MCP_REMOTE_CONFIG_DIR", config);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER"] {
        command.env_remove(name);
    }
    command
}

fn sign_ins(config: &Path) -> Value {
    let ended = succeed(&mut command(config, &["status", "--json"]));
    serde_json::from_str::<Value>(&ended.stdout).unwrap()["sign_ins"].clone()
}

/// Returns whether the stored sign-in works.
fn connects(config: &Path, url: &str) -> bool {
    let mut desktop = Desktop::of(&mut command(
        config,
        &["connect", url, "--auth-timeout", "1"],
    ));
    desktop.open()["result"].is_object()
}

#[test]
fn a_device_code_signs_in_and_logout_revokes_the_tokens() {
    let config = tempfile::tempdir().unwrap();
    let server = protected(true);
    let url = format!("{}/mcp", server.origin);
    let ended = succeed(&mut command(config.path(), &["login", &url, "--device"]));
    for part in ["/enter", "WDJB-MJHT", "/enter?code=WDJB-MJHT"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert_eq!(ended.stdout, format!("Signed in to {url}\n"));
    let polls = server
        .asked()
        .iter()
        .filter(|asked| asked.path == "/token")
        .count();
    assert_eq!(polls, 3);
    let all = sign_ins(config.path());
    let [one] = &all.as_array().unwrap()[..] else {
        panic!("{all}");
    };
    assert_eq!(one["server"], url);
    assert_eq!(one["issuer"], server.origin);
    assert_eq!(one["scopes"], json!(["notes:read"]));
    assert_eq!(
        (&one["signed_in"], &one["renews"], &one["in_keyring"]),
        (&json!(true), &json!(true), &json!(false))
    );
    let status = succeed(&mut command(config.path(), &["status"]));
    assert!(
        status.stdout.contains("signed in, token valid for"),
        "{}",
        status.stdout
    );
    assert!(connects(config.path(), &url));

    let kept = config.path().join("sign-ins");
    let copy: Vec<_> = std::fs::read_dir(&kept)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    let ended = succeed(&mut command(config.path(), &["logout", &url]));
    assert!(
        ended.stdout.contains("the server revoked the tokens"),
        "{}",
        ended.stdout
    );
    assert_eq!(sign_ins(config.path()), json!([]));
    // Copies of the token are invalid, too.
    for (path, text) in copy {
        std::fs::write(path, text).unwrap();
    }
    assert!(!connects(config.path(), &url));
    for said in [ended.stdout, ended.stderr, status.stdout] {
        assert!(!said.contains("seeded"), "{said}");
    }
}

#[test]
fn a_pasted_url_signs_in() {
    for (pasted, names_itself, tries) in [
        ("the address", true, 1),
        ("the code", false, 1),
        ("the code first", true, 2),
        ("something else first", true, 2),
        ("the address of another sign-in first", true, 2),
        ("a word that is no code first", false, 2),
        ("the address in quotes", true, 1),
        ("the query", true, 1),
        ("the query with its mark", false, 1),
    ] {
        let config = tempfile::tempdir().unwrap();
        let server = protected(names_itself);
        let url = format!("{}/mcp", server.origin);
        let mut child = command(config.path(), &["login", &url, "--no-browser"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let page = said.find(|line| line.starts_with("http")).unwrap();
        let page = Url::parse(&page).unwrap();
        let get = |name: &str| {
            let found = page.query_pairs().find(|(other, _)| other == name);
            found.unwrap().1.into_owned()
        };
        let mut back = Url::parse(&get("redirect_uri")).unwrap();
        back.query_pairs_mut()
            .append_pair("code", "good")
            .append_pair("state", &get("state"))
            .append_pair("iss", &server.origin);
        let other = back.as_str().replace(&get("state"), "another-state");
        let typed = match pasted {
            "the code" => "good\n".to_owned(),
            "a word that is no code first" => format!("hello\n{back}\n"),
            "the address in quotes" => format!("\"{back}\"\r\n"),
            "the query" => format!("{}\n", back.query().unwrap()),
            "the query with its mark" => format!("'?{}'\n", back.query().unwrap()),
            "the code first" => format!("good\n{back}\n"),
            "something else first" => format!("http://localhost/nothing here\n{back}\n"),
            "the address of another sign-in first" => format!("{other}\n{back}\n"),
            _ => format!("  {back}\n"),
        };
        child
            .stdin
            .take()
            .unwrap()
            .write_all(typed.as_bytes())
            .unwrap();
        let more: Vec<String> = said.collect();
        assert!(child.wait().unwrap().success(), "{pasted}: {more:?}");
        let wrong = more
            .iter()
            .filter(|line| line.contains("Try again:") || line.contains("whole address"))
            .count();
        assert_eq!(wrong, tries - 1, "{more:?}");
        assert!(connects(config.path(), &url), "{pasted}");
    }
}

#[test]
fn unsupported_requirements_of_a_server_are_explained_with_a_hint() {
    let initialize = |versions: &'static str| {
        move |_: &str, asked: &Asked| {
            let body = asked.json();
            let error = json!({"code": -32601, "message": "Method not found"});
            match body["method"].as_str() {
                Some("server/discover") => Answer::result(
                    asked,
                    &json!({
                        "resultType": "complete", "supportedVersions": [versions], "capabilities": {},
                    }),
                ),
                Some("initialize") => Answer::json(
                    404,
                    &json!({"jsonrpc": "2.0", "id": body["id"], "error": error}),
                ),
                _ => Answer::status(405, ""),
            }
        }
    };
    for (server, parts) in [
        (
            StandIn::start(initialize("2031-01-01")),
            &[
                "speaks no version of MCP",
                "2031-01-01",
                "update the client",
            ][..],
        ),
        (
            StandIn::start(|_, _| {
                Answer(
                    200,
                    "content-type: text/html\r\n".to_owned(),
                    "<p>Welcome</p>".to_owned(),
                )
            }),
            &[
                "did not answer like an MCP server",
                "text/html",
                "check the URL",
            ][..],
        ),
        (
            StandIn::start(|_, _| Answer(503, String::new(), "down for\r\nmaintenance".to_owned())),
            &[
                "HTTP 503: down for maintenance",
                "the server, or a proxy in front of it, failed",
                "try again later",
            ][..],
        ),
    ] {
        let config = tempfile::tempdir().unwrap();
        let mut desktop = Desktop::of(&mut command(
            config.path(),
            &["connect", &format!("{}/mcp?key=seeded", server.origin)],
        ));
        let answer = desktop.ask(1, "initialize", json!({"protocolVersion": "2025-11-25"}));
        let said = desktop.close();
        let message = answer["error"]["message"].as_str().unwrap();
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
        let (why, hint) = message.split_once("; hint: ").unwrap();
        assert_eq!(said.trim_end(), format!("error: {why}\nhint: {hint}"));
        assert!(!said.contains("seeded"), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_missing_keyring_is_reported_before_the_sign_in() {
    let config = tempfile::tempdir().unwrap();
    let server = protected(true);
    let url = format!("{}/mcp", server.origin);
    let mut login = command(config.path(), &["login", &url, "--device", "--keyring"]);
    let ended = run(login.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent"));
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("cannot use the keyring of this system"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("without --keyring"),
        "{}",
        ended.stderr
    );
    assert!(!server.asked().iter().any(|asked| asked.path == "/device"));
}
