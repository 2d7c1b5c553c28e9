//! `farport connect` beside `mcp-remote`, before one server.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::proc;
use super::report::median;
use super::target::{DEMO, LOAD_CORE, SERVERS, Target, WORKLOADS, initialize};
use crate::setup::Node;
use crate::{console, process, project};

/// How often each is started; the median counts.
const STARTS: usize = 9;
/// How many calls each carries.
const CALLS: usize = 10_000;
/// How long after its first call a proxy counts as idle.
const SETTLED: Duration = Duration::from_secs(2);
/// The longest that one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What one proxy was measured at.
struct Proxy {
    name: &'static str,
    /// From its start to the answers to `initialize` and to the first `tools/call`, in milliseconds.
    initialized: f64,
    called: f64,
    /// What a call takes through it, in microseconds.
    p50: f64,
    p99: f64,
    /// Resident memory, in bytes, before the calls and after them.
    idle: u64,
    used: u64,
    /// What has to be on disk for it to run, in bytes.
    size: u64,
}

/// Everything that was measured.
pub(crate) struct Connect {
    direct: (f64, f64),
    proxies: Vec<Proxy>,
}

/// Measures both, the `farport` of an earlier commit if there is one, and the same calls without a proxy.
///
/// # Errors
/// When the server or a proxy fails.
pub(crate) fn measure(earlier: Option<&Path>) -> Result<Connect> {
    let node = Node::ready()?;
    let kind = SERVERS.iter().find(|kind| kind.name == DEMO);
    let server = Target::start(kind.context("the demo is among the servers")?)?;
    let direct = direct(server.url())?;
    let farport = project::target().join("dist/farport");
    let remote = node.folder.join("node_modules/mcp-remote");
    let script = remote.join("dist/proxy.js");
    ensure!(script.is_file(), "mcp-remote has no dist/proxy.js");
    let node_binary = node.program()?;
    let mut proxies = Vec::new();
    let connect = |name, program: PathBuf| {
        let files = vec![program.clone()];
        (name, program, vec!["connect".into()], files)
    };
    let earlier = earlier.map(std::path::absolute).transpose()?;
    let mut measured = vec![connect("farport connect", farport)];
    measured.extend(earlier.map(|program| connect("farport connect, earlier", program)));
    measured.push((
        "mcp-remote",
        node_binary.clone(),
        vec![script.into_os_string()],
        vec![node_binary, remote],
    ));
    for (name, program, arguments, files) in measured {
        let state = tempfile::tempdir_in(project::target())?;
        let command = || {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", LOAD_CORE]).arg(&program);
            command.args(&arguments).arg(server.url());
            command.env("MCP_REMOTE_CONFIG_DIR", state.path());
            command.env("FARPORT_CONFIG_DIR", state.path());
            command
        };
        let proxy = proxy(name, command, &files)?;
        console::note(&format!(
            "{name:16} initialize {:.1} ms, first call {:.1} ms, p50 {:.0} us, {} KiB",
            proxy.initialized,
            proxy.called,
            proxy.p50,
            proxy.used / 1024
        ));
        proxies.push(proxy);
    }
    Ok(Connect { direct, proxies })
}

fn call(id: usize) -> Value {
    json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": { "name": "add", "arguments": { "a": 2, "b": 3 } },
    })
}

/// The median and the 99th percentile, in microseconds.
fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |part: usize| {
        let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times
            .get(index)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    (at(50), at(99))
}

