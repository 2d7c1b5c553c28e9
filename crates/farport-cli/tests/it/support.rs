//! Runs `farport`, and sends requests to its servers.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// The time limit of anything except a build.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// The time limit of a first build on a slow machine.
pub(crate) const BUILD: Duration = Duration::from_secs(900);

/// A command without the user's settings and git configuration.
pub(crate) fn hermetic(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("FARPORT_")
            || name.starts_with("GIT_")
            || name.starts_with("CARGO_PKG_")
        {
            command.env_remove(name);
        }
    }
    command
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null());
    command
}

/// `farport` with arguments, in a folder.
pub(crate) fn farport<S: AsRef<OsStr>>(
    folder: &Path,
    args: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = hermetic(env!("CARGO_BIN_EXE_farport"));
    command.current_dir(folder).args(args);
    command
}

/// The exit code and output of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    command.output().unwrap().into()
}

/// Runs a program that must succeed.
#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> Ended {
    let ended = run(command);
    assert_eq!(
        ended.code,
        Some(0),
        "{command:?}\n{}\n{}",
        ended.stdout,
        ended.stderr
    );
    ended
}

/// A running program. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    /// The lines read so far, of both streams.
    pub(crate) seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Reads lines until one contains `part`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, part: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no `{part}` in {patience:?}: {:#?}", self.telling())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the program exited without `{part}`: {:#?}", self.telling())
                }
            }
        }
    }

    /// The last lines that are not about a request.
    fn telling(&self) -> Vec<&String> {
        const SHOWN: usize = 60;
        let lines = self
            .seen
            .iter()
            .filter(|line| !line.contains(" INFO request{"));
        let lines: Vec<_> = lines.collect();
        lines[lines.len().saturating_sub(SHOWN)..].to_vec()
    }

    /// The origin in the first `Ready on` line.
    #[track_caller]
    pub(crate) fn origin(&mut self, patience: Duration) -> String {
        let line = self.wait_for("Ready on http://", patience);
        let start = line.find("http://").unwrap();
        let end = line.find("/mcp").unwrap();
        line[start..end].to_owned()
    }

    /// Its standard input, which has to be a pipe.
    pub(crate) fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the exit.
    #[track_caller]
    pub(crate) fn end(mut self, patience: Duration) -> (ExitStatus, Vec<String>) {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.seen.extend(self.lines.try_iter());
                return (status, std::mem::take(&mut self.seen));
            }
            assert!(Instant::now() < deadline, "still running: {:#?}", self.seen);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn eventually(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not in {patience:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// An agent that opens a connection for every request.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(SOON))
        .max_idle_connections(0)
        .http_status_as_error(false)
        .build()
        .new_agent()
}

/// Sends a request of the stateless revision. Returns the `result`.
pub(crate) fn ask(
    origin: &str,
    method: &str,
    name: Option<&str>,
    mut params: Value,
) -> Result<Value, String> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut request = agent()
        .post(format!("{origin}/mcp"))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", method);
    if let Some(name) = name {
        request = request.header("Mcp-Name", name);
    }
    let mut response = request
        .send(body.to_string())
        .map_err(|error| error.to_string())?;
    let text = response
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    // The response may be a stream. Its last event is the result.
    let last = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap_or(&text);
    let answer: Value =
        serde_json::from_str(last).map_err(|_| format!("{} {text}", response.status()))?;
    match answer.get("result") {
        Some(result) => Ok(result.clone()),
        None => Err(answer.to_string()),
    }
}

/// Calls a tool. Returns the text of its result.
pub(crate) fn call(origin: &str, tool: &str, arguments: Value) -> Result<String, String> {
    let params = json!({"name": tool, "arguments": arguments});
    let result = ask(origin, "tools/call", Some(tool), params)?;
    result["content"][0]["text"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| result.to_string())
}

/// Writes a file, and creates its folders.
pub(crate) fn write(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The paths in a folder, with the contents of files.
pub(crate) fn everything_in(folder: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                waiting.push(path.clone());
                found.push((path, None));
            } else {
                let bytes = std::fs::read(&path).ok();
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    found
}

/// Serializes the tests that build a whole crate. They are ignored unless `cargo test` runs with `--ignored`.
static SLOW: Mutex<()> = Mutex::new(());

/// Waits until no other test builds a whole crate.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    SLOW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The build folder of tests, so that generated crates share compiled dependencies.
pub(crate) fn build_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated")
}

/// The built-in templates.
pub(crate) const TEMPLATES: [&str; 12] = [
    "api-token",
    "auth0",
    "authless",
    "dev-login",
    "github",
    "github-worker",
    "google",
    "oidc",
    "slack",
    "stytch",
    "worker",
    "workos",
];

/// Creates a crate that depends on this checkout.
pub(crate) fn generate(folder: &Path, name: &str) -> PathBuf {
    generate_from("authless", folder, name)
}

/// Creates a crate from a template.
pub(crate) fn generate_from(template: &str, folder: &Path, name: &str) -> PathBuf {
    succeed(&mut farport(
        folder,
        [
            "new",
            name,
            "--template",
            template,
            "--no-git",
            "--path-deps",
        ],
    ));
    folder.join(name)
}

/// Reads a document of the project.
pub(crate) fn document(path: &str) -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(checkout.join(path)).unwrap()
}

/// The code blocks of a Markdown text in this language.
pub(crate) fn code_blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// Adds the tool that the generated README explains.
pub(crate) fn add_tool_of_readme(made: &Path) {
    let readme = std::fs::read_to_string(made.join("README.md")).unwrap();
    let [tool, parameters]: [String; 2] = code_blocks(&readme, "rust").try_into().unwrap();
    add_tool(made, &tool, &parameters);
}

/// Adds a tool and the type of its parameters to a generated calculator.
pub(crate) fn add_tool(made: &Path, tool: &str, parameters: &str) {
    let path = made.join("src/calculator.rs");
    let tools = std::fs::read_to_string(&path).unwrap();
    let (before, after) = tools
        .split_once("#[tool_router]\nimpl Calculator {\n")
        .unwrap();
    let tools =
        format!("{before}{parameters}\n#[tool_router]\nimpl Calculator {{\n{tool}\n{after}");
    std::fs::write(path, tools).unwrap();
}
