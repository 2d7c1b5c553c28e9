use my_mcp_server::Calculator;

/// Memory comes quicker from here than from most systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    farport::Server::new(|_| Calculator::new()).run().await
}
