//! The packages, installed and run: each in an empty folder, without Rust on the path.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use super::release;
use super::target::{self, Target};
use crate::process::{self, Child, Server};
use crate::setup::Node;
use crate::steps::{Outcome, Steps};
use crate::{console, project};

const LIMIT: Duration = Duration::from_secs(120);

/// Runs the tests of the packages for this platform.
pub(super) fn run(steps: &mut Steps) -> Result<()> {
    let packages = Packages {
        folder: release::folder(),
        version: release::version()?,
        target: target::host().context("no package is for this platform")?,
    };
    let alone = "cargo xtask dist --pack --test";
    steps.step("npm package", alone, || packages.npm());
    steps.step("wheel", alone, || packages.wheel());
    steps.step(".deb", alone, || packages.deb());
    steps.step("image", alone, || packages.image());
    steps.step("shell installer", alone, || packages.installer());
    Ok(())
}

/// The packages of a release.
struct Packages {
    folder: PathBuf,
    version: String,
    target: &'static Target,
}

impl Packages {
    fn file(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        ensure!(
            path.is_file(),
            "there is no {}; `cargo xtask dist` makes it",
            path.display()
        );
        Ok(path)
    }

    /// `npx farport` from a local registry, verdaccio.
    fn npm(&self) -> Result<Outcome> {
        let node = Node::with("tests/dist", project::target().join("node-dist"))?;
        let scratch = Scratch::new()?;
        let port = free_port()?;
        let registry = format!("http://127.0.0.1:{port}");
        let config = scratch.path().join("verdaccio.yaml");
        fs::write(
            &config,
            format!(
                "storage: {}\nlog: {{type: stdout, level: warn}}\nuplinks: {{}}\n\
                 max_body_size: 200mb\n\
                 packages:\n  '@farport/*': {{access: $all, publish: $all}}\n  \
                 'farport': {{access: $all, publish: $all}}\n",
                scratch.path().join("storage").display()
            ),
        )?;
        let mut verdaccio = node.command("node");
        verdaccio.arg("node_modules/verdaccio/bin/verdaccio");
        verdaccio.arg("--config").arg(&config);
        verdaccio.args(["--listen", &format!("127.0.0.1:{port}")]);
        verdaccio.stdout(File::create(scratch.path().join("verdaccio.log"))?);
        let _verdaccio = Child::spawn(&mut verdaccio)?;
        wait_for(&registry)?;

        let npmrc = scratch.path().join("npmrc");
        // npm publishes only with a token; this registry ignores it.
        fs::write(
            &npmrc,
            format!("registry={registry}/\n//127.0.0.1:{port}/:_authToken=none\n"),
        )?;
        let npm = |program: &str| {
            let mut command = node.command(program);
            scratch.clean(&mut command, node.path());
            command.env("npm_config_userconfig", &npmrc);
            command.env("npm_config_cache", scratch.path().join("npm-cache"));
            command.env("npm_config_update_notifier", "false");
            command
        };
        let (os, cpu) = self.target.npm;
        for name in [format!("{os}-{cpu}"), "npm".to_owned()] {
            let package = self.file(&format!("farport-{name}-{}.tgz", self.version))?;
            let mut publish = npm("npm");
            publish.args(["publish", "--access=public", "--loglevel=error"]);
            process::run(publish.arg(package), LIMIT)?;
        }
        let mut npx = npm("npx");
        npx.args(["--yes", "farport"]);
        let first = demo(&mut npx)?;
        let mut npx = npm("npx");
        npx.args(["--yes", "farport", "call", "http://127.0.0.1:1/mcp", "add"]);
        let code = npx.output()?.status.code();
        ensure!(
            code.is_some_and(|code| code > 0),
            "npx lost the exit code: {code:?}"
        );
        Outcome::passed(format!("`npx farport demo` was live after {first}"))
    }

