//! Lists the tools of a server, and calls one without arguments.
//!
//! ```text
//! cargo run -p farport-client --example tools -- https://mcp.example.com/mcp [TOOL]
//! ```

use farport_client::{Browser, Connection, ConnectionOptions, Error, Options, Store, User};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_default();
    let user = User::new(|text: &str| eprintln!("{text}"), Browser);
    let options = ConnectionOptions::new(Store::of_user()?, user);
    let connection = Connection::open(Options::new(&url, false)?, options).await?;
    println!("MCP {}", connection.protocol_version());
    match args.next() {
        Some(tool) => {
            let result = connection.call_tool(&tool, &serde_json::json!({})).await?;
            println!("{}", result.text());
        }
        None => {
            for tool in connection.list_tools().await? {
                println!("{}: {}", tool.name, tool.description.unwrap_or_default());
            }
        }
    }
    connection.close().await;
    Ok(())
}
