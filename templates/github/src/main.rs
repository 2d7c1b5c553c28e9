use farport::GitHub;
use my_mcp_server::{Api, server};

/// Allocates faster than the allocators of most systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sign_in = GitHub::from_env()?.scopes(["read:user"]);
    server(sign_in, Api::from_env()?).run_from_args().await?;
    Ok(())
}
