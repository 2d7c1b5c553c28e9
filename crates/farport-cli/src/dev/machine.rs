//! The state machine that decides when to build, and when to start and stop servers. It does no I/O; the
//! driver executes its actions.
//!
//! Rules: There is one build at a time. A change during a build causes one more build after it. The current
//! server stops only when its replacement is ready. It keeps serving if a build fails, or if the
//! replacement exits before it is ready.

use std::path::PathBuf;
use std::time::SystemTime;

/// Identifies a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(pub(super) u64);

/// The result of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) path: PathBuf,
    /// The time when cargo wrote it. A build without changes does not write it again.
    pub(super) written: SystemTime,
}

/// Files that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) paths: Vec<PathBuf>,
    /// Whether they include settings that a server reads when it starts.
    pub(super) settings: bool,
    /// Whether they include manifests, which affect what farport builds and watches.
    pub(super) manifests: bool,
    /// Whether only `Cargo.lock` changed, which builds also write.
    pub(super) only_lock: bool,
}

impl Change {
    fn add(&mut self, other: Self) {
        self.paths.extend(other.paths);
        self.paths.sort();
        self.paths.dedup();
        self.settings |= other.settings;
        self.manifests |= other.manifests;
        self.only_lock &= other.only_lock;
    }
}

/// An input of the machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Changed(Change),
    /// A build ended, with a binary if it succeeded.
    Built(Option<Binary>),
    /// A server accepts connections.
    Ready(Id),
    /// A stopping server no longer accepts connections.
    Left(Id),
    /// A server is running, but does not accept connections yet.
    Slow(Id),
    /// A server exited or could not start, with the reason.
    Ended(Id, String),
}

/// An output of the machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Build(Change),
    Start(Id, Binary),
    Stop(Id),
    Print(Message),
}

/// A message for the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Serving { reloaded: bool },
    Unchanged,
    BuildFailed { serving: bool },
    NotReady,
    StartFailed { why: String, serving: bool },
    Ended { how: String },
}

#[derive(Debug)]
enum Build {
    Idle,
    Running,
    /// Running, but sources have changed in the meantime.
    Stale(Change),
}

/// A server and its binary.
#[derive(Debug)]
struct Server {
    id: Id,
    binary: Binary,
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Machine {
    build: Build,
    /// Whether settings have changed since the last server started.
    settings_changed: bool,
    serving: Option<Server>,
    starting: Option<Server>,
    served_before: bool,
    /// The previous server, while it still accepts connections next to its replacement.
    leaving: Option<Id>,
    last_id: u64,
}

impl Machine {
    /// Creates a machine, and returns it with its first action.
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

    /// Processes an event and returns the actions to execute, in order.
    pub(super) fn advance(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Changed(change) => self.changed(change),
            Event::Built(binary) => self.built(binary),
            Event::Ready(id) => self.ready(id),
            Event::Left(id) => self.left(id),
            Event::Slow(id) if self.is_starting(id) => vec![Action::Print(Message::NotReady)],
            Event::Slow(_) => Vec::new(),
            Event::Ended(id, why) => self.ended(id, why),
        }
    }

