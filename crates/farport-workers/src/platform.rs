//! The Worker and its objects.

mod answer;
mod context;
mod engine;
mod environment;
mod isolate;
mod log;
mod runtime;
mod session;
mod sites;

// Sign-in is half of a small Worker.
cfg_if::cfg_if! {
    if #[cfg(feature = "sign-in")] {
        mod sign_in;
        pub use sign_in::StoreObject;
    } else {
        mod no_sign_in;
        use no_sign_in as sign_in;
    }
}

pub use farport_rmcp::pumped;
pub use farport_server::IntoServer;
pub use isolate::{Stateless, fetch};
pub use runtime::WorkerRuntime;
pub use session::SessionObject;
pub use sites::MakeServer;
