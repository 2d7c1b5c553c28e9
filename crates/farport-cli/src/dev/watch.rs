//! Watches the project's files. The system's events only trigger a scan; farport compares the result with
//! the previous scan. So it does not matter how an editor saves files, and files that `.gitignore` excludes
//! never count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ignore::{DirEntry, WalkBuilder};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::machine::Change;
use super::{Error, vars};
use crate::project::Project;

/// The time without changes after which a series of changes is complete.
const QUIET: Duration = Duration::from_millis(50);
/// The longest time to wait for the end of a series.
const PATIENCE: Duration = Duration::from_millis(500);

/// The settings that a server reads when it starts, next to `Cargo.toml`.
const SETTINGS: [&str; 2] = ["farport.toml", vars::FILE];

/// The folders of a package that are not part of its binary.
const NOT_BUILT: [&str; 3] = ["benches", "examples", "tests"];

/// The files, each with its modification time and size.
type Files = BTreeMap<PathBuf, (SystemTime, u64)>;

/// Watches a project's sources.
#[derive(Debug)]
pub(super) struct Watcher {
    watcher: RecommendedWatcher,
    woken: mpsc::Receiver<()>,
    watched: BTreeSet<PathBuf>,
    files: Files,
}

impl Watcher {
    /// Starts watching a project.
    pub(super) fn new(project: &Project) -> Result<Self, Error> {
        let (wake, woken) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event| {
            if may_be_change(&event) {
                // This fails if a wake-up is already pending, which is enough.
                let _ = wake.try_send(());
            }
        })
        .map_err(Error::Watch)?;
        let mut watcher = Self {
            watcher,
            woken,
            watched: BTreeSet::new(),
            files: Files::new(),
        };
        watcher.files = watcher.scan(project)?;
        Ok(watcher)
    }

    /// Updates the watched folders after the manifests have changed. Newly watched files do not count as
    /// changes.
    pub(super) fn follow(&mut self, project: &Project) -> Result<(), Error> {
        let mut files = self.scan(project)?;
        for (path, state) in std::mem::take(&mut self.files) {
            if project
                .sources
                .iter()
                .any(|source| path.starts_with(source))
            {
                files.insert(path, state);
            }
        }
        self.files = files;
        Ok(())
    }

    /// Waits for a change. This is cancel safe: the next call finds every change.
    pub(super) async fn changed(&mut self, project: &Project) -> Result<Change, Error> {
        loop {
            let mut now = self.scan(project)?;
            if now == self.files {
                // `self` owns the watcher, which owns the sender: the channel stays open.
                let _ = self.woken.recv().await;
                continue;
            }
            // A file may be half written, and more files may follow: wait until no more files change.
            let deadline = Instant::now() + PATIENCE;
            loop {
                sleep(QUIET).await;
                let before = std::mem::replace(&mut now, self.scan(project)?);
                if now == before || Instant::now() > deadline {
                    break;
                }
            }
            let change = difference(&self.files, &now, project);
            if !change.paths.is_empty() {
                self.files = now;
                return Ok(change);
            }
        }
    }

    /// Scans all files, and watches their folders.
    fn scan(&mut self, project: &Project) -> Result<Files, Error> {
        let (files, folders) = scan(project);
        if folders == self.watched {
            return Ok(files);
        }
        for folder in self.watched.difference(&folders) {
            // This fails if the folder no longer exists. The system then stops watching it.
            let _ = self.watcher.unwatch(folder);
        }
        for folder in folders.difference(&self.watched) {
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Err(error) if folder.is_dir() => return Err(Error::Watch(error)),
                // Watched, or deleted again.
                _ => {}
            }
        }
        self.watched = folders;
        // Scan again for files that appeared before their folder was watched.
        Ok(scan(project).0)
    }
}

/// Returns whether an event may be a change. Reads do not count, because a scan reads.
fn may_be_change(event: &notify::Result<notify::Event>) -> bool {
    match event {
        Ok(event) => match event.kind {
            EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
            _ => true,
        },
        // Events were lost.
        Err(_) => true,
    }
}

/// Returns all files of a project that count, and the folders to watch.
fn scan(project: &Project) -> (Files, BTreeSet<PathBuf>) {
    let mut files = Files::new();
    let mut folders = BTreeSet::from([project.root.clone(), project.workspace.clone()]);
    for source in &project.sources {
        let walk = WalkBuilder::new(source)
            .require_git(false)
            .filter_entry(is_source)
            .build();
        // An unreadable file counts as missing. When it becomes readable, that is a change.
        for entry in walk.flatten() {
            match entry.file_type() {
                Some(kind) if kind.is_dir() => drop(folders.insert(entry.into_path())),
                _ => note(&mut files, entry.into_path()),
            }
        }
    }
    // These count even if `.gitignore` excludes them.
    for name in SETTINGS {
        note(&mut files, project.root.join(name));
    }
    for name in ["Cargo.toml", "Cargo.lock"] {
        note(&mut files, project.workspace.join(name));
    }
    (files, folders)
}

fn note(files: &mut Files, path: PathBuf) {
    if let Ok(metadata) = fs::metadata(&path)
        && let Ok(modified) = metadata.modified()
        && metadata.is_file()
    {
        files.insert(path, (modified, metadata.len()));
    }
}

