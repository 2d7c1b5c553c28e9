use farport::Oidc;

/// Allocates faster than the allocators of most systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    let server = my_mcp_server::server(Oidc::stytch_from_env()?);
    server.run_from_args().await
}
