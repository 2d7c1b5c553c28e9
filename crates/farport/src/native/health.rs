//! `--health`: checks that the server with these settings is up. It is for a container's health check,
//! whose image has no other HTTP client.

use std::{io, time::Duration};

use http::{Request, StatusCode, header};
use http_body_util::Full;
use tokio::time::timeout;

use super::client;
use farport_server::{Error, HostError, Settings};

/// The timeout for the response.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Checks the server that listens on the address in the settings.
///
/// # Errors
/// [`ErrorKind::Health`](crate::ErrorKind::Health) when it does not respond with 200.
pub(crate) async fn check(settings: &Settings) -> Result<(), Error> {
    let host = match settings.host.as_str() {
        // Clients cannot connect to the unspecified address. They can connect to localhost.
        "0.0.0.0" | "::" => "localhost",
        host => host,
    };
    let port = settings.port;
    let unhealthy = |why: String| {
        Error::from(HostError::Unhealthy {
            address: format!("{host}:{port}"),
            why,
        })
    };
    let status = timeout(TIMEOUT, status(host, port))
        .await
        .map_err(|_| unhealthy(format!("no response within {} s", TIMEOUT.as_secs())))?
        .map_err(|error| unhealthy(error.to_string()))?;
    match status {
        StatusCode::OK => Ok(()),
        status => Err(unhealthy(format!("it responded with {status}"))),
    }
}

async fn status(host: &str, port: u16) -> io::Result<StatusCode> {
    // Every server accepts this name.
    let request = Request::get("/health")
        .header(header::HOST, "localhost")
        .body(Full::default())
        .map_err(io::Error::other)?;
    Ok(client::send(host, port, request).await?.status())
}

#[cfg(test)]
mod tests {
    use rmcp::ServerHandler;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;
    use crate::Server;

    struct Silent;
    impl ServerHandler for Silent {}

    fn settings(host: &str, port: u16) -> Settings {
        let mut settings = Settings::default();
        settings.host = host.to_owned();
        settings.port = port;
        settings
    }

    #[tokio::test]
    async fn a_server_is_healthy_while_it_serves() {
        let server = Server::new(|_| Silent).host("localhost").port(0);
        let bound = server.bind().await.unwrap();
        let port = bound.local_addr().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(bound.serve_until(async {
            let _ = stopped.await;
        }));

        for host in ["localhost", "127.0.0.1", "0.0.0.0", "::"] {
            check(&settings(host, port)).await.unwrap();
        }

        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        let error = check(&settings("0.0.0.0", port)).await.unwrap_err();
        let expected = format!("health check of localhost:{port} failed: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[tokio::test]
    async fn another_program_on_the_port_is_not_healthy() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });

        let error = check(&settings("127.0.0.1", port)).await.unwrap_err();

        assert_eq!(error.kind(), farport_server::ErrorKind::Health, "{error}");
    }
}