/// Returns whether a file or folder of a package may affect its binary.
fn is_source(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        // Backup files of editors.
        return !name.ends_with('~') && !name.starts_with('#');
    }
    if entry.depth() == 0 {
        return true;
    }
    let next_to_manifest = entry.depth() == 1;
    let contains = |file: &str| entry.path().join(file).exists();
    !(name == "target"
        || name == "node_modules"
        || next_to_manifest && NOT_BUILT.contains(&&*name)
        // Another package, which is watched separately if it is a dependency.
        || contains("Cargo.toml")
        // Build output.
        || contains("CACHEDIR.TAG"))
}

fn difference(before: &Files, now: &Files, project: &Project) -> Change {
    let changed = now
        .iter()
        .filter(|(path, state)| before.get(*path) != Some(state));
    let removed = before.keys().filter(|path| !now.contains_key(*path));
    let paths = changed.map(|(path, _)| path).chain(removed);
    let paths: Vec<PathBuf> = paths.cloned().collect();
    let is_named = |path: &Path, name: &str| path.file_name().is_some_and(|file| file == name);
    Change {
        settings: SETTINGS
            .iter()
            .any(|name| paths.contains(&project.root.join(name))),
        manifests: paths.iter().any(|path| is_named(path, "Cargo.toml")),
        only_lock: paths.iter().all(|path| is_named(path, "Cargo.lock")),
        paths,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn project(root: &Path) -> Project {
        Project {
            name: "a".into(),
            root: root.to_owned(),
            binary: "a".into(),
            sources: vec![root.to_owned()],
            workspace: root.to_owned(),
        }
    }

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn only_files_that_may_affect_the_server_count() {
        let root = tempfile::tempdir().unwrap();
        let counts = [
            "Cargo.lock",
            "Cargo.toml",
            ".dev.vars",
            "assets/page.html",
            "build.rs",
            "farport.toml",
            "src/deep/tests/mod.rs",
            "src/main.rs",
        ];
        let does_not = [
            ".git/HEAD",
            ".farport/state",
            "benches/a.rs",
            "examples/a.rs",
            "ignored.txt",
            "node_modules/a/index.js",
            "other/CACHEDIR.TAG",
            "other/debug/a",
            "package/Cargo.toml",
            "package/src/lib.rs",
            "src/.main.rs.swp",
            "src/#main.rs#",
            "src/main.rs~",
            "target/debug/a",
            "tests/a.rs",
        ];
        write(
            root.path(),
            ".gitignore",
            "ignored.txt\nCargo.lock\n.dev.vars\n",
        );
        for path in counts.iter().chain(&does_not) {
            write(root.path(), path, "");
        }

        let (files, _) = scan(&project(root.path()));

        let seen: BTreeSet<_> = files
            .keys()
            .map(|path| path.strip_prefix(root.path()).unwrap())
            .collect();
        assert_eq!(seen, counts.iter().map(Path::new).collect());
    }

    /// A name, an action, and the changes to expect.
    type Step<'a> = (&'a str, &'a dyn Fn(), &'a [&'a str]);

    #[tokio::test]
    async fn every_kind_of_change_is_reported() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for path in ["Cargo.toml", "src/main.rs", "src/old.rs"] {
            write(root, path, "");
        }
        let project = project(root);
        let mut watcher = Watcher::new(&project).unwrap();
        let steps: [Step; 6] = [
            (
                "written",
                &|| write(root, "src/main.rs", "fn main() {}"),
                &["src/main.rs"],
            ),
            (
                "removed",
                &|| fs::remove_file(root.join("src/old.rs")).unwrap(),
                &["src/old.rs"],
            ),
            (
                "in a new folder",
                &|| write(root, "src/a/b/c.rs", ""),
                &["src/a/b/c.rs"],
            ),
            (
                "in that folder",
                &|| write(root, "src/a/b/d.rs", ""),
                &["src/a/b/d.rs"],
            ),
            (
                "moved over",
                &|| {
                    write(root, "other", "[package]");
                    fs::rename(root.join("other"), root.join("Cargo.toml")).unwrap();
                },
                &["Cargo.toml"],
            ),
            (
                "settings",
                &|| write(root, ".dev.vars", "A=1"),
                &[".dev.vars"],
            ),
        ];
        for (step, act, expected) in steps {
            act();
            let change = timeout(Duration::from_secs(20), watcher.changed(&project)).await;
            let change = change.expect(step).unwrap();
            let expected: Vec<_> = expected.iter().map(|path| root.join(path)).collect();
            assert_eq!(change.paths, expected, "{step}");
            assert_eq!(change.manifests, step == "moved over", "{step}");
            assert_eq!(change.settings, step == "settings", "{step}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_half_written_file_is_not_reported() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "src/main.rs", "fn main() {}");
        let project = project(root);
        let mut watcher = Watcher::new(&project).unwrap();

        // An editor truncates the file, and writes it while the watcher waits for more changes.
        write(root, "src/main.rs", "");
        let watching = timeout(Duration::from_secs(20), watcher.changed(&project));
        let writing = async {
            sleep(QUIET / 2).await;
            write(root, "src/main.rs", "fn main() { run() }");
        };
        let (change, ()) = tokio::join!(watching, writing);
        assert_eq!(change.unwrap().unwrap().paths.len(), 1);

        let more = timeout(4 * QUIET, watcher.changed(&project)).await;
        assert!(more.is_err(), "{more:?}");
    }

    #[tokio::test]
    async fn reads_and_ignored_files_are_not_changes() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "src/main.rs", "");
        let project = project(root.path());
        let mut watcher = Watcher::new(&project).unwrap();

        fs::read(root.path().join("src/main.rs")).unwrap();
        write(root.path(), "target/a", "");

        let change = timeout(Duration::from_millis(300), watcher.changed(&project)).await;
        assert!(change.is_err(), "{change:?}");
    }
}
