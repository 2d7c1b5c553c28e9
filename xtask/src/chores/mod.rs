//! One module a chore. Each has `Args`, its command line, and `run`.

pub(crate) mod bench;
pub(crate) mod clients;
pub(crate) mod conformance;
pub(crate) mod fuzz;
pub(crate) mod lint;
pub(crate) mod schemas;
pub(crate) mod test;
pub(crate) mod wasm;
pub(crate) mod worker;
