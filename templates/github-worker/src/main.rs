//! The program: the server on a machine.

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    my_mcp_server::server()?.run().await
}
