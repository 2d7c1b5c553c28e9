//! Lines of a bounded length.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

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
}
