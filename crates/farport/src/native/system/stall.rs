//! Clients that stop reading, on systems that report them.

use std::{io, time::Duration};

use tokio::net::TcpStream;

/// Closes a connection whose client stops reading.
pub(crate) fn limit_stalls(stream: &TcpStream, stalled: Duration) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stalled))
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};

    use super::*;

    #[tokio::test]
    async fn the_connection_of_a_client_that_reads_nothing_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        limit_stalls(&stream, Duration::from_millis(300)).unwrap();
        let flood = async {
            loop {
                if let Err(error) = stream.write_all(&[0; 65_536]).await {
                    return error;
                }
            }
        };
        let ended = timeout(Duration::from_secs(60), flood).await.unwrap();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
