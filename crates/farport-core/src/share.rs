//! Shares of bounded resources.

use std::{fmt, net::IpAddr, sync::Arc};

use crate::Principal;

/// The party that a bounded resource counts for: a user, or the network of an anonymous client.
///
/// At a bound, the party that holds the most loses something. So a flood ends what its own sender
/// holds, and nothing of another party.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(Arc<str>);

impl Share {
    /// Returns the share of the user, or of `network` if the client is anonymous.
    ///
    /// `network` is the client's address; for IPv6, its /64 prefix.
    pub fn of(principal: &Principal, network: Option<IpAddr>) -> Self {
        match (principal.as_user(), network) {
            (Some(user), _) => Self(format!("user {} {}", user.issuer, user.subject).into()),
            (None, Some(network)) => Self(format!("net {network}").into()),
            (None, None) => Self::default(),
        }
    }

    /// Creates a share from its name in a store.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name of the share in a store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the share of anonymous clients at unknown addresses.
impl Default for Share {
    fn default() -> Self {
        Self("".into())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the share that holds most of a bounded resource and therefore makes room. `newcomer` counts
/// as if it already had what it requests.
pub fn largest_holder<'a, S: PartialEq + ?Sized>(
    holders: impl Iterator<Item = (&'a S, usize)> + Clone,
    newcomer: &S,
) -> Option<&'a S> {
    let weight =
        |(share, held): &(&S, usize)| (held + usize::from(*share == newcomer), *share == newcomer);
    let largest = holders.filter(|(_, held)| *held > 0).max_by_key(weight)?;
    Some(largest.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_holder_makes_room_and_a_newcomer_counts_once_more() {
        for (holders, newcomer, expect) in [
            (&[("a", 1), ("b", 9)][..], "a", Some("b")),
            (&[("a", 1), ("b", 9)], "b", Some("b")),
            (&[("a", 1), ("b", 9)], "c", Some("b")),
            (&[("a", 5), ("b", 5)], "a", Some("a")),
            (&[("a", 5), ("b", 6)], "a", Some("a")),
            (&[("a", 1)], "c", Some("a")),
            (&[], "c", None),
        ] {
            let found = largest_holder(holders.iter().copied(), newcomer);
            assert_eq!(found, expect, "{holders:?} {newcomer}");
        }
    }
}
