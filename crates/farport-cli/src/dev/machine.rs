//! When to build, start and retire: decided here, without I/O, carried out by the driver.
//!
//! Rules: one build at a time, and a change during a build means one more build after it. A
//! server that serves is retired only once another is ready. A build that fails, and a server
//! that ends before it is ready, leave what serves alone.

use std::path::PathBuf;
use std::time::SystemTime;

/// Names a server that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(pub(super) u64);

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) path: PathBuf,
    /// When cargo wrote it: it stays when a build finds nothing to do.
    pub(super) written: SystemTime,
}

/// Files that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) paths: Vec<PathBuf>,
    /// Among them are settings that a server reads when it starts.
    pub(super) settings: bool,
    /// Among them are manifests: what is built and watched may be different now.
    pub(super) manifests: bool,
    /// It is `Cargo.lock` alone, which builds write too.
    pub(super) lock_alone: bool,
}

impl Change {
    fn add(&mut self, other: Self) {
        self.paths.extend(other.paths);
        self.paths.sort();
        self.paths.dedup();
        self.settings |= other.settings;
        self.manifests |= other.manifests;
        self.lock_alone &= other.lock_alone;
    }
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Changed(Change),
    /// A build ended; with a binary if it succeeded.
    Built(Option<Binary>),
    /// A server accepts connections.
    Ready(Id),
    /// A server that was told to end accepts no more connections.
    Left(Id),
    /// A server is running, but has not accepted connections for a while.
    Slow(Id),
    /// A server ended, or could not be started; how, in words.
    Ended(Id, String),
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Build(Change),
    Start(Id, Binary),
    Retire(Id),
    Tell(Message),
}

/// What the user is to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Changed(Vec<PathBuf>),
    Serving { reloaded: bool },
    NothingNew,
    BuildFailed { serving: bool },
    NotReady,
    EndedAtStart { how: String, serving: bool },
    Ended { how: String },
}

#[derive(Debug)]
enum Build {
    Idle,
    Running,
    /// Running, but the sources changed since.
    Stale(Change),
}

/// A server and what it was made of.
#[derive(Debug)]
struct Server {
    id: Id,
    binary: Binary,
}

/// Decides.
#[derive(Debug)]
pub(super) struct Machine {
    build: Build,
    /// Settings changed since the last server was started.
    settings_changed: bool,
    serving: Option<Server>,
    starting: Option<Server>,
    served_before: bool,
    /// The server that still accepts connections beside the one that is to replace it.
    leaving: Option<Id>,
    last_id: u64,
}

impl Machine {
    /// A machine at its beginning, and what to do first.
    pub(super) fn new() -> (Self, Action) {
        let machine = Self {
            build: Build::Running,
            settings_changed: false,
            serving: None,
            starting: None,
            served_before: false,
            leaving: None,
            last_id: 0,
        };
        (machine, Action::Build(Change::default()))
    }

