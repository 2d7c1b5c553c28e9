use farport::ApiToken;

/// Memory comes quicker from here than from most systems.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    my_mcp_server::server(ApiToken).run().await
}