    /// `uvx farport` from a folder of wheels.
    fn wheel(&self) -> Result<Outcome> {
        let tools = project::target().join("tools/uv");
        let wanted = project::root().join("tests/dist/requirements.txt");
        let mut install = Command::new("python3");
        install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]);
        install.args(["--only-binary=:all:", "--require-hashes", "--target"]);
        install.arg(&tools).arg("--requirement").arg(wanted);
        process::run(&mut install, LIMIT).context("pip cannot install uv")?;
        let scratch = Scratch::new()?;
        let mut uvx = Command::new(tools.join("bin/uvx"));
        scratch.clean(&mut uvx, &std::env::var_os("PATH").unwrap_or_default());
        uvx.args(["--no-index", "--no-config", "--find-links"]);
        uvx.arg(&self.folder).arg("farport");
        let live = demo(&mut uvx)?;
        Outcome::passed(format!("`uvx farport demo` was live after {live}"))
    }

    /// The package for Debian, installed below a folder and removed again.
    fn deb(&self) -> Result<Outcome> {
        let Some(linux) = &self.target.linux else {
            return Ok(Outcome::Skipped("only for Linux".to_owned()));
        };
        if process::output(Command::new("dpkg").arg("--version")).is_err() {
            return Ok(Outcome::Skipped("there is no dpkg".to_owned()));
        }
        let package = self.file(&format!("farport_{}-1_{}.deb", self.version, linux.deb))?;
        let scratch = Scratch::new()?;
        let root = scratch.path().join("root");
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(root.join("var/lib/dpkg").join(folder))?;
        }
        fs::write(root.join("var/lib/dpkg/status"), "")?;
        let dpkg = || {
            let mut dpkg = Command::new("dpkg");
            dpkg.args(["--force-not-root", "--root"]).arg(&root);
            dpkg
        };
        process::run(dpkg().arg("--install").arg(package), LIMIT)?;
        let program = root.join("usr/bin/farport");
        self.runs(&program)?;
        for path in [
            "usr/share/man/man1/farport-connect.1.gz",
            "usr/share/bash-completion/completions/farport",
            "usr/share/doc/farport/copyright",
        ] {
            ensure!(root.join(path).is_file(), "the package has no {path}");
        }
        process::run(dpkg().args(["--purge", "farport"]), LIMIT)?;
        ensure!(!program.exists(), "dpkg did not remove the program");
        ensure!(!root.join("usr").exists(), "dpkg left files behind");
        Outcome::passed("installed, run and removed")
    }

    /// The image, unpacked from its archive by its index and run in its root.
    fn image(&self) -> Result<Outcome> {
        let Some(linux) = &self.target.linux else {
            return Ok(Outcome::Skipped("only for Linux".to_owned()));
        };
        let scratch = Scratch::new()?;
        let layout = scratch.path().join("layout");
        let archive = self.file(&format!("farport-{}-image.tar", self.version))?;
        tar::Archive::new(File::open(archive)?).unpack(&layout)?;
        let blob = |entry: &Value| {
            let digest = entry["digest"].as_str().unwrap_or_default();
            let digest = digest.trim_start_matches("sha256:");
            let bytes = fs::read(layout.join("blobs/sha256").join(digest))?;
            ensure!(super::archive::sha256(&bytes) == digest, "a wrong digest");
            Ok(bytes)
        };
        let json = |bytes: Vec<u8>| Ok::<Value, anyhow::Error>(serde_json::from_slice(&bytes)?);
        let index = json(fs::read(layout.join("index.json"))?)?;
        let index = json(blob(&index["manifests"][0])?)?;
        let variants = index["manifests"].as_array().context("no variants")?;
        let mut variants = variants.iter();
        let variant = variants.find(|one| one["platform"]["architecture"] == linux.image);
        let manifest = json(blob(variant.context("no variant for this machine")?)?)?;
        let config = json(blob(&manifest["config"])?)?;
        let root = scratch.path().join("root");
        let layer = blob(&manifest["layers"][0])?;
        tar::Archive::new(GzDecoder::new(&layer[..])).unpack(&root)?;

        let program = config["config"]["Entrypoint"][0].as_str();
        let program = program.context("the image has no entry point")?;
        let mut run = Command::new("unshare");
        run.args(["--user", "--map-root-user"]);
        run.arg("--root").arg(&root).arg(program);
        run.env_clear().env("HOME", "/data");
        if process::output(Command::new("unshare").args(["--user", "true"])).is_err() {
            run = Command::new("chroot");
            run.arg(&root).arg(program);
            run.env_clear().env("HOME", "/data");
        }
        let live = demo(&mut run)?;
        Outcome::passed(format!("unpacked and run: live after {live}"))
    }

    /// The shell installer, from a server that has the release.
    fn installer(&self) -> Result<Outcome> {
        let script = self.file("install.sh")?;
        let scratch = Scratch::new()?;
        let port = free_port()?;
        let served = scratch.path().join("served");
        fs::create_dir(&served)?;
        let archive = format!("farport-{}-{}.tar.gz", self.version, self.target.triple);
        fs::copy(self.file(&archive)?, served.join(&archive))?;
        let mut server = Command::new("python3");
        server.args(["-m", "http.server", "--bind", "127.0.0.1"]);
        server.arg(port.to_string()).current_dir(&served);
        server.stderr(File::create(scratch.path().join("server.log"))?);
        let _server = Child::spawn(server.stdout(std::process::Stdio::null()))?;
        let url = format!("http://127.0.0.1:{port}");
        wait_for(&url)?;

        let install = || {
            let mut install = Command::new("sh");
            install.arg(&script).env_clear();
            install
                .env("PATH", "/usr/bin:/bin")
                .env("HOME", scratch.path());
            install.env("FARPORT_DOWNLOAD_URL", &url);
            install
        };
        process::run(&mut install(), LIMIT)?;
        let program = scratch.path().join(".local/bin/farport");
        self.runs(&program)?;

        // What is not the archive of the release is not installed.
        fs::remove_file(&program)?;
        fs::write(served.join(&archive), "something else")?;
        let refused = install().output()?;
        ensure!(
            !refused.status.success() && !program.exists(),
            "the installer accepts a wrong archive"
        );
        Outcome::passed("installed and run; a wrong archive is refused")
    }

    /// Checks that a program is this version.
    fn runs(&self, program: &Path) -> Result<()> {
        let version = process::output(Command::new(program).arg("--version"))?;
        ensure!(
            version.trim() == format!("farport {}", self.version),
            "`{} --version` printed {version}",
            program.display()
        );
        Ok(())
    }
}

/// An empty folder with an empty home.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives a command an empty home, an empty folder, and a path without Rust.
    fn clean(&self, command: &mut Command, path: &std::ffi::OsStr) {
        let folders = std::env::split_paths(path).filter(|folder| !folder.join("cargo").exists());
        command.env_clear().current_dir(self.path());
        command.env("HOME", self.path());
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
    }
}

/// Runs `demo` until it has printed its URL; returns the time that it took.
fn demo(command: &mut Command) -> Result<String> {
    let start = Instant::now();
    let server = Server::start(command.args(["demo", "--port", "0"]), LIMIT)?;
    let took = format!("{:.1} s", start.elapsed().as_secs_f64());
    let origin = server.url.trim_end_matches("/mcp");
    let answer = ureq::get(format!("{origin}/health")).call();
    ensure!(answer.is_ok(), "the demo does not answer: {answer:?}");
    console::note(&format!("live after {took}: {}", server.url));
    Ok(took)
}

/// A port that is free now.
fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.port())
}

/// Waits until a server answers.
fn wait_for(url: &str) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        match ureq::get(url).call() {
            Ok(_) | Err(ureq::Error::StatusCode(_)) => return Ok(()),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    anyhow::bail!("{url} does not answer")
}
