//! Conversions between SQLite's signed integers and our unsigned ones.

/// Converts to a SQLite integer. Larger numbers become `i64::MAX`.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Converts from a SQLite integer. Negative numbers, which farport never writes, become 0.
pub(crate) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
