//! What the tests share.

mod script;
mod signer;

pub(crate) use script::{Script, json};
pub(crate) use signer::{Signer, signer};
