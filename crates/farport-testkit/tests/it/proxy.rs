//! A TCP proxy that cuts a connection in the middle of an answer.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A proxy that cuts the first connection on which an event with its marker arrives, right after
/// that event.
pub(crate) struct CuttingProxy {
    /// Where clients connect to.
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    cut: bool,
    requests: Vec<u8>,
}

impl CuttingProxy {
    /// A proxy before the server at `address`, which is `host:port`.
    pub(crate) async fn before(address: &str, marker: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Seen>>::default();
        let (far, shared) = (address.to_owned(), seen.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&far).await.unwrap();
                let (from_client, to_client) = near.into_split();
                let (from_server, to_server) = far.into_split();
                tokio::spawn(requests(from_client, to_server, shared.clone()));
                tokio::spawn(answers(from_server, to_client, shared.clone(), marker));
            }
        });
        Self { url, seen }
    }

    /// Whether a connection has been cut.
    pub(crate) fn has_cut(&self) -> bool {
        self.seen.lock().unwrap().cut
    }

    /// The heads and bodies of all requests, one after the other.
    pub(crate) fn requests(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap().requests).into_owned()
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Arc<Mutex<Seen>>) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        seen.lock().unwrap().requests.extend(&chunk[..length]);
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    seen: Arc<Mutex<Seen>>,
    marker: &str,
) {
    let mut chunk = [0; 4096];
    let (mut received, mut sent) = (Vec::new(), 0);
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        received.extend(&chunk[..length]);
        let mut cut = end_of_marked(&received, marker);
        if cut.is_some() && std::mem::replace(&mut seen.lock().unwrap().cut, true) {
            cut = None;
        }
        let end = cut.unwrap_or(received.len());
        if to.write_all(&received[sent..end]).await.is_err() || cut.is_some() {
            return;
        }
        sent = end;
    }
}

/// Where the first event with `marker` in it ends.
fn end_of_marked(stream: &[u8], marker: &str) -> Option<usize> {
    let find = |from: usize, what: &[u8]| {
        let windows = stream.get(from..)?.windows(what.len());
        windows
            .into_iter()
            .position(|window| window == what)
            .map(|at| from + at)
    };
    let marked = find(0, marker.as_bytes())?;
    Some(find(marked, b"\n\n")? + 2)
}
