//! The facade's tests, over real sockets.

mod calculator;
mod wire;
