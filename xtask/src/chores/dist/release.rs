//! A release: the programs, the texts that go with them, and the folder of the packages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::archive::{Files, sha256};
use super::target::{self, Target};
use super::{build, deb, image, npm, sbom, scripts, wheel};
use crate::steps::Outcome;
use crate::{process, project};

/// The shells with completions, and the file of each in an archive.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "farport.bash"),
    ("elvish", "farport.elv"),
    ("fish", "farport.fish"),
    ("powershell", "_farport.ps1"),
    ("zsh", "_farport"),
];

/// What is packed.
pub(super) struct Release {
    pub(super) version: String,
    pub(super) repository: String,
    pub(super) description: String,
    pub(super) readme: String,
    /// The time of the commit, in seconds since 1970: the time of every file.
    pub(super) epoch: u64,
    pub(super) licenses: Vec<(&'static str, String)>,
    /// Shell, file name and text.
    pub(super) completions: Vec<(&'static str, &'static str, Vec<u8>)>,
    /// File name and text of each manual page.
    pub(super) manual: Vec<(String, Vec<u8>)>,
    pub(super) binaries: Vec<Binary>,
    /// Where the packages go.
    pub(super) folder: PathBuf,
}

/// The program for a platform.
pub(super) struct Binary {
    pub(super) target: &'static Target,
    pub(super) bytes: Vec<u8>,
}

/// The folder of the packages.
pub(super) fn folder() -> PathBuf {
    project::target().join("dist/release")
}

/// The version of the farport command.
pub(super) fn version() -> Result<String> {
    Ok(manifest()?.version)
}

/// The time of the commit that is built, in seconds since 1970, or `SOURCE_DATE_EPOCH`.
pub(super) fn epoch() -> Result<u64> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        return epoch.parse().context("SOURCE_DATE_EPOCH is not a number");
    }
    let mut log = Command::new("git");
    log.current_dir(project::root());
    let time = process::output(log.args(["log", "-1", "--format=%ct"]))?;
    Ok(time.trim().parse()?)
}

struct Manifest {
    version: String,
    repository: String,
    description: String,
}

fn manifest() -> Result<Manifest> {
    let mut metadata = project::cargo();
    metadata.args(["metadata", "--format-version=1", "--no-deps", "--locked"]);
    let metadata: Value = serde_json::from_str(&process::output(&mut metadata)?)?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.find(|package| package["name"] == "farport-cli");
    let package = package.context("there is no package farport-cli")?;
    let text = |key: &str| package[key].as_str().map(str::to_owned).context("a text");
    Ok(Manifest {
        version: text("version")?,
        repository: text("repository")?,
        description: text("description")?,
    })
}

impl Release {
    /// Collects the programs in target/dist/bin, and runs this platform's for completions and manual pages.
    pub(super) fn gather() -> Result<Self> {
        let mut binaries = Vec::new();
        for target in &target::TARGETS {
            let path = build::folder(target).join(target.program());
            if path.is_file() {
                let bytes = fs::read(&path)?;
                binaries.push(Binary { target, bytes });
            }
        }
        ensure!(
            !binaries.is_empty(),
            "there is no program in target/dist/bin; `cargo xtask dist --build` builds them"
        );
        let here = binaries.iter().find(|binary| binary.target.runs_here());
        let here = here.context(
            "the completions and manual pages come from this platform's program, and it is not built",
        )?;
        let program = build::folder(here.target).join(here.target.program());
        let mut completions = Vec::new();
        for (shell, file) in SHELLS {
            let script = process::output(Command::new(&program).args(["completions", shell]))?;
            completions.push((shell, file, script.into_bytes()));
        }
        let Manifest {
            version,
            repository,
            description,
        } = manifest()?;
        let file = |name: &str| fs::read_to_string(project::root().join(name));
        let folder = folder();
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self {
            manual: manual(&program)?,
            readme: file("README.md")?,
            epoch: epoch()?,
            licenses: vec![
                ("LICENSE-APACHE", file("LICENSE-APACHE")?),
                ("LICENSE-MIT", file("LICENSE-MIT")?),
            ],
            version,
            repository,
            description: description.trim_end_matches('.').to_owned(),
            completions,
            binaries,
            folder,
        })
    }

    /// Makes every kind of package, and the list of their digests.
    pub(super) fn pack(&self) -> Result<Outcome> {
        for binary in &self.binaries {
            let archive = self.archive(binary);
            let bytes = if binary.target.is_windows() {
                archive.zip()?
            } else {
                archive.tar_gz(self.epoch, false)?
            };
            self.write(&self.archive_name(binary.target), &bytes)?;
        }
        npm::pack(self)?;
        wheel::pack(self)?;
        deb::pack(self)?;
        image::pack(self)?;
        sbom::pack(self)?;
        scripts::pack(self)?;
        let mut files: Vec<_> = fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| path.is_file());
        files.sort();
        let mut sums = String::new();
        for path in &files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            sums += &format!("{}  {name}\n", sha256(&fs::read(path)?));
        }
        self.write("SHA256SUMS", sums.as_bytes())?;
        Outcome::passed(format!(
            "{} files for {} platforms in {}",
            files.len() + 1,
            self.binaries.len(),
            self.folder.display()
        ))
    }

    /// Writes a file of the release.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The files that go with every program.
    pub(super) fn documents(&self) -> Files {
        let mut files = Files::default();
        files.file("README.md", self.readme.clone());
        for (name, text) in &self.licenses {
            files.file(*name, text.clone());
        }
        files
    }

    /// The name of a platform's archive.
    pub(super) fn archive_name(&self, target: &Target) -> String {
        let end = if target.is_windows() { "zip" } else { "tar.gz" };
        format!("farport-{}-{}.{end}", self.version, target.triple)
    }

    fn archive(&self, binary: &Binary) -> Files {
        let mut files = self.documents();
        files.program(binary.target.program(), binary.bytes.clone());
        for (_, name, text) in &self.completions {
            files.file(format!("completions/{name}"), text.clone());
        }
        for (name, text) in &self.manual {
            files.file(format!("man/{name}"), text.clone());
        }
        files.below(&format!(
            "farport-{}-{}",
            self.version, binary.target.triple
        ))
    }

    /// The time of the release as RFC 3339 has it.
    pub(super) fn time(&self) -> Result<String> {
        let mut date = Command::new("date");
        date.args(["--utc", "--date", &format!("@{}", self.epoch)]);
        let time = process::output(date.arg("+%Y-%m-%dT%H:%M:%SZ"))?;
        Ok(time.trim().to_owned())
    }
}

fn manual(program: &std::path::Path) -> Result<Vec<(String, Vec<u8>)>> {
    let scratch = tempfile::tempdir()?;
    process::output(Command::new(program).arg("man").arg(scratch.path()))?;
    let mut pages = Vec::new();
    for entry in fs::read_dir(scratch.path())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        pages.push((name, fs::read(entry.path())?));
    }
    pages.sort();
    ensure!(pages.len() > 10, "only {} manual pages", pages.len());
    Ok(pages)
}
