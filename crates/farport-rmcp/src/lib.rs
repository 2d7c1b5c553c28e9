//! Serves any rmcp [`ServerHandler`](rmcp::ServerHandler) through farport's dispatch seam.
//!
//! The request path: `decode` turns the envelope into rmcp's request type by its method, the tier
//! decides which `peer` the handler gets, and `Service::handle_request` is awaited in place, without
//! a task or a channel in between.
//!
//! - A plain call gets a *silent* peer, which drops notifications and refuses requests. It writes
//!   nowhere, so calls of equal clients share it.
//! - Any other call gets its own peer, whose transport writes into the call's outbox.
//! - Messages that outlive a call (subscriptions, notifications) go through the session's peer.
//!
//! Each live peer has a loop, which rmcp spawns as a tokio task. In WebAssembly, where no tokio
//! runtime drives it, `pump` does: see [`pumped`].

mod decode;
mod dispatch;
mod instance;
mod params;
mod peer;
mod pump;
mod rounds;
mod transport;

pub use dispatch::RmcpDispatch;
pub use pump::pumped;
