use farport::Slack;
use my_mcp_server::{Api, USER_SCOPES, server};

/// Allocates faster than the allocators of most systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sign_in = Slack::from_env()?.user_scopes(USER_SCOPES);
    server(sign_in, Api::from_env()?).run_from_args().await?;
    Ok(())
}
