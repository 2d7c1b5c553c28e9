use farport::Oidc;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    my_mcp_server::server(Oidc::google_from_env()?).run().await
}
