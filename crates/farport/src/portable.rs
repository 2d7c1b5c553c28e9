//! In WebAssembly, where the crate farport-workers is the host.

use std::sync::Arc;

pub mod host {
    //! For programs that host a server themselves.

    pub use farport_core::Principal;
    pub use farport_server::{Environment, OAuth, SystemRandom, VARIABLES, Variable};
}

/// What a host keeps with a server.
pub(crate) struct Host;

impl Host {
    pub(crate) fn new<F>(_: &Arc<F>) -> Self {
        Self
    }
}
