//! OAuth rules without I/O: authorization server, resource server, identity providers.
//!
//! There is nothing here yet. The crate stands in its place so that the direction of dependencies
//! holds from the beginning: it knows no MCP, reads no clock, opens no socket, and compiles for
//! WebAssembly.