/// Calls over one connection to the server itself, by a client that does nothing else: it sends bytes
/// and waits for as many as come back.
fn direct(url: &str) -> Result<(f64, f64)> {
    let session = initialize(url)?;
    let host = url.trim_start_matches("http://").trim_end_matches("/mcp");
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let headers: String = WORKLOADS
        .last()
        .context("a workload")?
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let mut times = Vec::new();
    let mut answer = Vec::new();
    for id in 0..CALLS {
        let body = call(id).to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {host}\r\n{headers}mcp-session-id: {session}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let began = Instant::now();
        stream.write_all(request.as_bytes())?;
        answer.clear();
        while !is_whole(&answer) {
            let mut part = [0; 4096];
            let read = stream.read(&mut part)?;
            ensure!(read > 0, "the server closed the connection");
            answer.extend_from_slice(part.get(..read).unwrap_or_default());
        }
        times.push(began.elapsed());
        let text = String::from_utf8_lossy(&answer);
        ensure!(text.contains(r#""text":"5""#), "the server answers {text}");
    }
    Ok(percentiles(times))
}

/// Whether all of a response with a `Content-Length` is there.
fn is_whole(response: &[u8]) -> bool {
    let text = String::from_utf8_lossy(response);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let lengths = head.lines().filter_map(|line| line.split_once(':'));
    let length = lengths
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

fn proxy(name: &'static str, command: impl Fn() -> Command, files: &[PathBuf]) -> Result<Proxy> {
    let mut initialized = Vec::new();
    let mut called = Vec::new();
    for _ in 0..STARTS {
        let (_, times) = Running::start(command())?;
        initialized.push(times.0.as_secs_f64() * 1e3);
        called.push(times.1.as_secs_f64() * 1e3);
    }
    let (mut running, _) = Running::start(command())?;
    std::thread::sleep(SETTLED);
    let idle = proc::resident(running.child.id())?;
    let mut times = Vec::new();
    for id in 2..CALLS + 2 {
        let began = Instant::now();
        running.ask(&call(id))?;
        times.push(began.elapsed());
    }
    let (p50, p99) = percentiles(times);
    let size = files.iter().map(|path| size(path)).sum::<Result<_>>()?;
    Ok(Proxy {
        name,
        initialized: median(initialized),
        called: median(called),
        p50,
        p99,
        idle,
        used: proc::resident(running.child.id())?,
        size,
    })
}

/// The bytes of a file, or of all files below a folder.
fn size(path: &Path) -> Result<u64> {
    let data = fs::symlink_metadata(path)?;
    if !data.is_dir() {
        return Ok(data.len());
    }
    fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}

/// A proxy that has answered `initialize` and a first call.
struct Running {
    child: process::Child,
    answers: Receiver<std::io::Result<String>>,
}

impl Running {
    fn start(mut command: Command) -> Result<(Self, (Duration, Duration))> {
        let began = Instant::now();
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = process::Child::with_input(&mut command)?;
        let stdout = child.stdout().context("a piped standard output")?;
        let (send, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                // This fails when the measurement has ended.
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut running = Self { child, answers };
        running.ask(&json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": { "name": "bench", "version": "1" },
            },
        }))?;
        let initialized = began.elapsed();
        running.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        running.ask(&call(1))?;
        Ok((running, (initialized, began.elapsed())))
    }

    fn say(&mut self, message: &Value) -> Result<()> {
        let stdin = self.child.stdin().context("a piped standard input")?;
        stdin.write_all(format!("{message}\n").as_bytes())?;
        Ok(stdin.flush()?)
    }

    /// Sends a request and waits for the response. Ignores other messages.
    fn ask(&mut self, request: &Value) -> Result<()> {
        self.say(request)?;
        loop {
            let line = match self.answers.recv_timeout(PATIENCE) {
                Ok(line) => line?,
                Err(RecvTimeoutError::Timeout) => bail!("no answer to {request}"),
                Err(RecvTimeoutError::Disconnected) => bail!("the proxy ended at {request}"),
            };
            let answer: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            if answer["id"] == request["id"] {
                return match answer.get("result") {
                    Some(_) => Ok(()),
                    None => Err(anyhow!("{request} is answered with {line}")),
                };
            }
        }
    }
}

impl Connect {
    /// The table as Markdown.
    ///
    /// # Errors
    /// Never: text takes all that is written to it.
    pub(crate) fn table(&self) -> Result<String> {
        let mut out = String::new();
        writeln!(
            out,
            "`farport connect` beside `mcp-remote` (one Node process, without `npx`), before the same server: from its start to the answers to `initialize` and to a first `tools/call` (median of {STARTS} starts), what it adds to each of {CALLS} calls one after the other, its resident memory before and after them, and what it takes on disk (Node included, other packages that mcp-remote needs not).\n"
        )?;
        writeln!(
            out,
            "| proxy | initialize | first call | adds p50 | adds p99 | idle | after {CALLS} calls | on disk |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
        let mebibytes = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        for proxy in &self.proxies {
            writeln!(
                out,
                "| {} | {:.1} ms | {:.1} ms | {:.0} µs | {:.0} µs | {:.1} MiB | {:.1} MiB | {:.1} MiB |",
                proxy.name,
                proxy.initialized,
                proxy.called,
                proxy.p50 - self.direct.0,
                proxy.p99 - self.direct.1,
                mebibytes(proxy.idle),
                mebibytes(proxy.used),
                mebibytes(proxy.size),
            )?;
        }
        Ok(out)
    }
}
