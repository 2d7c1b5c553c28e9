//! `farport dev --worker`: serves a Worker in workerd, Cloudflare's runtime, with `wrangler dev`.
//!
//! farport watches and builds, so that the compiler's errors appear once and unchanged. wrangler serves. It
//! gets a copy of its configuration without a build, and reloads the modules when farport changes a stamp
//! file after a complete build.

use std::fs;
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
use crate::file_error::FileError;
use crate::project::{Platform, Project};
use crate::settings::Listen;
use crate::terminal::{ERROR, GOOD, say};
use crate::worker::build::{self, Programs};
use crate::worker::config::Build;
use crate::worker::{self, Config, Tools};

/// The folder of the stamp file, relative to the project.
const STAMP_FOLDER: &str = ".farport/worker";
/// The time wrangler has to exit.
const GRACE: Duration = Duration::from_secs(15);

/// Serves a project's Worker until a signal arrives, and ends all child processes before it returns.
///
/// Call this on a thread that lives as long as the process: child processes end with their thread.
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
    /// The output folder of the build. Files in it do not count as changes.
    output: PathBuf,
    tools: Tools,
    listen: Listen,
    release: bool,
    wrangler: Option<Wrangler>,
}

/// A running `wrangler dev`.
#[derive(Debug)]
struct Wrangler {
    child: Child,
    copy: NamedTempFile,
    build: Build,
}

/// The reason why a wait ended.
enum Next {
    Stop,
    Changed(Change),
}

impl Session {
    async fn serve(&mut self, signals: &mut Signals) -> Result<(), Error> {
        let mut since = Instant::now();
        let mut changed = String::new();
        loop {
            let built = tokio::select! {
                built = compile(&self.project, self.release) => built,
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
            messages::print(&message, &changed, since.elapsed());
            let change = match self.wait(signals).await? {
                Next::Stop => return Ok(()),
                Next::Changed(change) => change,
            };
            since = Instant::now();
            self.follow(&change)?;
            changed = messages::list(&change.paths, &self.project.root);
        }
    }

    /// Waits for a change or a signal.
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

    /// Applies changes to the manifests and to wrangler's configuration. If a file is invalid, reports the
    /// error and keeps the previous contents.
    fn follow(&mut self, change: &Change) -> Result<(), Error> {
        if change.manifests {
            let root = self.project.root.clone();
            let binary = self.project.binary.clone();
            match Project::load(&root, Some(&binary), Platform::Worker) {
                Ok(project) => {
                    self.watcher.follow(&project)?;
                    self.project = project;
                }
                Err(error) => crate::error::Error::from(error).report(),
            }
        }
        let is_config = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.parent() == Some(&self.project.root) && name.starts_with("wrangler.")
        };
        if change.settings || change.paths.iter().any(is_config) {
            match Config::load(&self.project.root) {
                Ok(config) => self.config = config,
                Err(error) => crate::error::Error::from(error).report(),
            }
            if let Some(wrangler) = &self.wrangler {
                // When its configuration changes, wrangler also reads `.dev.vars` again.
                let path = wrangler.copy.path();
                let text = self.config.text_with_build(&wrangler.build);
                fs::write(path, text).map_err(FileError::of("write", path))?;
            }
        }
        Ok(())
    }

    /// Makes wrangler reload the modules.
    fn stamp(&self) -> Result<(), Error> {
        let stamp = self.project.root.join(STAMP_FOLDER).join("built");
        let now = format!("{:?}\n", std::time::SystemTime::now());
        Ok(fs::write(&stamp, now).map_err(FileError::of("write", &stamp))?)
    }

    fn start(&self) -> Result<Wrangler, Error> {
        let folder = self.project.root.join(STAMP_FOLDER);
        fs::create_dir_all(&folder).map_err(FileError::of("create", &folder))?;
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
            tokio::spawn(forward(output));
        }
        Ok(Wrangler { child, copy, build })
    }
}

impl Wrangler {
    /// Terminates wrangler, and kills it after [`GRACE`].
    async fn end(mut self, signals: &mut Signals) {
        guard::terminate(&self.child);
        tokio::select! {
            ended = timeout(GRACE, self.child.wait()) => {
                if ended.is_ok() {
                    return;
                }
            }
            () = signals.next() => {}
        }
        guard::kill_group(&self.child);
        // Nothing else can be done if this fails.
        let _ = self.child.wait().await;
    }
}

/// Builds the Worker, and returns whether the build succeeded. The compiler prints its errors.
///
/// Dropping the future ends the build.
async fn compile(project: &Project, release: bool) -> bool {
    let programs = Programs {
        command: |program| guard::command(program, false),
        end: guard::terminate_group,
    };
    match build::build(&project.root, release, programs).await {
        Ok(()) => true,
        Err(worker::Error::Build { .. }) => false,
        Err(error) => {
            crate::error::Error::from(error).report();
            false
        }
    }
}

/// Forwards wrangler's output, and prints the URLs in farport's format.
async fn forward(output: ChildStdout) {
    let mut lines = BufReader::new(output).lines();
    let mut announced = false;
    while let Ok(Some(line)) = lines.next_line().await {
        match classify(&line) {
            Line::Ready(origin) if !announced => {
                announced = true;
                say(format_args!(
                    "{GOOD}Ready on{GOOD:#} {origin}/mcp  (streamable HTTP)\n     and {origin}/sse  \
                     (HTTP+SSE, for older clients)"
                ));
            }
            Line::Ready(_) | Line::Build => {}
            Line::Error(text) => say(format_args!("{ERROR}{text}{ERROR:#}")),
            Line::Other(text) => say(text),
        }
    }
}

/// A line of wrangler's output.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// The Worker is ready at this origin.
    Ready(&'a str),
    /// An error.
    Error(&'a str),
    /// A message about wrangler's empty build, which is not for the user.
    Build,
    /// Any other line.
    Other(&'a str),
}

fn classify(line: &str) -> Line<'_> {
    if let Some((_, origin)) = line.split_once("Ready on ")
        && origin.starts_with("http")
    {
        return Line::Ready(origin.trim().trim_end_matches('/'));
    }
    let is_build = line.contains("[custom build]")
        || line.starts_with("The file ") && line.ends_with("changed, restarting build...");
    match line {
        _ if is_build => Line::Build,
        _ if line.contains("[ERROR]") => Line::Error(line),
        _ => Line::Other(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_about_the_empty_build_are_hidden() {
        for (line, expected) in [
            (
                "[wrangler:info] Ready on http://localhost:8787",
                Line::Ready("http://localhost:8787"),
            ),
            (
                "\u{2394} Ready on http://127.0.0.1:8787/ ",
                Line::Ready("http://127.0.0.1:8787"),
            ),
            ("[custom build] Running: true", Line::Build),
            (
                "The file .farport/worker/built changed, restarting build...",
                Line::Build,
            ),
            (
                "GET /mcp 200 OK (3ms)",
                Line::Other("GET /mcp 200 OK (3ms)"),
            ),
            ("\u{2718} [ERROR] no", Line::Error("\u{2718} [ERROR] no")),
        ] {
            assert_eq!(classify(line), expected, "{line}");
        }
    }
}