    fn changed(&mut self, change: Change) -> Vec<Action> {
        self.settings_changed |= change.settings;
        match &mut self.build {
            Build::Idle => self.rebuild(change),
            _ if change.only_lock => Vec::new(),
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

    fn rebuild(&mut self, change: Change) -> Vec<Action> {
        self.build = Build::Running;
        vec![Action::Build(change)]
    }

    fn built(&mut self, binary: Option<Binary>) -> Vec<Action> {
        if let Build::Stale(change) = std::mem::replace(&mut self.build, Build::Idle) {
            return self.rebuild(change);
        }
        let Some(binary) = binary else {
            return vec![Action::Print(Message::BuildFailed {
                serving: self.serving.is_some(),
            })];
        };
        let newest = self.starting.as_ref().or(self.serving.as_ref());
        if newest.is_some_and(|newest| newest.binary == binary) && !self.settings_changed {
            return vec![Action::Print(Message::Unchanged)];
        }
        self.settings_changed = false;
        self.last_id += 1;
        let id = Id(self.last_id);
        let superseded = self.starting.replace(Server {
            id,
            binary: binary.clone(),
        });
        let stop = superseded.map(|server| Action::Stop(server.id));
        stop.into_iter()
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
            Some(old) => vec![Action::Stop(old)],
            None => vec![self.serving_alone()],
        }
    }

    /// From here on, the newest server accepts every connection.
    fn serving_alone(&mut self) -> Action {
        let reloaded = std::mem::replace(&mut self.served_before, true);
        Action::Print(Message::Serving { reloaded })
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

    fn ended(&mut self, id: Id, why: String) -> Vec<Action> {
        if self.is_starting(id) {
            self.starting = None;
            let serving = self.serving.is_some();
            return vec![Action::Print(Message::StartFailed { why, serving })];
        }
        if self.serving.as_ref().is_some_and(|server| server.id == id) {
            self.serving = None;
            self.leaving = None;
            return vec![Action::Print(Message::Ended { how: why })];
        }
        // This server was stopping.
        self.left(id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Action::{Build, Print, Start, Stop};
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
        vec![Build(Change {
            paths,
            ..Change::default()
        })]
    }

    fn ended(id: u64) -> Event {
        Event::Ended(Id(id), "exit status: 1".into())
    }

    /// Sends events to a new machine and compares its actions.
    fn check(story: impl IntoIterator<Item = (Event, Vec<Action>)>) {
        let (mut machine, first) = Machine::new();
        assert_eq!(first, Build(Change::default()));
        for (step, (event, expected)) in story.into_iter().enumerate() {
            assert_eq!(machine.advance(event), expected, "step {step}");
        }
    }

    /// The events until server 1 serves.
    fn serving() -> Vec<(Event, Vec<Action>)> {
        vec![
            (built(1), vec![Start(Id(1), binary(1))]),
            (
                Event::Ready(Id(1)),
                vec![Print(Message::Serving { reloaded: false })],
            ),
        ]
    }

    #[test]
    fn the_old_server_stops_only_when_the_new_one_is_ready() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (Event::Ready(Id(2)), vec![Stop(Id(1))]),
            (
                Event::Left(Id(1)),
                vec![Print(Message::Serving { reloaded: true })],
            ),
            (ended(1), vec![]),
        ]));
    }

    #[test]
    fn a_reload_is_reported_when_the_new_server_accepts_every_connection() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (Event::Ready(Id(2)), vec![Stop(Id(1))]),
            (changed("a.rs"), building(&["a.rs"])),
            (built(3), vec![Start(Id(3), binary(3))]),
            (Event::Ready(Id(3)), vec![Stop(Id(2))]),
            (ended(1), vec![]),
            (ended(2), vec![Print(Message::Serving { reloaded: true })]),
        ]));
    }

    #[test]
    fn the_old_server_keeps_serving_after_a_failed_build() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (
                Event::Built(None),
                vec![Print(Message::BuildFailed { serving: true })],
            ),
            (changed("a.rs"), building(&["a.rs"])),
            (built(3), vec![Start(Id(2), binary(3))]),
        ]));
        check([(
            Event::Built(None),
            vec![Print(Message::BuildFailed { serving: false })],
        )]);
    }

    #[test]
    fn changes_during_a_build_cause_one_more_build() {
        check([
            (changed("a.rs"), vec![]),
            (changed("b.rs"), vec![]),
            (changed("a.rs"), vec![]),
            (built(1), building(&["a.rs", "b.rs"])),
            (built(2), vec![Start(Id(1), binary(2))]),
        ]);
    }

    #[test]
    fn the_files_that_a_build_writes_cause_no_build() {
        let lock = || Change {
            only_lock: true,
            ..source("Cargo.lock")
        };
        check(serving().into_iter().chain([
            (changed("Cargo.toml"), building(&["Cargo.toml"])),
            (Event::Changed(lock()), vec![]),
            (built(2), vec![Start(Id(2), binary(2))]),
            (Event::Changed(lock()), vec![Build(lock())]),
        ]));
    }

    #[test]
    fn the_old_server_keeps_serving_if_the_new_one_does_not_start() {
        let how = || "exit status: 1".to_owned();
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (
                ended(2),
                vec![Print(Message::StartFailed {
                    why: how(),
                    serving: true,
                })],
            ),
            (ended(1), vec![Print(Message::Ended { how: how() })]),
        ]));
    }

    #[test]
    fn a_newer_build_replaces_a_server_that_is_still_starting() {
        check(serving().into_iter().chain([
            (changed("a.rs"), building(&["a.rs"])),
            (built(2), vec![Start(Id(2), binary(2))]),
            (Event::Slow(Id(2)), vec![Print(Message::NotReady)]),
            (changed("a.rs"), building(&["a.rs"])),
            (built(3), vec![Stop(Id(2)), Start(Id(3), binary(3))]),
            (Event::Ready(Id(2)), vec![]),
            (Event::Slow(Id(2)), vec![]),
            (ended(2), vec![]),
            (Event::Ready(Id(3)), vec![Stop(Id(1))]),
        ]));
    }

    #[test]
    fn a_change_that_does_not_affect_the_binary_does_not_restart_the_server() {
        let settings = || Change {
            settings: true,
            ..source("farport.toml")
        };
        check(serving().into_iter().chain([
            (changed("notes.txt"), building(&["notes.txt"])),
            (built(1), vec![Print(Message::Unchanged)]),
            (Event::Changed(settings()), vec![Build(settings())]),
            (built(1), vec![Start(Id(2), binary(1))]),
        ]));
    }

    #[test]
    fn a_server_that_exited_starts_again_at_the_next_change() {
        check(serving().into_iter().chain([
            (
                ended(1),
                vec![Print(Message::Ended {
                    how: "exit status: 1".into(),
                })],
            ),
            (changed("notes.txt"), building(&["notes.txt"])),
            (built(1), vec![Start(Id(2), binary(1))]),
            (
                Event::Ready(Id(2)),
                vec![Print(Message::Serving { reloaded: true })],
            ),
        ]));
    }
}
