//! Programs started by a chore: every one has a limit on its time, and none outlives the chore.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, PipeReader};
use std::path::Path;
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use wait_timeout::ChildExt;

use crate::console;

/// The longest a build may take.
pub(crate) const BUILD: Duration = Duration::from_secs(30 * 60);
/// The longest a set of tests, its build included, may take.
pub(crate) const TESTS: Duration = Duration::from_secs(30 * 60);

/// Runs `command` with its output going to the terminal.
///
/// # Errors
/// When it cannot be started, fails, or takes longer than `limit`.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    console::command(&shown(command));
    if std::io::stdout().is_terminal() {
        let status = finish(command, limit)?;
        return Failed::check(command, status, Vec::new());
    }
    run_kept(command, limit)
}

/// The same, with the last lines that the command printed in the error.
fn run_kept(command: &mut Command, limit: Duration) -> Result<()> {
    let (output, input) = std::io::pipe()?;
    command.stdout(input.try_clone()?).stderr(input);
    let tail = Tail::follow(output);
    let status = finish(command, limit);
    // The command keeps its ends of the pipe until it is dropped or has others.
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let lines = tail.lines();
    match status {
        Ok(status) => Failed::check(command, status, lines),
        Err(error) => Err(Failed {
            what: format!("{error:#}"),
            lines,
        }
        .into()),
    }
}

/// A command that failed, with the last lines that it printed.
///
/// Only the end of a long log may be kept, so the summary of the steps repeats them.
#[derive(Debug)]
pub(crate) struct Failed {
    what: String,
    /// The last lines, where the output did not go to a terminal.
    pub(crate) lines: Vec<String>,
}

impl Failed {
    fn check(command: &Command, status: ExitStatus, lines: Vec<String>) -> Result<()> {
        if status.success() {
            return Ok(());
        }
        let what = format!("`{}` ended with {status}", shown(command));
        Err(Self { what, lines }.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failed {}

/// Passes on what a command prints, and keeps the last lines.
struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
    ended: mpsc::Receiver<()>,
}

impl Tail {
    /// How many lines are kept.
    const LINES: usize = 40;
    /// How long to wait for the last lines. A program that the command left behind may hold the pipe open.
    const WAIT: Duration = Duration::from_secs(2);

    fn follow(output: PipeReader) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::with_capacity(Self::LINES)));
        let (end, ended) = mpsc::channel();
        let kept = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                anstream::println!("{line}");
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == Self::LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
            // This fails once `lines` has returned.
            let _ = end.send(());
        });
        Self { lines, ended }
    }

    fn lines(self) -> Vec<String> {
        // Both outcomes are fine: all lines, or those of the first two seconds.
        let _ = self.ended.recv_timeout(Self::WAIT);
        let mut kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *kept).into()
    }
}

/// Runs `command` with all it prints going to the file `log`, and gives how it ended.
///
/// # Errors
/// When the log cannot be written, or the command cannot be started or takes longer than `limit`.
pub(crate) fn run_logged(command: &mut Command, log: &Path, limit: Duration) -> Result<ExitStatus> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    finish(command, limit).with_context(|| format!("its output is in {}", log.display()))
}

/// What `command` printed on standard output.
///
/// # Errors
/// When it cannot be started or fails; its standard error is in the message.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{name}`"))?;
    if !output.status.success() {
        bail!(
            "`{name}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn finish(command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    let name = shown(command);
    let mut child = Child::spawn(command)?;
    child
        .0
        .wait_timeout(limit)?
        .ok_or_else(|| anyhow!("`{name}` did not end within {} s", limit.as_secs()))
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A child process that ends when this value does.
pub(crate) struct Child(process::Child);

impl Child {
    /// Starts `command`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        child
            .map(Self)
            .with_context(|| format!("cannot start `{}`", shown(command)))
    }

    /// Starts `command`, which reads what is written to [`stdin`](Self::stdin).
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn with_input(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::piped()).spawn();
        child
            .map(Self)
            .with_context(|| format!("cannot start `{}`", shown(command)))
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its standard input, where it is a pipe.
    pub(crate) fn stdin(&mut self) -> Option<&mut process::ChildStdin> {
        self.0.stdin.as_mut()
    }

    /// Its standard output, if it is a pipe. `None` after the first call.
    pub(crate) fn stdout(&mut self) -> Option<process::ChildStdout> {
        self.0.stdout.take()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only for a child that has ended already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server started for a chore. It is stopped when this value is dropped.
pub(crate) struct Server {
    child: Child,
    /// The URL that it printed.
    pub(crate) url: String,
}

impl Server {
    /// Starts `command` and waits until it prints a line with its URL, which ends in `/mcp`.
    ///
    /// # Errors
    /// When it cannot be started, ends, or has not printed such a line within `limit`.
    pub(crate) fn start(command: &mut Command, limit: Duration) -> Result<Self> {
        let name = shown(command);
        let mut child = Child::spawn(command.stdout(Stdio::piped()))?;
        let stdout = child.0.stdout.take().context("a piped standard output")?;
        let (found, url) = mpsc::channel();
        // The thread reads on after the line it looks for, so that the server never waits for a reader.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let mut words = line.split_whitespace();
                if let Some(url) =
                    words.find(|word| word.starts_with("http://") && word.ends_with("/mcp"))
                {
                    // This fails after the first line was found.
                    let _ = found.send(url.to_owned());
                }
            }
        });
        let url = url.recv_timeout(limit).map_err(|_| {
            anyhow!(
                "`{name}` did not print its /mcp URL within {} s; run it by hand to see why",
                limit.as_secs()
            )
        })?;
        Ok(Self { child, url })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_last_lines_of_the_command() {
        let mut command = Command::new("sh");
        command.args(["-c", "for i in $(seq 50); do echo $i; done; exit 3"]);
        let error = run_kept(&mut command, Duration::from_secs(60))
            .context("a step failed")
            .expect_err("the command fails");
        let failed = error.chain().find_map(|one| one.downcast_ref::<Failed>());
        let lines = &failed
            .expect("the error keeps what the command printed")
            .lines;
        assert_eq!(lines.len(), Tail::LINES);
        assert_eq!(lines.last().map(String::as_str), Some("50"));
    }
}