    /// Takes in what happened and answers what to do about it, in order.
    pub(super) fn advance(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Changed(change) => self.changed(change),
            Event::Built(binary) => self.built(binary),
            Event::Ready(id) => self.ready(id),
            Event::Left(id) => self.left(id),
            Event::Slow(id) if self.is_starting(id) => vec![Action::Tell(Message::NotReady)],
            Event::Slow(_) => Vec::new(),
            Event::Ended(id, how) => self.ended(id, how),
        }
    }

    fn changed(&mut self, change: Change) -> Vec<Action> {
        self.settings_changed |= change.settings;
        match &mut self.build {
            Build::Idle => self.build_anew(change),
            _ if change.lock_alone => Vec::new(),
            Build::Running => {
                self.build = Build::Stale(change);
                Vec::new()
            }
            Build::Stale(earlier) => {
                earlier.add(change);
                Vec::new()
            }
        }
    }

    fn build_anew(&mut self, change: Change) -> Vec<Action> {
        self.build = Build::Running;
        vec![
            Action::Tell(Message::Changed(change.paths.clone())),
            Action::Build(change),
        ]
    }

    fn built(&mut self, binary: Option<Binary>) -> Vec<Action> {
        if let Build::Stale(change) = std::mem::replace(&mut self.build, Build::Idle) {
            return self.build_anew(change);
        }
        let Some(binary) = binary else {
            return vec![Action::Tell(Message::BuildFailed {
                serving: self.serving.is_some(),
            })];
        };
        let newest = self.starting.as_ref().or(self.serving.as_ref());
        if newest.is_some_and(|newest| newest.binary == binary) && !self.settings_changed {
            return vec![Action::Tell(Message::NothingNew)];
        }
        self.settings_changed = false;
        self.last_id += 1;
        let id = Id(self.last_id);
        let superseded = self.starting.replace(Server {
            id,
            binary: binary.clone(),
        });
        let retire = superseded.map(|server| Action::Retire(server.id));
        retire
            .into_iter()
            .chain([Action::Start(id, binary)])
            .collect()
    }

    fn is_starting(&self, id: Id) -> bool {
        self.starting.as_ref().is_some_and(|server| server.id == id)
    }

    fn ready(&mut self, id: Id) -> Vec<Action> {
        if !self.is_starting(id) {
            return Vec::new();
        }
        let old = std::mem::replace(&mut self.serving, self.starting.take());
        self.leaving = old.map(|server| server.id);
        match self.leaving {
            Some(old) => vec![Action::Retire(old)],
            None => vec![self.serving_alone()],
        }
    }

    /// From here on every connection is the newest server's.
    fn serving_alone(&mut self) -> Action {
        let reloaded = std::mem::replace(&mut self.served_before, true);
        Action::Tell(Message::Serving { reloaded })
    }

    fn left(&mut self, id: Id) -> Vec<Action> {
        match self.leaving {
            Some(leaving) if leaving == id => {
                self.leaving = None;
                vec![self.serving_alone()]
            }
            _ => Vec::new(),
        }
    }

    fn ended(&mut self, id: Id, how: String) -> Vec<Action> {
        if self.is_starting(id) {
            self.starting = None;
            let serving = self.serving.is_some();
            return vec![Action::Tell(Message::EndedAtStart { how, serving })];
        }
        if self.serving.as_ref().is_some_and(|server| server.id == id) {
            self.serving = None;
            self.leaving = None;
            return vec![Action::Tell(Message::Ended { how })];
        }
        // One that was told to.
        self.left(id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Action::{Build, Retire, Start, Tell};
    use super::*;

    fn binary(second: u64) -> Binary {
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        Binary {
            path: "server".into(),
            written,
        }
    }

    fn source(name: &str) -> Change {
        Change {
            paths: vec![name.into()],
            ..Change::default()
        }
    }

    fn changed(name: &str) -> Event {
        Event::Changed(source(name))
    }

    fn built(second: u64) -> Event {
        Event::Built(Some(binary(second)))
    }

    fn building(names: &[&str]) -> Vec<Action> {
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        let change = Change {
            paths: paths.clone(),
            ..Change::default()
        };
        vec![Tell(Message::Changed(paths)), Build(change)]
    }

    fn ended(id: u64) -> Event {
        Event::Ended(Id(id), "exit status: 1".into())
    }

    /// Plays events to a machine that has just begun to build, and compares its answers.
    fn check(story: impl IntoIterator<Item = (Event, Vec<Action>)>) {
        let (mut machine, first) = Machine::new();
        assert_eq!(first, Build(Change::default()));
        for (step, (event, expected)) in story.into_iter().enumerate() {
            assert_eq!(machine.advance(event), expected, "step {step}");
        }
    }

    /// The beginning of most stories: server 1 serves.
    fn serving() -> Vec<(Event, Vec<Action>)> {
        vec![
            (built(1), vec![Start(Id(1), binary(1))]),
            (
                Event::Ready(Id(1)),
                vec![Tell(Message::Serving { reloaded: false })],
            ),
        ]
    }

    #[test]
    fn the_old_server_is_retired_only_when_the_new_one_is_ready() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (Event::Ready(Id(2)), vec![Retire(Id(1))]),
            (
                Event::Left(Id(1)),
                vec![Tell(Message::Serving { reloaded: true })],
            ),
            (ended(1), vec![]),
        ]));
    }

    #[test]
    fn a_reload_is_told_when_every_connection_is_the_new_servers() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (Event::Ready(Id(2)), vec![Retire(Id(1))]),
            (changed("a.rs"), building(&["a.rs"])),
            (built(3), vec![Start(Id(3), binary(3))]),
            (Event::Ready(Id(3)), vec![Retire(Id(2))]),
            (ended(1), vec![]),
            (ended(2), vec![Tell(Message::Serving { reloaded: true })]),
        ]));
    }

    #[test]
    fn a_failed_build_leaves_the_old_server_alone() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (
                Event::Built(None),
                vec![Tell(Message::BuildFailed { serving: true })],
            ),
            (changed("a.rs"), building(&["a.rs"])),
            (built(3), vec![Start(Id(2), binary(3))]),
        ]));
        check([(
            Event::Built(None),
            vec![Tell(Message::BuildFailed { serving: false })],
        )]);
    }

    #[test]
    fn changes_during_a_build_mean_one_more_build() {
        check([
            (changed("a.rs"), vec![]),
            (changed("b.rs"), vec![]),
            (changed("a.rs"), vec![]),
            (built(1), building(&["a.rs", "b.rs"])),
            (built(2), vec![Start(Id(1), binary(2))]),
        ]);
    }

    #[test]
    fn what_a_build_writes_means_no_other_build() {
        let lock = || Change {
            lock_alone: true,
            ..source("Cargo.lock")
        };
        check(serving().into_iter().chain([
            (changed("Cargo.toml"), building(&["Cargo.toml"])),
            (Event::Changed(lock()), vec![]),
            (built(2), vec![Start(Id(2), binary(2))]),
            (
                Event::Changed(lock()),
                vec![Tell(Message::Changed(lock().paths)), Build(lock())],
            ),
        ]));
    }

    #[test]
    fn a_server_that_ends_before_it_is_ready_leaves_the_old_one_alone() {
        let how = || "exit status: 1".to_owned();
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (
                ended(2),
                vec![Tell(Message::EndedAtStart {
                    how: how(),
                    serving: true,
                })],
            ),
            (ended(1), vec![Tell(Message::Ended { how: how() })]),
        ]));
    }

    #[test]
    fn a_newer_build_supersedes_a_server_that_is_still_starting() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (Event::Slow(Id(2)), vec![Tell(Message::NotReady)]),
            (changed("a.rs"), building(&["a.rs"])),
            (built(3), vec![Retire(Id(2)), Start(Id(3), binary(3))]),
            (Event::Ready(Id(2)), vec![]),
            (Event::Slow(Id(2)), vec![]),
            (ended(2), vec![]),
            (Event::Ready(Id(3)), vec![Retire(Id(1))]),
        ]));
    }

    #[test]
    fn what_does_not_change_the_binary_does_not_restart_the_server() {
        let settings = || Change {
            settings: true,
            ..source("farport.toml")
        };
        check(serving().into_iter().chain([
            (changed("notes.txt"), building(&["notes.txt"])),
            (built(1), vec![Tell(Message::NothingNew)]),
            (
                Event::Changed(settings()),
                vec![Tell(Message::Changed(settings().paths)), Build(settings())],
            ),
            (built(1), vec![Start(Id(2), binary(1))]),
        ]));
    }

    #[test]
    fn a_server_that_ended_is_started_again_on_the_next_change() {
        check(serving().into_iter().chain([
            (
                ended(1),
                vec![Tell(Message::Ended {
                    how: "exit status: 1".into(),
                })],
            ),
            (changed("notes.txt"), building(&["notes.txt"])),
            (built(1), vec![Start(Id(2), binary(1))]),
            (
                Event::Ready(Id(2)),
                vec![Tell(Message::Serving { reloaded: true })],
            ),
        ]));
    }
}
