//! An MCP server, without what runs it: the description of a server, its settings, its sign-in and
//! permissions, and the seam for hosts. It opens no socket, reads no clock and spawns no task.
//!
//! Authors of servers use the crate `farport`, whose `Server` has a method for each setting. Hosts use this
//! crate: [`Server::apply`] overrides the settings that a host has read, and [`Server::service`] returns a
//! service from HTTP request to response. An [`Environment`] supplies time, tasks, stores and requests to
//! other servers.

mod error;
mod error_kind;
mod host;
mod host_error;
mod protection;
mod random;
mod rules;
mod server;
mod settings;
mod signed_in;
mod storage;

// Sign-in is half of a small Worker.
cfg_if::cfg_if! {
    if #[cfg(feature = "sign-in")] {
        mod sign_in;
        pub use sign_in::{ApiToken, DevLogin, External};
    } else {
        mod no_sign_in;
        use no_sign_in as sign_in;
    }
}

pub use error::Error;
pub use error_kind::ErrorKind;
pub use host::{Environment, OAuth};
pub use host_error::HostError;
pub use random::SystemRandom;
pub use rules::LISTING_TIME;
pub use server::{IntoServer, Server};
pub use settings::{
    AuthSettings, FILE, LogFormat, MASTER_KEY, PREVIOUS_MASTER_KEYS, ProviderName, READY_FILE,
    Settings, UnknownVariable, VARIABLES, Variable, nearest, unknown_variables,
};
pub use sign_in::SignIn;
pub use signed_in::SignedIn;
pub use storage::{InvalidStorage, Storage};
