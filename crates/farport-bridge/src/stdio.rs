//! The local client's side: a message a line, both ways.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::message::{Kind, Peek, split};

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
    pub(crate) async fn next(&mut self) -> std::io::Result<Option<Line>> {
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
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Box<dyn AsyncWrite + Send + Unpin>>>);

impl Output {
    pub(crate) fn new(output: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(output))))
    }

    /// Writes one message, which must be JSON-RPC already.
    pub(crate) async fn write(&self, message: &str) -> std::io::Result<()> {
        debug_assert!(
            split(message).is_some_and(|all| all.iter().all(|one| Peek::at(one).is_some())),
            "{message}"
        );
        let mut line = Vec::with_capacity(message.len() + 1);
        // Between its tokens JSON may have line ends; within its strings it has none.
        line.extend(message.bytes().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            other => other,
        }));
        line.push(b'\n');
        let mut output = self.0.lock().await;
        output.write_all(&line).await?;
        output.flush().await
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
