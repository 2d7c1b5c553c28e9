//! What farport's own tests are made of. Not published.
//!
//! [`fixture`] is a server that has every feature of the protocol which the official
//! conformance suite knows how to ask for. `CONFORMANCE.md` beside this crate's manifest says
//! how the suite is run against it.
//!
//! [`session_store`] is what every store of sessions has to do, [`oauth_store`] what every store
//! of an authorization server has to, and [`VirtualRuntime`] lets hours pass in a moment.

#[cfg(doctest)]
mod documents;

// Each suite has its own dependencies.
#[cfg(feature = "fixture")]
pub mod fixture;
#[cfg(feature = "oauth-stores")]
pub mod oauth_store;
#[cfg(feature = "session-stores")]
pub mod session_store;
cfg_if::cfg_if! {
    if #[cfg(feature = "virtual-runtime")] {
        mod virtual_runtime;
        pub use virtual_runtime::VirtualRuntime;
    }
}
