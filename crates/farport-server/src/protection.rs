//! The sign-in and permissions of a server.

use std::collections::{BTreeMap, BTreeSet};

use farport_core::policy::{Kind, Permission};
use farport_http::Theme;

use crate::{rules, sign_in::SignIn};

/// The sign-in and permissions that the author set in code.
#[derive(Debug, Default)]
pub(crate) struct Protection {
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) rules: Vec<(Kind, String, Permission)>,
    /// Patterns that may match nothing when the server starts.
    pub(crate) unmatched: BTreeSet<String>,
    pub(crate) scopes: BTreeMap<String, String>,
    pub(crate) default_scopes: Vec<String>,
    pub(crate) theme: Theme,
}

impl Protection {
    /// Returns the rules that must match something.
    pub(crate) fn checked_rules(&self) -> Vec<rules::Named> {
        let checked = self
            .rules
            .iter()
            .filter(|(_, pattern, _)| !self.unmatched.contains(pattern));
        checked
            .map(|(kind, pattern, _)| (*kind, pattern.clone()))
            .collect()
    }
}
