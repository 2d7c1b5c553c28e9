//! Public keys (RFC 7517).

use serde::{Deserialize, Serialize};

/// A set of public keys, as published. Keys of a kind that is not known here are let be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeySet {
    keys: Vec<serde_json::Value>,
}
