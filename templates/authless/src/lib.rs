//! A calculator for every MCP client.

mod calculator;

pub use calculator::Calculator;
