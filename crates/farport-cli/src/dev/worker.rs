//! `farport dev --worker`: the worker in workerd, Cloudflare's own runtime, through `wrangler dev`.
//!
//! This process watches and builds, so that a compiler's error is told once and in the compiler's
//! own words; wrangler serves. It has a copy of its configuration that builds nothing, and takes
//! what there is whenever a stamp changes, which is when a build is whole.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::time::{Instant, timeout};

use super::driver::Signals;
use super::machine::{Change, Message};
use super::watch::Watcher;
use super::{Error, guard, messages};
use crate::env_vars;
use crate::error::FileError;
use crate::project::Project;
use crate::settings::Listen;
use crate::terminal::{ERROR, GOOD};
use crate::worker::config::Build;
use crate::worker::{Config, Tools, build};

/// The folder of the stamp, seen from the project's.
const STAMP_FOLDER: &str = ".farport/worker";
/// How long wrangler has for its end.
const GRACE: Duration = Duration::from_secs(15);

/// Serves a project's worker until a signal comes. Nothing that was started is left then.
///
/// To be run on a thread that lives as long as the process: what it starts ends with that thread.
pub(crate) async fn run(
    project: Project,
    config: Config,
    tools: Tools,
    listen: Listen,
    release: bool,
) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let mut session = Session {
        watcher: Watcher::new(&project)?,
        output: config
            .main()?
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default(),
        project,
        config,
        tools,
        listen,
        release,
        wrangler: None,
    };
    let result = session.serve(&mut signals).await;
    if let Some(wrangler) = session.wrangler {
        wrangler.end(&mut signals).await;
    }
    result
}

#[derive(Debug)]
struct Session {
    project: Project,
    watcher: Watcher,
    config: Config,
    /// Where the build goes. What happens there is no change.
    output: PathBuf,
    tools: Tools,
    listen: Listen,
    release: bool,
    wrangler: Option<Wrangler>,
}

/// wrangler, serving.
#[derive(Debug)]
struct Wrangler {
    child: Child,
    copy: NamedTempFile,
    build: Build,
}

/// Why a wait is over.
enum Next {
    Stop,
    Changed(Change),
}

impl Session {
    async fn serve(&mut self, signals: &mut Signals) -> Result<(), Error> {
        let mut since = Instant::now();
        loop {
            let built = tokio::select! {
                built = compile(&self.project, &self.tools, self.release) => built?,
                () = signals.next() => return Ok(()),
            };
            let serving = self.wrangler.is_some();
            let message = match (built, serving) {
                (true, false) => {
                    self.wrangler = Some(self.start()?);
                    Message::Serving { reloaded: false }
                }
                (true, true) => {
                    self.stamp()?;
                    Message::Serving { reloaded: true }
                }
                (false, serving) => Message::BuildFailed { serving },
            };
            messages::tell(&message, &self.project.root, since.elapsed());
            let change = match self.wait(signals).await? {
                Next::Stop => return Ok(()),
                Next::Changed(change) => change,
            };
            since = Instant::now();
            self.follow(&change)?;
            let message = Message::Changed(change.paths);
            messages::tell(&message, &self.project.root, since.elapsed());
        }
    }

    /// Waits for a change, or a signal.
    async fn wait(&mut self, signals: &mut Signals) -> Result<Next, Error> {
        loop {
            let ended = async {
                match &mut self.wrangler {
                    Some(wrangler) => wrangler.child.wait().await,
                    None => std::future::pending().await,
                }
            };
            let mut change = tokio::select! {
                () = signals.next() => return Ok(Next::Stop),
                ended = ended => {
                    self.wrangler = None;
                    let how = ended.map_or_else(|error| error.to_string(), |how| how.to_string());
                    return Err(Error::WranglerEnded { how });
                }
                change = self.watcher.changed(&self.project) => change?,
            };
            change.paths.retain(|path| !path.starts_with(&self.output));
            if !change.paths.is_empty() {
                return Ok(Next::Changed(change));
            }
        }
    }

