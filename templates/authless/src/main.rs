use my_mcp_server::Calculator;

#[tokio::main]
async fn main() -> Result<(), farport::Error> {
    farport::Server::new(|_| Calculator::new()).run().await
}
