use farport::DevLogin;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    my_mcp_server::server(DevLogin).run().await
}
