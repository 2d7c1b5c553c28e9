//! `cargo xtask worker`: the Workers of tests/worker, in real workerd.

mod templates;
mod tools;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{clients, conformance, wasm};
use crate::fixture::Which;
use crate::process::{self, BUILD, Child};
use crate::project;
use crate::setup::{self, Node};
use crate::steps::{Outcome, Steps};
use tools::Tools;

/// The Workers, and how large each may be: gzipped, in bytes. Kept by the smaller of them.
const WORKERS: [(&str, Option<usize>); 3] = [
    ("calculator", Some(720_000)),
    ("sign-in", Some(1_200_000)),
    ("fixture", None),
];

/// How long workerd may take to be there.
const START: Duration = Duration::from_secs(90);

/// The scripts of tests/node about what a Worker keeps, what only one may get, and what it asks of others.
const KEPT: [&str; 2] = ["worker.test.mjs", "outgoing.test.mjs"];

/// The scripts that sign in with a browser, which also run against the native server.
const SIGN_IN: [&str; 4] = [
    "sign-in.test.mjs",
    "providers.test.mjs",
    "pages.test.mjs",
    "authorization.test.mjs",
];

/// The longest the scripts of a step may take.
const SCRIPTS: Duration = Duration::from_secs(10 * 60);

/// Builds the Workers of tests/worker, and runs the end-to-end suites against them in workerd.
///
/// The templates' own, deployed to a stand-in of Cloudflare's API and served by `farport dev`;
/// conformance of both eras, the real clients, signing in with a browser, what happens to sessions and
/// sign-ins when workerd is killed, races for what can be used once, what a Worker asks of others, and
/// how large the Workers are. What cannot hold on Workers is in conformance/workers.yml and
/// docs/workers.md, with its reason.
///
/// Installs what it needs under target/: wrangler with npm. The Workers are built by `farport deploy
/// --build-only`, which builds wasm-bindgen.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Build them and look at their sizes, and no more.
    #[arg(long)]
    sizes: bool,
    /// Take what was built before.
    #[arg(long, conflicts_with = "sizes")]
    built: bool,
}

/// Builds and runs.
///
/// # Errors
/// When a Worker does not build or is too large, or a suite fails.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let compiler = match setup::optional(wasm::compiler(false))? {
        Ok((compiler, _)) => compiler,
        Err(why) => {
            let why = format!("no compiler for WebAssembly: {why}");
            return Ok(Outcome::Skipped(why));
        }
    };
    let node = Node::with("tests/worker", project::target().join("worker-node"))?;
    let mut steps = Steps::default();
    if !args.built {
        let alone = "cargo xtask worker --sizes";
        let mut tools = None;
        steps.step("the farport command", alone, || {
            tools = Some(Tools::ready()?);
            Outcome::passed("it builds the Workers")
        });
        for worker in tools
            .iter()
            .flat_map(|tools| WORKERS.map(|worker| (tools, worker)))
        {
            let (tools, worker) = worker;
            steps.step(worker.0, alone, || {
                build(worker, &node, tools, compiler.as_deref())
            });
        }
    }
    if args.sizes {
        return steps.finish();
    }
    let alone = "cargo xtask worker --built";
    steps.step("templates", alone, || {
        templates::run(&node, compiler.as_deref())
    });
    steps.step("conformance", alone, || {
        let server = Workerd::start(&node, "fixture")?;
        conformance::run(&conformance::Args::of_worker(Which::at(&server.url)))
    });
    steps.step("real clients", alone, || {
        let server = Workerd::start(&node, "fixture")?;
        clients::run(&clients::Args::of_worker(Which::at(&server.url)))
    });
    steps.step("state and races", alone, || {
        scripts(&node, &KEPT, None)?;
        Outcome::passed("sessions and sign-ins outlive workerd; one of a hundred redeems a code")
    });
    steps.step("sign-in", alone, || {
        match setup::optional(setup::chromium())? {
            Ok(chromium) => {
                scripts(&node, &SIGN_IN, Some(&chromium))?;
                Outcome::passed(format!("{} scripts of tests/node", SIGN_IN.len()))
            }
            Err(why) => Ok(Outcome::Skipped(why)),
        }
    });
    steps.finish()
}

