//! `farport add` and `farport remove`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Ended, everything_in, farport, run, succeed, write};

const URL: &str = "https://mcp.example.com/mcp";

/// The home of a user, with a project.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = farport(&self.path("project"), words);
        command.env("HOME", self.folder.path());
        for name in [
            "XDG_CONFIG_HOME",
            "CODEX_HOME",
            "CLAUDE_CONFIG_DIR",
            "COPILOT_HOME",
        ] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, words: &[&str]) -> Ended {
        run(&mut self.command(words))
    }

    fn succeed(&self, words: &[&str]) -> Ended {
        succeed(&mut self.command(words))
    }

    fn json(&self, inside: &str) -> Value {
        serde_json::from_str(&self.text(inside)).unwrap()
    }

    fn text(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap()
    }

    /// The names of the files in a folder.
    fn names(&self, inside: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(inside))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn commands_at_the_same_time_all_take_effect() {
    let home = Home::new();
    let before = r#"{"mcpServers": {"mine": {"command": "x"}}}"#;
    write(home.path(".cursor/mcp.json"), before);
    let name = |n: usize| format!("server-{n}");
    let all = |words: &dyn Fn(&str) -> Vec<String>| {
        let started: Vec<_> = (0..12)
            .map(|n| {
                let words = words(&name(n));
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let mut command = home.command(&words);
                command.stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut one in started {
            assert!(one.wait().unwrap().success());
        }
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    all(&|name| words(&["add", "cursor", name, URL]));
    let servers = home.json(".cursor/mcp.json")["mcpServers"].clone();
    assert_eq!(servers.as_object().unwrap().len(), 13, "{servers}");
    assert_eq!(home.text(".cursor/mcp.json.farport-backup"), before);
    all(&|name| words(&["remove", "cursor", name]));
    assert_eq!(
        home.json(".cursor/mcp.json"),
        serde_json::from_str::<Value>(before).unwrap()
    );
    assert_eq!(home.text(".cursor/mcp.json.farport-backup"), before);
    let names = [
        "mcp.json",
        "mcp.json.farport-backup",
        "mcp.json.farport-backup-last",
    ];
    assert_eq!(home.names(".cursor"), names);
}

#[test]
fn the_first_backup_is_kept_and_an_existing_entry_is_not_written_again() {
    let home = Home::new();
    for (client, file, before) in [
        ("cursor", ".cursor/mcp.json", "{\n  \"theme\": 1\n}\n"),
        ("codex", ".codex/config.toml", "model = \"x\"\n"),
        ("goose", ".config/goose/config.yaml", "GOOSE_MODE: auto\n"),
    ] {
        write(home.path(file), before);
        let backup = format!("{file}.farport-backup");
        let first = home.succeed(&["add", client, "one", URL]);
        assert!(first.stdout.contains(&backup), "{}", first.stdout);
        let with_one = home.text(file);
        home.succeed(&["add", client, "two", URL]);
        assert_eq!(home.text(&backup), before);
        assert_eq!(home.text(&format!("{backup}-last")), with_one);

        let settled = everything_in(home.folder.path());
        let again = home.succeed(&["add", client, "two", URL]);
        assert!(
            again.stdout.contains("Nothing to change"),
            "{}",
            again.stdout
        );
        assert!(!again.stdout.contains("backup"), "{}", again.stdout);
        assert_eq!(everything_in(home.folder.path()), settled);
    }
}

#[test]
fn failed_commands_and_print_create_no_file() {
    let home = Home::new();
    let before = everything_in(home.folder.path());
    for words in [
        &["remove", "cursor", "one"][..],
        &["add", "cursor", "one", URL, "--print"],
        &["add", "cursor", "one", URL, "--", "--no-such-flag"],
    ] {
        home.run(words);
        assert_eq!(everything_in(home.folder.path()), before, "{words:?}");
    }
}

#[test]
fn arguments_for_connect_are_checked_before_they_are_written() {
    let home = Home::new();
    for (arguments, says) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (&["--transport", "pigeon"], "pigeon"),
        (&["--header", "no colon"], "Name: value"),
        (&["--help"], "--help does not connect"),
        (&["70000"], "70000"),
        (&["--headers-timeout", "x"], "--headers-timeout"),
        (&["--authorize-param", "x"], "NAME=VALUE"),
        (&["--static-oauth-client-info", "{"], "client"),
        (&["--header-file", "/no/such/file"], "/no/such/file"),
    ] {
        let words = [&["add", "claude", "one", URL, "--"], arguments].concat();
        let ended = home.run(&words);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        assert!(ended.stderr.contains(says), "{says}\n{}", ended.stderr);
        assert!(!home.path(".config/Claude").exists(), "{arguments:?}");
    }
    // The client may set the variable later.
    home.succeed(&[
        "add",
        "cursor",
        "one",
        URL,
        "--",
        "--header",
        "Authorization: Bearer ${NO_SUCH_TOKEN}",
        "8080",
    ]);
    let entry = home.json(".cursor/mcp.json")["mcpServers"]["one"].clone();
    assert_eq!(
        entry["args"],
        json!([
            "connect",
            URL,
            "--header",
            "Authorization: Bearer ${NO_SUCH_TOKEN}",
            "8080"
        ])
    );
}

const CLIENTS: [(&str, &str); 15] = [
    ("claude", ".config/Claude/claude_desktop_config.json"),
    ("claude-code", ".claude.json"),
    ("cursor", ".cursor/mcp.json"),
    ("windsurf", ".codeium/windsurf/mcp_config.json"),
    ("vscode", ".config/Code/User/mcp.json"),
    ("zed", ".config/zed/settings.json"),
    ("codex", ".codex/config.toml"),
    ("gemini", ".gemini/settings.json"),
    ("copilot", ".copilot/mcp-config.json"),
    (
        "cline",
        ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    ),
    ("cline-cli", ".cline/data/settings/cline_mcp_settings.json"),
    ("goose", ".config/goose/config.yaml"),
    ("lm-studio", ".lmstudio/mcp.json"),
    ("opencode", ".config/opencode/opencode.json"),
    ("jetbrains", ".junie/mcp/mcp.json"),
];

#[test]
#[cfg(target_os = "linux")]
fn add_and_remove_work_for_every_client() {
    for (client, file) in CLIENTS {
        let home = Home::new();
        let absent = home.succeed(&["add", client, "one", URL]);
        assert!(
            absent.stderr.contains("does not seem to be installed"),
            "{client}: {}",
            absent.stderr
        );
        let with_one = home.text(file);
        assert!(with_one.contains(URL), "{client}: {with_one}");
        let present = home.succeed(&["add", client, "two", URL, "--", "--ipv4"]);
        assert_eq!(present.stderr, "", "{client}");
        assert!(home.text(file).contains("--ipv4"), "{client}");
        home.succeed(&["remove", client, "two"]);
        assert_eq!(home.text(file), with_one, "{client}");
        home.succeed(&["remove", client, "one"]);
        assert!(!home.text(file).contains(URL), "{client}");
        let again = home.run(&["remove", client, "one"]);
        assert_eq!(again.code, Some(1), "{client}");
        assert!(again.stderr.contains("no server `one` in"), "{client}");
    }
}

#[test]
fn a_project_has_its_own_configuration() {
    let home = Home::new();
    for (client, file) in [
        ("claude-code", ".mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".vscode/mcp.json"),
        ("zed", ".zed/settings.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("opencode", "opencode.json"),
        ("jetbrains", ".junie/mcp/mcp.json"),
    ] {
        let file = format!("project/{file}");
        home.succeed(&["add", client, "one", URL, "--project"]);
        assert!(home.text(&file).contains(URL), "{client}");
        home.succeed(&["add", client, "two", URL, "--project", "--", "--ipv4"]);
        // Other developers have the project in another folder.
        assert!(home.text(&file).contains("\"farport\""), "{client}");
        home.succeed(&["remove", client, "one", "--project"]);
        home.succeed(&["remove", client, "two", "--project"]);
        assert!(!home.text(&file).contains(URL), "{client}");
    }
    assert_eq!(
        home.names(""),
        ["project"],
        "the user's own files are not touched"
    );
    let ended = home.run(&["add", "claude", "one", URL, "--project"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("claude-code"), "{}", ended.stderr);
}

#[test]
fn a_byte_order_mark_and_windows_line_endings_are_kept() {
    let home = Home::new();
    for (client, file, before) in [
        (
            "cursor",
            ".cursor/mcp.json",
            "{\r\n  \"mcpServers\": {\r\n    \"a\": {\"command\": \"x\"}\r\n  }\r\n}\r\n",
        ),
        ("codex", ".codex/config.toml", "# mine\r\nmodel = \"x\"\r\n"),
        (
            "goose",
            ".config/goose/config.yaml",
            "a: b\r\nextensions:\r\n  x:\r\n    y: z\r\n",
        ),
    ] {
        let before = format!("\u{feff}{before}");
        write(home.path(file), &before);
        home.succeed(&["add", client, "one", URL]);
        let with = home.text(file);
        assert!(
            with.starts_with('\u{feff}') && with.contains(URL),
            "{with:?}"
        );
        assert!(!with.replace("\r\n", "").contains('\n'), "{with:?}");
        home.succeed(&["remove", client, "one"]);
        let without = home.text(file);
        assert!(without.starts_with('\u{feff}'), "{without:?}");
        assert!(!without.replace("\r\n", "").contains('\n'), "{without:?}");
    }
}

#[test]
fn a_url_without_a_scheme_is_rejected_with_a_suggestion() {
    let home = Home::new();
    for (given, meant) in [
        (
            "localhost:8787/mcp",
            "did you mean http://localhost:8787/mcp?",
        ),
        (
            "127.0.0.1:8787/mcp",
            "did you mean http://127.0.0.1:8787/mcp?",
        ),
        (
            "mcp.example.com/mcp",
            "did you mean https://mcp.example.com/mcp?",
        ),
        (
            "mcp.example.com:8443/mcp",
            "did you mean https://mcp.example.com:8443/mcp?",
        ),
    ] {
        for words in [
            &["connect", given][..],
            &["login", given],
            &["logout", given],
            &["add", "cursor", "one", given],
        ] {
            let ended = home.run(words);
            assert_eq!(ended.code, Some(1), "{words:?}");
            assert!(ended.stderr.contains(meant), "{words:?}: {}", ended.stderr);
        }
    }
    assert!(!home.path(".cursor").exists());
}

#[test]
fn a_printed_change_cannot_control_the_terminal() {
    let home = Home::new();
    let hostile = "\u{9b}31m\u{202e}";
    write(
        home.path(".codex/config.toml"),
        &format!(
            "model = \"m\" # {hostile}\n\n# {hostile}\n[mcp_servers.one]\n# {hostile}\n\
             command = \"x\" # {hostile}\n"
        ),
    );
    let words = ["--color", "always", "remove", "codex", "one"];
    let shown = home.succeed(&words).stdout;
    for bad in ["\u{9b}", "\u{202e}"] {
        assert!(!shown.contains(bad), "{shown:?}");
    }
    assert!(home.text(".codex/config.toml").contains(hostile));
}

#[test]
#[cfg(unix)]
fn a_symbolic_link_to_a_configuration_is_followed() {
    let home = Home::new();
    write(home.path("dotfiles/mcp.json"), "{}");
    fs::create_dir(home.path(".cursor")).unwrap();
    let link = home.path(".cursor/mcp.json");
    std::os::unix::fs::symlink("../dotfiles/mcp.json", &link).unwrap();
    home.succeed(&["add", "cursor", "one", URL]);
    assert!(link.is_symlink());
    assert!(home.text("dotfiles/mcp.json").contains(URL));

    fs::remove_file(home.path("dotfiles/mcp.json")).unwrap();
    let ended = home.run(&["add", "cursor", "one", URL]);
    assert!(
        ended.stderr.contains("broken symbolic link"),
        "{}",
        ended.stderr
    );
    assert!(link.is_symlink());
    assert!(!Path::new(&home.path("dotfiles/mcp.json")).exists());
}
