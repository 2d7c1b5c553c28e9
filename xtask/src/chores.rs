//! One module a chore. Each has `Args`, its command line, and `run`.

pub(crate) mod api;
pub(crate) mod bench;
pub(crate) mod clients;
pub(crate) mod conditions;
pub(crate) mod conformance;
pub(crate) mod dist;
pub(crate) mod docs;
pub(crate) mod fuzz;
pub(crate) mod instructions;
pub(crate) mod lint;
pub(crate) mod methods;
pub(crate) mod models;
pub(crate) mod mutants;
pub(crate) mod package;
pub(crate) mod templates;
pub(crate) mod test;
pub(crate) mod ui;
pub(crate) mod wasm;
pub(crate) mod words;
pub(crate) mod worker;
