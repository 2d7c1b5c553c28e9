//! Help, exit codes, color, completions.

use std::path::Path;

use crate::support::{Running, SOON, farport, run, succeed};

fn here() -> &'static Path {
    Path::new("/")
}

#[test]
fn help_is_a_command_too() {
    for words in [
        &["help"][..],
        &["help", "connect"],
        &["help", "tokens"],
        &["help", "tokens", "list"],
    ] {
        let flag = [&words[1..], &["--help"]].concat();
        let with_flag = succeed(&mut farport(here(), &flag)).stdout;
        let by_command = succeed(&mut farport(here(), words)).stdout;
        assert_eq!(by_command, with_flag, "{words:?}");
    }
    assert_eq!(run(&mut farport(here(), ["help", "fly"])).code, Some(2));
}

#[test]
fn connect_on_a_terminal_explains_itself() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let stdin = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let url = "http://localhost:1/mcp?key=s3cret";
    let mut connect = Running::start(farport(here(), ["connect", url]).stdin(stdin));
    let line = connect.wait_for("Waiting for JSON-RPC messages", SOON);
    assert!(line.contains("http://localhost:1/mcp?…"), "{line}");
    connect.wait_for("farport add", SOON);
    assert!(!connect.seen.concat().contains("s3cret"));
}

#[test]
fn an_invalid_command_line_exits_with_2_and_a_failure_with_1() {
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
fn an_invalid_port_in_the_environment_exits_with_2() {
    let ended = run(farport(here(), ["demo"]).env("FARPORT_PORT", "many"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--port"), "{}", ended.stderr);
}

#[test]
fn color_is_for_terminals_unless_it_is_requested() {
    const ESCAPE: char = '\u{1b}';
    let cases: [(&[&str], bool); 5] = [
        (&["dev"], false),
        (&["dev", "--color", "always"], true),
        (&["--color=always", "--help"], true),
        (&["--color", "never", "dev"], false),
        (&["fly", "--color=always"], true),
    ];
    for (args, colored) in cases {
        let ended = run(&mut farport(here(), args));
        let shown = ended.stdout + &ended.stderr;
        assert_eq!(shown.contains(ESCAPE), colored, "{args:?}\n{shown}");
    }
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(&mut farport(here(), ["completions", shell])).stdout;
        // The candidates come from farport itself.
        for word in ["farport", "FARPORT_COMPLETE"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let mut command = farport(here(), ["--", "farport", "new", "--path"]);
        command
            .env("FARPORT_COMPLETE", shell)
            .env("_CLAP_COMPLETE_INDEX", "2");
        let found = succeed(&mut command).stdout;
        assert!(found.contains("--path-deps"), "{shell}: {found}");
    }
}
