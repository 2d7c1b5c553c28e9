//! `--health`: whether the server that these settings start is well. For a container's health
//! check, where there is no other program to ask with.

use std::{io, time::Duration};

use http::{Request, StatusCode, header};
use http_body_util::Full;
use tokio::time::timeout;

use crate::{Error, Settings, client};

/// How long the server may take for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the server that listens where the settings say.
///
/// # Errors
/// [`Error::NotWell`] when it does not answer that it is well.
pub(crate) async fn ask(settings: &Settings) -> Result<(), Error> {
    let host = match settings.host.as_str() {
        // Nobody can connect to "any address"; this machine can be named.
        "0.0.0.0" | "::" => "localhost",
        host => host,
    };
    let port = settings.port;
    let not_well = |why: String| Error::NotWell {
        address: format!("{host}:{port}"),
        why,
    };
    let status = timeout(PATIENCE, status(host, port))
        .await
        .map_err(|_| not_well(format!("no answer in {} s", PATIENCE.as_secs())))?
        .map_err(|error| not_well(error.to_string()))?;
    match status {
        StatusCode::OK => Ok(()),
        status => Err(not_well(format!("it answered {status}"))),
    }
}

async fn status(host: &str, port: u16) -> io::Result<StatusCode> {
    // A name that every server goes by.
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
        Settings {
            host: host.to_owned(),
            port,
            ..Settings::default()
        }
    }

    #[tokio::test]
    async fn a_server_is_well_while_it_serves() {
        let server = Server::new(|_| Silent).host("localhost").port(0);
        let bound = server.bind().await.unwrap();
        let port = bound.local_addr().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(bound.serve_until(async {
            let _ = stopped.await;
        }));

        for host in ["localhost", "127.0.0.1", "0.0.0.0", "::"] {
            ask(&settings(host, port)).await.unwrap();
        }

        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        let error = ask(&settings("0.0.0.0", port)).await.unwrap_err();
        let expected = format!("the server at localhost:{port} is not well: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[tokio::test]
    async fn whoever_else_has_the_port_is_not_well() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });

        let error = ask(&settings("127.0.0.1", port)).await.unwrap_err();

        assert!(matches!(error, Error::NotWell { .. }), "{error}");
    }
}
