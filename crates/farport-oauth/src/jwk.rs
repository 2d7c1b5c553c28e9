//! Public keys (RFC 7517).

use serde::{Deserialize, Serialize};

/// A set of public keys, as published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeySet {
    /// The keys. Those of a kind that is not known here are let be.
    pub keys: Vec<serde_json::Value>,
}