/// Node with what serves Workers, and the folder of the smallest of them, which is built.
///
/// # Errors
/// When a tool cannot be installed, or the Worker does not build.
pub(super) fn calculator() -> Result<(Node, PathBuf)> {
    let (compiler, _) = wasm::compiler(false)?;
    let node = Node::with("tests/worker", project::target().join("worker-node"))?;
    build(WORKERS[0], &node, &Tools::ready()?, compiler.as_deref())?;
    Ok((node, folder("calculator")))
}

fn folder(worker: &str) -> PathBuf {
    project::root().join("tests/worker").join(worker)
}

/// Builds one of the Workers, and looks at its size.
fn build(
    (worker, most): (&str, Option<usize>),
    node: &Node,
    tools: &Tools,
    compiler: Option<&Path>,
) -> Result<Outcome> {
    let folder = folder(worker);
    process::run(&mut tools.build(&folder, node, compiler)?, BUILD)
        .with_context(|| format!("the Worker {worker} does not build"))?;
    let size = gzipped(node, &folder.join("build/index_bg.wasm"))?;
    ensure!(
        most.is_none_or(|most| size <= most),
        "{worker} is larger than it may be: {size} bytes gzipped"
    );
    Outcome::passed(format!("{} KB gzipped", size.div_ceil(1000)))
}

fn gzipped(node: &Node, file: &Path) -> Result<usize> {
    let mut command = node.command("node");
    command.arg("-p");
    command.arg("zlib.gzipSync(fs.readFileSync(process.argv[1]), { level: 9 }).length");
    let printed = process::output(command.arg(file))?;
    Ok(printed.trim().parse()?)
}

/// A Worker in workerd. It goes with this value, and what it kept too.
pub(super) struct Workerd {
    group: u32,
    /// Where it is, or will be.
    pub(super) url: String,
    _persist: tempfile::TempDir,
    _child: Child,
}

impl Workerd {
    /// One of tests/worker, once it is there.
    fn start(node: &Node, worker: &str) -> Result<Self> {
        let started = Self::spawn(node, &folder(worker), node.command("node"))?;
        let began = Instant::now();
        while !healthy(&started.url) {
            if began.elapsed() > START {
                bail!("workerd did not start; run `wrangler dev` in tests/worker/{worker}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(started)
    }

    /// The Worker in `folder`, begun by `command`, which runs Node. It may not be there yet.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn spawn(node: &Node, folder: &Path, mut command: Command) -> Result<Self> {
        let persist = tempfile::tempdir()?;
        let port = free_port()?;
        command
            .arg(node.folder.join("node_modules/wrangler/bin/wrangler.js"))
            .args(["dev", "--local", "--port", &port.to_string()])
            .args(["--inspector-port", &free_port()?.to_string()])
            .arg("--persist-to")
            .arg(persist.path())
            .current_dir(folder)
            .env("CI", "1")
            .env("WRANGLER_SEND_METRICS", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // In a separate process group, so that workerd ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = Child::spawn(&mut command)?;
        Ok(Self {
            group: child.id(),
            url: format!("http://localhost:{port}/mcp"),
            _persist: persist,
            _child: child,
        })
    }

    /// The group of all its processes.
    pub(super) fn group(&self) -> u32 {
        self.group
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        let mut kill = Command::new("kill");
        kill.args(["-KILL", "--", &format!("-{}", self.group)]);
        // It may have gone by itself.
        let _ = process::output(&mut kill);
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn healthy(url: &str) -> bool {
    let health = format!("{}/health", url.trim_end_matches("/mcp"));
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20)));
    let agent: ureq::Agent = config.build().into();
    agent.get(health).call().is_ok()
}

/// Runs scripts of tests/node that start Workers themselves.
fn scripts(node: &Node, scripts: &[&str], chromium: Option<&Path>) -> Result<()> {
    let tests = Node::ready()?;
    let mut command = tests.command("node");
    command
        .env("FARPORT_WORKERS", project::root().join("tests/worker"))
        .env(
            "FARPORT_WRANGLER",
            node.folder.join("node_modules/wrangler/bin/wrangler.js"),
        )
        .env("FARPORT_MCP_URL", "http://localhost/mcp")
        .env("FARPORT_SSE_URL", "http://localhost/sse")
        .args(["--test", "--test-concurrency=1", "--test-timeout=180000"])
        .arg("--test-reporter=spec");
    if let Some(chromium) = chromium {
        command.env("FARPORT_CHROMIUM", chromium);
    }
    process::run(command.args(scripts), SCRIPTS).context("a script of tests/node failed")
}
