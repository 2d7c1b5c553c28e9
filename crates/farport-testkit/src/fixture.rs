//! The conformance fixture: an rmcp [`ServerHandler`](rmcp::ServerHandler) whose tools,
//! resources, prompts, tasks and skills are the ones that the official suite calls by name.
//!
//! It is an ordinary server. It knows nothing of how it is served, with one exception: the tool
//! It is an ordinary server and does not depend on its host, with one exception: the tool
//! `test_reconnection` asks the host to close the connection of its call.
//! A host makes a [`Fixture`] for each session (and, on 2026-07-28, for each request). What has
//! to outlive one, such as tasks and open subscriptions, lives in the [`FixtureState`] that they
//! share:
//!
//! ```
//! use farport_testkit::fixture::{Fixture, FixtureState};
//!
//! let state = FixtureState::new()?;
//! let for_each_session = move || Fixture::new(state.clone());
//! # let _ = for_each_session();
//! # Ok::<(), farport_testkit::fixture::NoRandomness>(())
//! ```

#![expect(
    deprecated,
    reason = "sampling, roots and logging are on their way out of the protocol, and served until then"
)]

mod ask;
mod catalog;
mod completion;
mod content;
mod handler;
mod host;
mod input_required;
mod live;
mod logging;
mod media;
mod notes;
mod pages;
mod peers;
mod polling;
mod prompts;
mod questions;
mod resources;
mod sealing;
mod skills;
mod state;
mod subscriptions;
mod tasks;
mod triggers;

pub use handler::Fixture;
pub use state::{FixtureState, NoRandomness};
