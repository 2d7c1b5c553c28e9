//! The program `farport-fixture`.

#![cfg(feature = "server")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

/// Ends the program when a test is over.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("a program that runs");
        self.0.wait().expect("its end");
    }
}

fn fixture() -> Command {
    Command::new(env!("CARGO_BIN_EXE_farport-fixture"))
}

/// Starts the program on a free port, and gives `127.0.0.1:PORT`.
pub(crate) fn start() -> (Running, String) {
    let program = fixture()
        .args(["--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Running(program);
    let mut line = String::new();
    let output = program.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let address = line
        .strip_prefix("listening on http://")
        .and_then(|rest| rest.strip_suffix("/mcp\n"))
        .unwrap_or_else(|| panic!("it said {line:?}"));
    (program, address.to_owned())
}

#[test]
fn it_says_where_it_listens() {
    let (_program, address) = start();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    std::net::TcpStream::connect(address).unwrap();
}

#[test]
fn a_store_that_does_not_exist_is_refused_with_those_that_do() {
    for store in ["redis", "sqlite", "sqlite:"] {
        let mut program = fixture()
            .args(["--store", store])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert!(!program.wait().unwrap().success(), "{store}");
        let mut said = String::new();
        program.stderr.unwrap().read_to_string(&mut said).unwrap();
        assert!(
            said.contains("a store is `memory`, or `sqlite:PATH`"),
            "{store}: {said}"
        );
    }
}
