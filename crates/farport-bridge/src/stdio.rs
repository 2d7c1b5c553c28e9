//! The local client's side: a message a line, both ways.

use std::io::{self, Read};

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use crate::message::{Kind, Peek, split};
use crate::spool::Filed;

/// What one line holds.
#[derive(Debug)]
pub(crate) enum Line {
    /// Text.
    Text(Bytes),
    /// More than a message may have; it was thrown away as it came.
    TooLong,
}

/// Reads lines of at most `most` bytes.
pub(crate) struct Lines<R> {
    input: R,
    most: usize,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(input: R, most: usize) -> Self {
        Self { input, most }
    }

    /// The next line; `None` at the end of the input. Lines with nothing on them are passed over.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            let buffer = self.input.fill_buf().await?;
            if buffer.is_empty() {
                return Ok(match (too_long, line.is_empty()) {
                    (true, _) => Some(Line::TooLong),
                    (false, true) => None,
                    (false, false) => Some(Line::Text(line.into())),
                });
            }
            let (piece, used, over) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => (buffer.split_at(end).0, end + 1, true),
                None => (buffer, buffer.len(), false),
            };
            if line.len() + piece.len() > self.most {
                too_long = true;
                line = Vec::new();
            }
            if !too_long {
                line.extend_from_slice(piece);
            }
            self.input.consume(used);
            if over {
                if too_long {
                    return Ok(Some(Line::TooLong));
                }
                if !line.trim_ascii().is_empty() {
                    return Ok(Some(Line::Text(line.into())));
                }
                line.clear();
            }
        }
    }
}

/// Where messages for the local client go. Only JSON-RPC gets through.
///
/// They are written by a task of their own: whoever has a message written may be stopped in the
/// middle of it, and the line is whole all the same.
#[derive(Clone)]
pub(crate) struct Output(mpsc::Sender<(What, oneshot::Sender<io::Result<()>>)>);

enum What {
    Message(Vec<u8>),
    File(Filed),
    Nothing,
}

/// Reads and writes of a file are of this size, in bytes.
const PIECE: usize = 64 * 1024;

impl Output {
    pub(crate) fn new(mut output: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, mut all) = mpsc::channel::<(What, oneshot::Sender<_>)>(1);
        tokio::spawn(async move {
            while let Some((what, done)) = all.recv().await {
                let written = match what {
                    What::Message(message) => write(&mut output, message).await,
                    What::File(filed) => copy(&mut output, filed).await,
                    What::Nothing => output.flush().await,
                };
                let failed = written.is_err();
                // Whoever had it written may have been stopped.
                let _ = done.send(written);
                if failed {
                    // Half a line may be there, and nothing may follow it.
                    break;
                }
            }
        });
        Self(sender)
    }

    /// Writes one message, which must be JSON-RPC already.
    pub(crate) async fn write(&self, message: &str) -> io::Result<()> {
        debug_assert!(
            split(message).is_some_and(|all| all.iter().all(|one| Peek::at(one).is_some())),
            "{message}"
        );
        let mut line = Vec::with_capacity(message.len() + 1);
        line.extend_from_slice(message.as_bytes());
        self.send(What::Message(line)).await
    }

    /// Writes one message that is in a file, which must have been looked at already.
    pub(crate) async fn write_file(&self, message: Filed) -> io::Result<()> {
        self.send(What::File(message)).await
    }

    /// Waits until everything before is written.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        self.send(What::Nothing).await
    }

    async fn send(&self, what: What) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.send((what, done)).await.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }
}

async fn write(output: &mut (impl AsyncWrite + Unpin), mut line: Vec<u8>) -> io::Result<()> {
    keep_on_one_line(&mut line);
    line.push(b'\n');
    output.write_all(&line).await?;
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

impl Kind {
    /// Whether somebody waits for an answer to it.
    pub(crate) fn is_request(&self) -> bool {
        matches!(self, Self::Request(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded_and_the_next_one_is_whole() {
        let input = format!("one\r\n\n  \n{}\ntwo\nlast", "x".repeat(5000));
        let mut lines = Lines::new(
            tokio::io::BufReader::with_capacity(16, input.as_bytes()),
            100,
        );
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            seen.push(match line {
                Line::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                Line::TooLong => "too long".to_owned(),
            });
        }
        assert_eq!(seen, ["one\r", "too long", "two", "last"]);
    }

    #[tokio::test]
    async fn a_message_stays_on_one_line() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let output = Output::new(ours);
        output
            .write("{\n  \"jsonrpc\": \"2.0\",\r\n  \"method\": \"x\"\n}")
            .await
            .unwrap();
        drop(output);
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut theirs, &mut text)
            .await
            .unwrap();
        assert_eq!(text, "{   \"jsonrpc\": \"2.0\",    \"method\": \"x\" }\n");
    }
}
