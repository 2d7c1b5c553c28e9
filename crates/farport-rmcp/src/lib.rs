//! Serves any rmcp [`ServerHandler`](rmcp::ServerHandler) through farport's dispatch seam.
//!
//! A request's way: `decode` turns the envelope into rmcp's request type by its method, a
//! `peer` is chosen by how much the handler may say meanwhile, and
//! `Service::handle_request` is awaited where the call is, without a task or a channel between.
//!
//! - A plain call gets a *silent* peer: it takes notifications and drops them, and refuses
//!   requests. Because it writes nowhere it is shared, among calls that would see the same client.
//! - Other calls get a peer of their own whose transport writes into the call's outbox.
//! - What outlives a call (subscriptions, notifications) gets the session's peer.
//!
//! A live peer has a loop behind it, which rmcp gives to tokio as a task. Where there is no tokio to
//! run it, in WebAssembly, `pump` does: see [`pumped`].

mod decode;
mod dispatch;
mod instance;
mod params;
mod peer;
mod pump;
mod transport;

pub use dispatch::RmcpDispatch;
pub use pump::pumped;
