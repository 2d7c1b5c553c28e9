//! State that survives.
