//! Compressed responses (RFC 9110, section 8.4).
//!
//! The bridge requests `identity`, and decodes what servers and CDNs compress all the same: gzip,
//! deflate and br. zstd is left out, because no server uses it unless a client accepts it.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

/// The most codings of one response.
const MOST: usize = 2;
/// How many compressed bytes are decoded at a time.
const STEP: usize = 1024;
/// The most that one step decodes to, in bytes.
const MOST_PER_STEP: usize = 16 * 1024 * 1024;
/// A response can have this many bytes, however well it is compressed.
const ALWAYS: u64 = 64 * 1024 * 1024;
/// A larger response has at most this many times its compressed size.
const MOST_RATIO: u64 = 100;

/// Why a response cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("its response is compressed with {0}, which farport does not decode")]
    Unknown(String),
    #[error("its response is not valid {0}, although Content-Encoding names it")]
    Corrupt(&'static str),
    #[error("its compressed response expands too much")]
    Bomb,
}

/// Decodes the body of one response.
#[derive(Debug)]
pub(super) struct Decoding {
    /// In the order of decoding: the reverse of the header's.
    decoders: Vec<Decoder>,
    rest: Bytes,
    compressed: u64,
    decoded: u64,
    /// The response can have this many bytes, however well it is compressed.
    always: u64,
}

impl Decoding {
    /// Returns what decodes a response with these headers; `None` for one that is not compressed.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut decoders = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            for name in value.split(',').map(str::trim) {
                decoders.extend(match name {
                    "" | "identity" => None,
                    "gzip" | "x-gzip" => Some(Decoder::Gzip(Box::new(MultiGzDecoder::new(
                        Sink::default(),
                    )))),
                    "deflate" => Some(Decoder::Undecided),
                    "br" => Some(Decoder::Brotli(Box::new(DecompressorWriter::new(
                        Sink::default(),
                        STEP,
                    )))),
                    other => {
                        let shown = other.chars().filter(char::is_ascii_graphic).take(20);
                        return Err(Fault::Unknown(shown.collect()));
                    }
                });
            }
        }
        if decoders.len() > MOST {
            return Err(Fault::Unknown(format!("{} codings", decoders.len())));
        }
        decoders.reverse();
        Ok((!decoders.is_empty()).then_some(Self {
            decoders,
            rest: Bytes::new(),
            compressed: 0,
            decoded: 0,
            always: ALWAYS,
        }))
    }

    /// Takes in a piece of the compressed body.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.compressed = self.compressed.saturating_add(piece.len() as u64);
        self.rest = piece;
    }

    /// Returns the next decoded bytes of what was taken in; `None` when more is needed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        while !self.rest.is_empty() {
            let step = self.rest.split_to(STEP.min(self.rest.len()));
            let mut piece = step.to_vec();
            for decoder in &mut self.decoders {
                piece = decoder.decode(&piece)?;
            }
            if !piece.is_empty() {
                self.decoded = self.decoded.saturating_add(piece.len() as u64);
                if self.decoded > self.always.max(self.compressed.saturating_mul(MOST_RATIO)) {
                    return Err(Fault::Bomb);
                }
                return Ok(Some(piece.into()));
            }
        }
        Ok(None)
    }

    /// Returns the last decoded bytes, and checks that the compressed body is complete.
    pub(super) fn finish(&mut self) -> Result<Bytes, Fault> {
        if self.compressed == 0 {
            return Ok(Bytes::new());
        }
        let mut last = Vec::new();
        for decoder in &mut self.decoders {
            last = decoder.decode(&last)?;
            last.extend(decoder.finish()?);
        }
        Ok(last.into())
    }
}

