//! A calculator, offered to every MCP client.

mod calculator;

pub use calculator::Calculator;
