//! The stdio transport: one client on standard input and output.

use rmcp::{ServerHandler, ServiceExt};

use farport_server::{Error, HostError};

/// Serves `handler` to the client that started this program, until it closes standard input.
pub(crate) async fn serve<H: ServerHandler>(handler: H) -> Result<(), Error> {
    let running = handler.serve(rmcp::transport::stdio()).await;
    let running = running.map_err(|error| HostError::Stdio(error.to_string()))?;
    running
        .waiting()
        .await
        .map_err(|error| HostError::Stdio(error.to_string()))?;
    Ok(())
}
