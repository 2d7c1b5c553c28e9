//! Completion in real shells: bash and zsh on a pseudo-terminal, with the keys that a user presses, and fish.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::scripted::Scripted;
use crate::support::{Running, SOON, farport, hermetic, run, succeed};

/// What is typed after `farport`, before Tab, and the words that the shell makes of it.
const TYPED: [(&str, &str); 6] = [
    ("call URL wea", "call URL weather"),
    ("tools URL a", "tools URL ask"),
    ("call URL weather ci", "call URL weather city="),
    (
        "call URL weather city=x unit=k",
        "call URL weather city=x unit=kelvin",
    ),
    (
        "call --json URL weather unit=c",
        "call --json URL weather unit=celsius",
    ),
    ("doct", "doctor"),
];

/// A user whose last command listed the tools of a server.
struct User {
    server: Scripted,
    home: TempDir,
}

impl User {
    fn new() -> Self {
        let (server, home) = (Scripted::start(), tempfile::tempdir().unwrap());
        let program = Path::new(env!("CARGO_BIN_EXE_farport"));
        std::os::unix::fs::symlink(program, home.path().join("farport")).unwrap();
        let listed = ["tools", &server.url];
        succeed(farport(home.path(), listed).env("FARPORT_CONFIG_DIR", home.path()));
        Self { server, home }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = hermetic(program);
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", self.home.path().display()))
            .env("FARPORT_CONFIG_DIR", self.home.path())
            .env("HOME", self.home.path())
            .env("TERM", "dumb")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("ZDOTDIR")
            .current_dir(self.home.path());
        command
    }

    fn filled(&self, text: &str) -> String {
        text.replace("URL", &self.server.url)
    }

    /// Types each line on a terminal, presses Tab, and lets the shell print the line.
    fn type_at(&self, shell: &str, set_up: &str) {
        let mut script = self.command("script");
        script
            .args([
                "--quiet",
                "--flush",
                "--return",
                "--command",
                shell,
                "/dev/null",
            ])
            .stdin(Stdio::piped());
        let mut terminal = Running::start(&mut script);
        let mut keys = terminal.input();
        // The echo of a command differs from its output.
        writeln!(keys, "{set_up}; stty cols 500; echo RE''ADY").unwrap();
        terminal.wait_for("READY", SOON);
        for (typed, expected) in TYPED {
            // Tab, then Home, so that the line becomes the argument of another command.
            writeln!(keys, "farport {}\t\u{1}echo LI''NE: ", self.filled(typed)).unwrap();
            let line = terminal.wait_for("LINE: farport", SOON);
            let start = line.rfind("LINE: farport ").unwrap();
            let line = line[start..]
                .trim_end()
                .trim_start_matches("LINE: farport ");
            assert_eq!(line, self.filled(expected), "{shell}: {typed}");
        }
        writeln!(keys, "exit").unwrap();
        terminal.end(SOON);
    }
}

/// Whether a shell is installed. `cargo xtask test --install` installs all, and expects them here.
fn has(shell: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .any(|folder| folder.join(shell).is_file());
    let required = std::env::var_os("FARPORT_SHELLS").is_some();
    assert!(found || !required, "{shell} is not installed");
    if !found {
        eprintln!("NOT TESTED: {shell} is not installed");
    }
    found
}

#[test]
fn bash_completes_tools_arguments_and_values() {
    if has("bash") && has("script") {
        let set_up = r#"PS1='$ '; eval "$(farport completions bash)""#;
        User::new().type_at("bash --norc --noprofile -i", set_up);
    }
}

#[test]
fn zsh_completes_tools_arguments_and_values() {
    if has("zsh") && has("script") {
        let set_up = r#"PS1='$ '; unsetopt PROMPT_SP; bindkey -e; autoload -U compinit; compinit -u -D; eval "$(farport completions zsh)""#;
        User::new().type_at("zsh -f -i", set_up);
    }
}

#[test]
fn fish_completes_tools_arguments_and_values() {
    if !has("fish") {
        return;
    }
    let user = User::new();
    for (typed, expected) in TYPED {
        let line = user.filled(&format!("farport {typed}"));
        let script = "farport completions fish | source; complete --do-complete $argv[1]";
        let mut fish = user.command("fish");
        let ended = run(fish.args(["--no-config", "--command", script, &line]));
        let word = user.filled(expected);
        let word = word.rsplit(' ').next().unwrap();
        let candidates: Vec<_> = ended
            .stdout
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert_eq!(candidates, [word], "{typed}: {ended:?}");
    }
}
