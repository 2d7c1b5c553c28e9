use my_mcp_server::Calculator;

/// Allocates faster than the allocators of most systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    farport::Server::new(|_| Calculator::new())
        .run_from_args()
        .await
}
