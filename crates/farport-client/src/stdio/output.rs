//! Writes messages to the client, one a line.

use std::io::{self, Read};
use std::sync::Mutex;

use bytestring::ByteString;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

use crate::connection::link::lock;
use crate::message::{Peek, split};
use crate::spool::Filed;

/// Writes messages to the client. Only JSON-RPC gets through.
///
/// A dedicated task writes them, in their order. The caller gets a ticket and waits for it with
/// [`Output::written`], so that the client's pace bounds what waits here.
pub(super) struct Output {
    queue: Mutex<Queue>,
    /// The number of messages that were written. The task drops its end when writing fails.
    written: watch::Receiver<u64>,
}

struct Queue {
    sender: mpsc::UnboundedSender<What>,
    pushed: u64,
}

enum What {
    Message(ByteString),
    File(Filed),
}

/// Reads and writes of a file are of this size, in bytes.
const PIECE: usize = 64 * 1024;

impl Output {
    pub(super) fn new(mut output: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, mut all) = mpsc::unbounded_channel();
        let (done, written) = watch::channel(0);
        tokio::spawn(async move {
            let mut line = Vec::new();
            while let Some(what) = all.recv().await {
                let written = match what {
                    What::Message(message) => write(&mut output, &message, &mut line).await,
                    What::File(filed) => copy(&mut output, filed).await,
                };
                if let Err(error) = written {
                    // Half a line may be there, and nothing may follow it.
                    tracing::debug!(%error, "a message was not written");
                    break;
                }
                done.send_modify(|count| *count += 1);
            }
        });
        let queue = Mutex::new(Queue { sender, pushed: 0 });
        Self { queue, written }
    }

    /// Writes one message, which must be JSON-RPC already. Returns its ticket.
    pub(super) fn push(&self, message: ByteString) -> u64 {
        debug_assert!(
            split(&message).is_some_and(|all| all.iter().all(|one| Peek::at(one).is_some())),
            "{message}"
        );
        self.push_any(What::Message(message))
    }

    /// Writes one message that is in a file, which must have been looked at already.
    pub(super) fn push_file(&self, message: Filed) -> u64 {
        self.push_any(What::File(message))
    }

    fn push_any(&self, what: What) -> u64 {
        let mut queue = lock(&self.queue);
        queue.pushed += 1;
        // The failure of the task shows in `written`.
        let _ = queue.sender.send(what);
        queue.pushed
    }

    /// Waits until a message is written.
    pub(super) async fn written(&self, ticket: u64) -> io::Result<()> {
        let mut written = self.written.clone();
        match written.wait_for(|count| *count >= ticket).await {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Waits until everything before is written.
    pub(super) async fn flush(&self) -> io::Result<()> {
        let last = lock(&self.queue).pushed;
        self.written(last).await
    }
}

/// The largest buffer that is kept for the next line, in bytes.
const LARGEST_KEPT: usize = 1024 * 1024;

async fn write(
    output: &mut (impl AsyncWrite + Unpin),
    message: &str,
    line: &mut Vec<u8>,
) -> io::Result<()> {
    line.clear();
    line.reserve(message.len() + 1);
    line.extend_from_slice(message.as_bytes());
    keep_on_one_line(line);
    line.push(b'\n');
    let written = output.write_all(line).await;
    if line.capacity() > LARGEST_KEPT {
        *line = Vec::new();
    }
    written?;
    output.flush().await
}

async fn copy(output: &mut (impl AsyncWrite + Unpin), message: Filed) -> io::Result<()> {
    let mut message = message.into_bytes()?;
    let mut piece = vec![0; PIECE];
    loop {
        // It was written a moment ago, and is in the system's cache.
        let read = message.read(&mut piece)?;
        let Some(part) = piece.get_mut(..read).filter(|part| !part.is_empty()) else {
            break;
        };
        keep_on_one_line(part);
        output.write_all(part).await?;
    }
    output.write_all(b"\n").await?;
    output.flush().await
}

/// Between its tokens JSON may have line ends; within its strings it has none.
fn keep_on_one_line(text: &mut [u8]) {
    for byte in text {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_stays_on_one_line() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let output = Output::new(ours);
        let text = "{\n  \"jsonrpc\": \"2.0\",\r\n  \"method\": \"x\"\n}";
        let ticket = output.push(text.into());
        output.written(ticket).await.unwrap();
        drop(output);
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut theirs, &mut text)
            .await
            .unwrap();
        assert_eq!(text, "{   \"jsonrpc\": \"2.0\",    \"method\": \"x\" }\n");
    }
}
