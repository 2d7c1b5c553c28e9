//! Invalid settings and unknown variables.

use std::path::Path;

use crate::support::{Running, SOON, farport, run, write};

#[test]
fn an_invalid_setting_stops_the_start_of_a_public_server() {
    for (file, variables, says) in [
        (
            "prot = 1",
            &[][..],
            &["farport.toml, line 1", "did you mean `port`?"][..],
        ),
        (
            "\n\nport = \"x\"",
            &[],
            &["farport.toml, line 3", "a whole number from 0 to 65535"],
        ),
        ("log = \"inof\"", &[], &["`log`", "did you mean `info`?"]),
        ("log = \"hyper=lots\"", &[], &["`log`"]),
        (
            "public_url = \"mcp.example.com\"",
            &[],
            &["`public_url`", "https://mcp.example.com"],
        ),
        (
            "allowed_hosts = [\"https://a.example\"]",
            &[],
            &["did you mean `a.example`?"],
        ),
        (
            "",
            &[("FARPORT_ALLOWED_HOSTS", "a b")],
            &["FARPORT_ALLOWED_HOSTS"],
        ),
        (
            "",
            &[("FARPORT_PUBLIC_URL", "ftp://a.example")],
            &["FARPORT_PUBLIC_URL"],
        ),
        ("", &[("FARPORT_LOG", "warning")], &["did you mean `warn`?"]),
        (
            "",
            &[("FARPORT_MAX_SESSIONS", "many")],
            &["FARPORT_MAX_SESSIONS", "a whole number"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path().join("farport.toml"), file);
        let mut demo = farport(folder.path(), ["demo", "--port", "0"]);
        let ended = run(demo.envs(variables.iter().copied()));
        assert_eq!(ended.code, Some(1), "{file} {variables:?}");
        for part in says {
            assert!(ended.stderr.contains(part), "{part}\n{}", ended.stderr);
        }
    }
}

#[test]
fn an_unknown_variable_is_reported() {
    let mut demo = farport(Path::new("/"), ["demo", "--port", "0"]);
    let mut demo = Running::start(demo.env("FARPORT_PUBLIC_URI", "https://a.example"));
    let line = demo.wait_for("FARPORT_PUBLIC_URI", SOON);
    assert!(line.contains("did you mean FARPORT_PUBLIC_URL?"), "{line}");

    let folder = tempfile::tempdir().unwrap();
    let mut list = farport(folder.path(), ["tokens", "list"]);
    let ended = run(list.env("FARPORT_STOER", "sqlite:a.db"));
    assert!(
        ended.stderr.contains("did you mean FARPORT_STORE?"),
        "{}",
        ended.stderr
    );
}

#[test]
fn dev_login_does_not_start_where_others_could_use_it() {
    for (name, value, says) in [
        ("FARPORT_ALLOWED_HOSTS", "box.lan", "allowed_hosts"),
        ("FARPORT_ALLOWED_HOSTS", "*", "allowed_hosts"),
        (
            "FARPORT_ALLOWED_ORIGINS",
            "https://app.example",
            "allowed_origins",
        ),
        ("FARPORT_BEHIND_PROXY", "true", "behind_proxy"),
        (
            "FARPORT_PUBLIC_URL",
            "https://mcp.example.com",
            "public_url",
        ),
    ] {
        // The demo reads the settings of a server from the environment.
        let mut demo = farport(
            Path::new("/"),
            ["demo", "--port", "0", "--auth", "dev-login"],
        );
        let ended = run(demo.env(name, value));
        assert_eq!(ended.code, Some(1), "{name}={value}");
        assert!(ended.stderr.contains(says), "{says}\n{}", ended.stderr);
    }
}

#[test]
fn a_demo_without_a_provider_s_variables_explains_where_to_set_them() {
    for provider in ["github", "oidc"] {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path().join(".dev.vars"),
            "GITHUB_CLIENT_ID=a\nGITHUB_CLIENT_SECRET=b\n",
        );
        let mut demo = farport(folder.path(), ["demo", "--port", "0", "--auth", provider]);
        for name in [
            "GITHUB_CLIENT_ID",
            "GITHUB_CLIENT_SECRET",
            "OIDC_ISSUER",
            "OIDC_CLIENT_ID",
        ] {
            demo.env_remove(name);
        }
        let ended = run(&mut demo);
        assert_eq!(ended.code, Some(1));
        for part in [
            "CLIENT_ID",
            "in the environment",
            ".dev.vars",
            "farport dev",
        ] {
            let part = if provider == "oidc" && part == "CLIENT_ID" {
                "OIDC_"
            } else {
                part
            };
            assert!(ended.stderr.contains(part), "{part}\n{}", ended.stderr);
        }
    }
}