    /// Takes up what has changed of the project itself, and of wrangler's configuration. What
    /// cannot be read is told, and what was there before holds.
    fn follow(&mut self, change: &Change) -> Result<(), Error> {
        if change.manifests {
            let root = self.project.root.clone();
            let binary = self.project.binary.clone();
            match Project::load(&root, Some(&binary)) {
                Ok(project) => {
                    self.watcher.follow(&project)?;
                    self.project = project;
                }
                Err(error) => crate::error::Error::from(error).report(),
            }
        }
        let of_wrangler = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.parent() == Some(&self.project.root) && name.starts_with("wrangler.")
        };
        if change.settings || change.paths.iter().any(of_wrangler) {
            match Config::load(&self.project.root) {
                Ok(config) => self.config = config,
                Err(error) => crate::error::Error::from(error).report(),
            }
            if let Some(wrangler) = &self.wrangler {
                // wrangler looks at `.dev.vars` again, too, when its configuration is written.
                self.config.rewrite(&wrangler.copy, &wrangler.build)?;
            }
        }
        Ok(())
    }

    /// Has wrangler take what was built.
    fn stamp(&self) -> Result<(), Error> {
        let stamp = self.project.root.join(STAMP_FOLDER).join("built");
        let now = format!("{:?}\n", std::time::SystemTime::now());
        Ok(fs::write(&stamp, now).map_err(FileError::of("write", &stamp))?)
    }

    fn start(&self) -> Result<Wrangler, Error> {
        let folder = self.project.root.join(STAMP_FOLDER);
        fs::create_dir_all(&folder).map_err(FileError::of("make", &folder))?;
        self.stamp()?;
        let build = Build::After(STAMP_FOLDER.to_owned());
        let copy = self.config.with_build(&build)?;
        let (program, words) = self.tools.wrangler_words();
        let Listen { host, port } = &self.listen;
        let mut command = guard::command(program, false);
        command
            .args(words)
            .args(["dev", "--local", "--show-interactive-dev-session=false"])
            .arg("--config")
            .arg(copy.path())
            .args(["--ip", host, "--port", &port.to_string()])
            .current_dir(&self.project.root)
            .stdout(Stdio::piped());
        if std::env::var_os(env_vars::WRANGLER_SEND_METRICS).is_none() {
            command.env(env_vars::WRANGLER_SEND_METRICS, "false");
        }
        let mut child = command.spawn().map_err(|source| Error::Start {
            program: program.to_owned(),
            source,
        })?;
        if let Some(output) = child.stdout.take() {
            tokio::spawn(pass_on(output));
        }
        Ok(Wrangler { child, copy, build })
    }
}

impl Wrangler {
    /// Asks it to end, and does not wait for ever.
    async fn end(mut self, signals: &mut Signals) {
        guard::ask_to_end(&self.child);
        tokio::select! {
            ended = timeout(GRACE, self.child.wait()) => {
                if ended.is_ok() {
                    return;
                }
            }
            () = signals.next() => {}
        }
        guard::kill_group(&self.child);
        // It has ended, or never will be known to have.
        let _ = self.child.wait().await;
    }
}

/// Builds the worker. Whether it was built; if not, the compiler has said why.
///
/// Dropped, it ends what it has started.
async fn compile(project: &Project, tools: &Tools, release: bool) -> Result<bool, Error> {
    let program = tools.worker_build();
    let child = guard::command(program, false)
        .arg(if release { "--release" } else { "--dev" })
        .envs(build::variables(&project.root)?)
        .current_dir(&project.root)
        .stdout(io::stderr())
        .spawn()
        .map_err(|source| Error::Start {
            program: program.to_owned(),
            source,
        })?;
    let mut child = Group(child);
    let status = child.0.wait().await.map_err(|source| Error::Start {
        program: program.to_owned(),
        source,
    })?;
    Ok(status.success())
}

/// A program that ends with everything it has started when it is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        guard::ask_group_to_end(&self.0);
    }
}

/// Passes on what wrangler says, and says in our words where the worker is.
async fn pass_on(output: ChildStdout) {
    let mut lines = BufReader::new(output).lines();
    let mut told = false;
    while let Ok(Some(line)) = lines.next_line().await {
        match heard(&line) {
            Heard::Ready(origin) if !told => {
                told = true;
                anstream::eprintln!(
                    "{GOOD}Ready on{GOOD:#} {origin}/mcp  (streamable HTTP)\n     and {origin}/sse  \
                     (HTTP+SSE, for older clients)"
                );
            }
            Heard::Ready(_) | Heard::Nothing => {}
            Heard::Error(text) => anstream::eprintln!("{ERROR}{text}{ERROR:#}"),
            Heard::Said(text) => anstream::eprintln!("{text}"),
        }
    }
}

/// What a line of wrangler's means.
#[derive(Debug, PartialEq, Eq)]
enum Heard<'a> {
    /// The worker is served at this origin.
    Ready(&'a str),
    /// Something for the user.
    Said(&'a str),
    /// Something that went wrong.
    Error(&'a str),
    /// What is about the build that is not wrangler's any more.
    Nothing,
}

fn heard(line: &str) -> Heard<'_> {
    if let Some((_, origin)) = line.split_once("Ready on ")
        && origin.starts_with("http")
    {
        return Heard::Ready(origin.trim().trim_end_matches('/'));
    }
    let of_the_build = line.contains("[custom build]")
        || line.starts_with("The file ") && line.ends_with("changed, restarting build...");
    match line {
        _ if of_the_build => Heard::Nothing,
        _ if line.contains("[ERROR]") => Heard::Error(line),
        _ => Heard::Said(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrangler_s_words_about_the_build_are_not_passed_on() {
        for (line, expected) in [
            (
                "[wrangler:info] Ready on http://localhost:8787",
                Heard::Ready("http://localhost:8787"),
            ),
            (
                "\u{2394} Ready on http://127.0.0.1:8787/ ",
                Heard::Ready("http://127.0.0.1:8787"),
            ),
            ("[custom build] Running: true", Heard::Nothing),
            (
                "The file .farport/worker/built changed, restarting build...",
                Heard::Nothing,
            ),
            (
                "GET /mcp 200 OK (3ms)",
                Heard::Said("GET /mcp 200 OK (3ms)"),
            ),
            ("\u{2718} [ERROR] no", Heard::Error("\u{2718} [ERROR] no")),
        ] {
            assert_eq!(heard(line), expected, "{line}");
        }
    }
}
