//! The program that is killed.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::app::ORIGIN;

/// A server whose users sign in under any name, with its state in a file.
pub(crate) struct Program {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Program {
    /// Starts the program, and waits until it is ready.
    pub(crate) fn start(database: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_farport-fixture"))
            .args(["--port", "0", "--store"])
            .arg(format!("sqlite:{}", database.display()))
            .env("FARPORT_AUTH_PROVIDER", "dev-login")
            // What it is called stays, while its port does not.
            .env("FARPORT_PUBLIC_URL", ORIGIN)
            // It would speak of each code that is used again.
            .env("FARPORT_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on ")
            .and_then(|rest| rest.strip_suffix("/mcp\n"))
            .unwrap_or_else(|| panic!("it said {line:?}"));
        Self {
            address: address.to_owned(),
            child,
        }
    }

    /// Ends it, giving it no time for anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
