//! Help, exit codes, colour, completions.

use std::path::Path;

use crate::support::{farport, run, succeed};

fn here() -> &'static Path {
    Path::new("/")
}

#[test]
fn help_teaches() {
    let help = succeed(&mut farport(here(), ["--help"])).stdout;
    for part in [
        "Examples:",
        "Exit codes:",
        "NO_COLOR",
        "farport demo",
        "farport new",
        "farport dev",
    ] {
        assert!(help.contains(part), "{part}\n{help}");
    }
    // Commands that are no user's business.
    assert!(!help.contains("guarded"), "{help}");
    for command in [
        "demo",
        "new",
        "dev",
        "deploy",
        "secret",
        "tail",
        "connect",
        "add",
        "remove",
        "login",
        "logout",
        "status",
        "tokens",
        "grants",
        "completions",
    ] {
        let help = succeed(&mut farport(here(), [command, "--help"])).stdout;
        assert!(
            help.contains("Examples:") && help.contains(&format!("farport {command}")),
            "{help}"
        );
    }
}

#[test]
fn what_is_not_understood_ends_with_2_and_what_cannot_be_done_with_1() {
    let cases: [(&[&str], i32); 9] = [
        (&["--version"], 0),
        (&["--help"], 0),
        (&[], 2),
        (&["fly"], 2),
        (&["demo", "--port", "70000"], 2),
        (&["new"], 2),
        (&["new", ""], 2),
        (&["--color", "sometimes", "demo"], 2),
        (&["dev"], 1),
    ];
    for (args, code) in cases {
        let ended = run(&mut farport(here(), args));
        assert_eq!(ended.code, Some(code), "{args:?}\n{}", ended.stderr);
        let silent_out = ended.stdout.is_empty();
        assert_eq!(silent_out, code != 0, "{args:?} prints to the right stream");
    }
}

#[test]
fn an_environment_variable_that_is_no_port_is_misuse() {
    let ended = run(farport(here(), ["demo"]).env("FARPORT_PORT", "many"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--port"), "{}", ended.stderr);
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    const ESCAPE: char = '\u{1b}';
    let cases: [(&[&str], bool); 5] = [
        (&["dev"], false),
        (&["dev", "--color", "always"], true),
        (&["--color=always", "--help"], true),
        (&["--color", "never", "dev"], false),
        (&["fly", "--color=always"], true),
    ];
    for (args, coloured) in cases {
        let ended = run(&mut farport(here(), args));
        let shown = ended.stdout + &ended.stderr;
        assert_eq!(shown.contains(ESCAPE), coloured, "{args:?}\n{shown}");
    }
}

#[test]
fn completions_come_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(&mut farport(here(), ["completions", shell])).stdout;
        for word in ["demo", "new", "path-deps"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn dev_outside_of_a_crate_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&mut farport(folder.path(), ["dev"]));
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.starts_with("error: there is no crate here"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("hint: go into a crate first"),
        "{}",
        ended.stderr
    );
}
