use farport::GitHub;
use my_mcp_server::{Api, server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sign_in = GitHub::from_env()?.scopes(["read:user"]);
    server(sign_in, Api::from_env()?).run().await?;
    Ok(())
}
