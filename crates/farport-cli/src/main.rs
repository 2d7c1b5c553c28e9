//! The `farport` command.
fn main() {}
