//! The facade's tests, over real sockets.

mod support;

mod asking;
mod batches;
mod cancelling;
mod in_process;
mod listening;
mod messages;
mod modern;
mod modern_headers;
mod negotiation;
mod resuming;
mod sending;
mod sessions;
