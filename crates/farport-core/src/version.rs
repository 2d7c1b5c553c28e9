//! Protocol revisions and the two eras they belong to.

use std::fmt;

/// A published revision of the Model Context Protocol that farport serves.
///
/// Ordered by publication: later revisions compare greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// 2024-11-05: HTTP+SSE, two endpoints.
    V2024_11_05,
    /// 2025-03-26: streamable HTTP, sessions, JSON-RPC batches.
    V2025_03_26,
    /// 2025-06-18: no batches, the `MCP-Protocol-Version` header, elicitation.
    V2025_06_18,
    /// 2025-11-25: SSE polling, tasks, sampling with tools.
    V2025_11_25,
    /// 2026-07-28: stateless requests that describe themselves.
    V2026_07_28,
}

/// How a client and a server agree on a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// A session opened by `initialize` (2024-11-05 to 2025-11-25).
    Session,
    /// Metadata in each request's `_meta` (2026-07-28 and later).
    Modern,
}

impl ProtocolVersion {
    /// All revisions, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The newest revision that a session can negotiate.
    pub const NEWEST_SESSION: Self = Self::V2025_11_25;

    /// The revision of a streamable HTTP request without an `MCP-Protocol-Version` header
    /// (2025-06-18, "Protocol Version Header").
    pub const ASSUMED: Self = Self::V2025_03_26;

    /// Returns the revision's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Parses the name of a revision. Returns `None` for a revision that farport does not serve.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == name)
    }

    /// Returns the era of the revision.
    pub const fn era(self) -> Era {
        match self {
            Self::V2026_07_28 => Era::Modern,
            _ => Era::Session,
        }
    }

    /// Reports whether a body may be a JSON-RPC batch. Only 2025-03-26 has batches.
    pub const fn allows_batches(self) -> bool {
        matches!(self, Self::V2025_03_26)
    }

    /// Reports whether an SSE stream starts with an event that has an id and empty data, so that a
    /// client can resume it before the first message (2025-11-25, "Sending Messages to the Server").
    pub const fn primes_streams(self) -> bool {
        matches!(self, Self::V2025_11_25)
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_order_by_date() {
        for version in ProtocolVersion::ALL {
            assert_eq!(ProtocolVersion::parse(version.as_str()), Some(version));
        }
        assert!(ProtocolVersion::ALL.is_sorted());
        for unknown in ["", "2025-01-01", "2026-07-28 ", "DRAFT-2026-v1"] {
            assert_eq!(ProtocolVersion::parse(unknown), None, "{unknown}");
        }
    }
}
