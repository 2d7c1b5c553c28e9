//! SQLite's integers have a sign, ours do not.

/// As SQLite has it. What is beyond its largest number is that.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As we have it. We write no negative numbers.
pub(crate) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
