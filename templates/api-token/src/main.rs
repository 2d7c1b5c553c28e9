use farport::ApiToken;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    my_mcp_server::server(ApiToken).run().await
}
