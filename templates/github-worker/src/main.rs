//! The program: the server on a machine.

/// Memory comes quicker from here than from most systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    my_mcp_server::server()?.run().await
}