/// Decodes one coding.
enum Decoder {
    Gzip(Box<MultiGzDecoder<Sink>>),
    /// deflate, before the first byte tells in which of its two forms.
    Undecided,
    Zlib(Box<ZlibDecoder<Sink>>),
    /// What some servers send in place of zlib's format.
    Deflate(Box<DeflateDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Decoder {
    fn name(&self) -> &'static str {
        match self {
            Self::Gzip(_) => "gzip",
            Self::Undecided | Self::Zlib(_) | Self::Deflate(_) => "deflate",
            Self::Brotli(_) => "br",
        }
    }

    fn decode(&mut self, piece: &[u8]) -> Result<Vec<u8>, Fault> {
        if let (Self::Undecided, Some(first)) = (&*self, piece.first()) {
            // A zlib header begins with the method, 8, and the size of the window.
            *self = if first & 0x0f == 8 && first >> 4 <= 7 {
                Self::Zlib(Box::new(ZlibDecoder::new(Sink::default())))
            } else {
                Self::Deflate(Box::new(DeflateDecoder::new(Sink::default())))
            };
        }
        let name = self.name();
        let written = match self {
            Self::Gzip(decoder) => write(&mut **decoder, piece),
            Self::Undecided => Ok(()),
            Self::Zlib(decoder) => write(&mut **decoder, piece),
            Self::Deflate(decoder) => write(&mut **decoder, piece),
            Self::Brotli(decoder) => write(&mut **decoder, piece),
        };
        self.taken(name, written)
    }

    fn finish(&mut self) -> Result<Vec<u8>, Fault> {
        let name = self.name();
        let finished = match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Undecided => Ok(()),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) => decoder.try_finish(),
            Self::Brotli(decoder) => decoder.close(),
        };
        self.taken(name, finished)
    }

    fn taken(&mut self, name: &'static str, written: io::Result<()>) -> Result<Vec<u8>, Fault> {
        let sink = match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Undecided => return Ok(Vec::new()),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
        };
        if sink.is_over {
            return Err(Fault::Bomb);
        }
        written.map_err(|_| Fault::Corrupt(name))?;
        Ok(std::mem::take(&mut sink.bytes))
    }
}

/// Writes a piece, and has everything that it decodes to written to the sink. What follows the end of
/// the compressed data is ignored.
fn write(decoder: &mut impl Write, mut piece: &[u8]) -> io::Result<()> {
    while !piece.is_empty() {
        match decoder.write(piece)? {
            0 => break,
            written => piece = piece.get(written..).unwrap_or_default(),
        }
    }
    decoder.flush()
}

/// Keeps a bounded number of bytes.
#[derive(Default)]
struct Sink {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Write for Sink {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(piece.len()) > MOST_PER_STEP {
            self.is_over = true;
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(coding: &str, body: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_ENCODING,
            HeaderValue::from_str(coding).unwrap(),
        )]);
        let Some(mut decoding) = Decoding::of(&headers)? else {
            return Ok(body.to_vec());
        };
        decoding.always = 1 << 20;
        let mut all = Vec::new();
        for piece in body.chunks(piece) {
            decoding.push(Bytes::copy_from_slice(piece));
            while let Some(decoded) = decoding.next()? {
                all.extend_from_slice(&decoded);
            }
        }
        all.extend_from_slice(&decoding.finish()?);
        Ok(all)
    }

    #[test]
    fn each_coding_is_decoded_in_pieces_of_any_size() {
        let text = "A line of JSON. ".repeat(5000).into_bytes();
        let brotli = b"\x8f\x02\x80\x68\x65\x6c\x6c\x6f\x0a\x03";
        let mut members = gzip(&text);
        members.extend(gzip(b"more"));
        let mut two = text.clone();
        two.extend(b"more");
        for (coding, body, expect) in [
            ("identity", text.clone(), &text),
            ("gzip", gzip(&text), &text),
            ("X-GZIP", gzip(&text), &text),
            ("gzip", members, &two),
            ("deflate", zlib(&text), &text),
            ("deflate", deflate(&text), &text),
            ("br", brotli.to_vec(), &b"hello\n".to_vec()),
            ("gzip, gzip", gzip(&gzip(&text)), &text),
            ("deflate, gzip", gzip(&zlib(&text)), &text),
            ("gzip", Vec::new(), &Vec::new()),
        ] {
            for piece in [1, 100, 1 << 20] {
                let decoded = decode(coding, &body, piece).unwrap();
                assert!(decoded == *expect, "{coding} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        let cut = gzip(b"text").split_at(15).0.to_vec();
        for (coding, body, expect) in [
            ("zstd", &b"x"[..], "zstd"),
            ("gzip, gzip, gzip", b"x", "3 codings"),
            ("gzip", b"{\"jsonrpc\":\"2.0\"}", "not valid gzip"),
            ("gzip", &cut, "not valid gzip"),
            ("br", b"\xff\xff\xff\xff\xff", "not valid br"),
        ] {
            let fault = decode(coding, body, 100).unwrap_err().to_string();
            assert!(fault.contains(expect), "{coding} {fault}");
        }
    }

    #[test]
    fn what_expands_without_end_is_refused() {
        let zeros = vec![0; 4 << 20];
        let bomb = gzip(&zeros);
        assert!(matches!(decode("gzip", &bomb, 4096), Err(Fault::Bomb)));
        let nested = gzip(&bomb);
        assert!(matches!(
            decode("gzip, gzip", &nested, 4096),
            Err(Fault::Bomb)
        ));
    }
}
