//! A message that arrives: in memory while it is small, in a temporary file once it is not.
//!
//! A message is complete before any of it is passed on: a connection may break in the middle of one,
//! and half a message would break the client. A file keeps memory use flat.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use struson::reader::{JsonReader, JsonStreamReader, ReaderError, ReaderSettings, ValueType};

use crate::message::{Id, Kind};

/// The largest message that is held in memory while it arrives, in bytes.
const IN_MEMORY: usize = 2 * 1024 * 1024;
/// The longest name, id or method of a message in a file, in bytes.
const WORD: usize = 64 * 1024;
/// The deepest nesting of a message in a file.
const DEEPEST: u32 = 10_000;

/// A byte order mark in UTF-8. RFC 8259, section 8.1, lets a parser ignore it.
pub(crate) const BOM: &[u8] = "\u{feff}".as_bytes();

/// How large messages may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A message that is held in memory while it arrives.
    in_memory: usize,
    /// A message that has to be in memory, because it is changed or read.
    pub(crate) held: usize,
    /// A message that passes through.
    pub(crate) whole: usize,
}

impl Limits {
    pub(crate) fn new(held: usize, whole: usize) -> Self {
        Self {
            in_memory: IN_MEMORY.min(held),
            held: held.min(whole),
            whole,
        }
    }
}

#[cfg(test)]
impl Limits {
    /// Everything goes into a file.
    pub(crate) fn filed(most: usize) -> Self {
        Self {
            in_memory: 0,
            held: most,
            whole: most,
        }
    }
}

/// Why a message could not be received.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It has more than this many bytes.
    TooLarge(usize),
    /// It is not UTF-8.
    NotText,
    /// The temporary file failed.
    File(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Receives a message in pieces.
#[derive(Debug)]
pub(crate) struct Spool {
    limits: Limits,
    held: Vec<u8>,
    file: Option<File>,
    length: usize,
    /// How many bytes of a byte order mark have come; `None` once something else has.
    mark: Option<usize>,
}

impl Spool {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            held: Vec::new(),
            file: None,
            length: 0,
            mark: Some(0),
        }
    }

    /// Receives the next piece.
    ///
    /// Writing to a file only waits for the system's cache, so it is done in place.
    pub(crate) fn push(&mut self, mut piece: &[u8]) -> Result<(), Fault> {
        while let (Some(seen), Some((first, rest))) = (self.mark, piece.split_first()) {
            if BOM.get(seen) == Some(first) {
                self.mark = Some(seen + 1).filter(|seen| *seen < BOM.len());
                piece = rest;
            } else {
                self.mark = None;
                self.append(BOM.get(..seen).unwrap_or_default())?;
            }
        }
        self.append(piece)
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.length = self.length.saturating_add(piece.len());
        if self.length > self.limits.whole {
            return Err(Fault::TooLarge(self.limits.whole));
        }
        if let Some(file) = &mut self.file {
            file.write_all(piece)?;
        } else if self.length > self.limits.in_memory {
            // It has no name, and the system removes it with this process.
            let mut file = tempfile::tempfile()?;
            file.write_all(&self.held)?;
            file.write_all(piece)?;
            self.held = Vec::new();
            self.file = Some(file);
        } else {
            self.held.extend_from_slice(piece);
        }
        Ok(())
    }

    /// Ends the message, and returns it.
    pub(crate) fn finish(mut self) -> Result<Body, Fault> {
        if let Some(seen) = self.mark.take() {
            self.append(BOM.get(..seen).unwrap_or_default())?;
        }
        let Some(file) = self.file else {
            let text = String::from_utf8(self.held);
            return text.map(Body::Held).map_err(|_| Fault::NotText);
        };
        Ok(Body::Filed(Filed {
            file,
            length: self.length,
            held: self.limits.held,
        }))
    }
}

/// A message that has arrived.
#[derive(Debug)]
pub(crate) enum Body {
    /// In memory.
    Held(String),
    /// In a file.
    Filed(Filed),
}

impl Default for Body {
    fn default() -> Self {
        Self::Held(String::new())
    }
}

impl Body {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Held(text) if text.is_empty())
    }

    /// The length of the whole message, in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Held(text) => text.len(),
            Self::Filed(filed) => filed.length,
        }
    }

    /// The text if it is in memory; else an empty text.
    pub(crate) fn held(&self) -> &str {
        match self {
            Self::Held(text) => text,
            Self::Filed(_) => "",
        }
    }

    /// Returns the text, and reads it into memory if necessary.
    pub(crate) fn into_text(self) -> Result<String, Fault> {
        match self {
            Self::Held(text) => Ok(text),
            Self::Filed(filed) => filed.into_text(),
        }
    }
}

/// A message in a file.
#[derive(Debug)]
pub(crate) struct Filed {
    file: File,
    length: usize,
    held: usize,
}

impl Filed {
    /// Reads what kind of message it is, and checks that it is JSON to the end. `None` for a batch, and
    /// for JSON that is no JSON-RPC 2.0 message.
    pub(crate) fn kind(&mut self) -> Result<Option<Kind>, Fault> {
        self.file.seek(SeekFrom::Start(0))?;
        let failed = Cell::new(None);
        let outline = Outline::read(&self.file, &failed);
        if let Some(error) = failed.take() {
            return Err(Fault::File(error));
        }
        // Everything else that can be wrong is wrong with the message.
        Ok(outline.ok().flatten().and_then(Outline::kind))
    }

    /// The text, read into memory.
    pub(crate) fn into_text(mut self) -> Result<String, Fault> {
        if self.length > self.held {
            return Err(Fault::TooLarge(self.held));
        }
        let mut bytes = Vec::with_capacity(self.length);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Fault::NotText)
    }

    /// The bytes, from the first one on.
    pub(crate) fn into_bytes(mut self) -> io::Result<impl Read + Send> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(self.file)
    }
}

/// What routing needs of a message.
#[derive(Default)]
struct Outline {
    jsonrpc: Option<String>,
    /// Inside, `None` for null.
    id: Option<Option<Id>>,
    method: Option<String>,
    result: bool,
    error: bool,
}

impl Outline {
    /// Reads past everything but the outermost members. `None` for what cannot be JSON-RPC.
    fn read(file: &File, failed: &Cell<Option<io::Error>>) -> Result<Option<Self>, ReaderError> {
        let left = Cell::new(usize::MAX);
        let budgeted = Budgeted {
            inner: BufReader::with_capacity(64 * 1024, file),
            left: &left,
            failed,
        };
        let settings = ReaderSettings {
            max_nesting_depth: Some(DEEPEST),
            restrict_number_values: false,
            track_path: false,
            ..ReaderSettings::default()
        };
        let mut reader = JsonStreamReader::new_custom(budgeted, settings);
        let mut found = Self::default();
        reader.begin_object()?;
        loop {
            // What is kept in memory is bounded, whatever the server sends.
            left.set(WORD);
            if !reader.has_next()? {
                break;
            }
            let name = reader.next_name_owned()?;
            let twice = match &*name {
                "jsonrpc" => found.jsonrpc.replace(reader.next_string()?).is_some(),
                "method" => found.method.replace(reader.next_string()?).is_some(),
                "id" => {
                    let id = match reader.peek()? {
                        ValueType::String => Some(reader.next_string()?.into()),
                        ValueType::Number => {
                            serde_json::from_str(reader.next_number_as_str()?).ok()
                        }
                        ValueType::Null => {
                            reader.next_null()?;
                            None
                        }
                        _ => return Ok(None),
                    };
                    let id: Option<serde_json::Value> = id;
                    found
                        .id
                        .replace(id.as_ref().and_then(Id::of_value))
                        .is_some()
                }
                other => {
                    left.set(usize::MAX);
                    reader.skip_value()?;
                    match other {
                        "result" => std::mem::replace(&mut found.result, true),
                        "error" => std::mem::replace(&mut found.error, true),
                        _ => false,
                    }
                }
            };
            if twice {
                return Ok(None);
            }
        }
        left.set(usize::MAX);
        reader.end_object()?;
        reader.consume_trailing_whitespace()?;
        Ok(Some(found))
    }

    fn kind(self) -> Option<Kind> {
        if self.jsonrpc? != "2.0" {
            return None;
        }
        match (self.method, self.id, self.result || self.error) {
            (Some(_), Some(id), false) => Some(Kind::Request(id?)),
            (Some(_), None, false) => Some(Kind::Notification),
            (None, None | Some(None), true) if self.error => Some(Kind::Response(None)),
            (None, Some(Some(id)), true) => Some(Kind::Response(Some(id))),
            _ => None,
        }
    }
}

/// Reads at most `left` bytes, and keeps the file's own errors apart from those of the message.
struct Budgeted<'a, R> {
    inner: R,
    left: &'a Cell<usize>,
    failed: &'a Cell<Option<io::Error>>,
}

impl<R: Read> Read for Budgeted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        let most = buffer.len().min(left);
        let Some(buffer) = buffer.get_mut(..most) else {
            return Ok(0);
        };
        match self.inner.read(buffer) {
            Ok(read) => {
                self.left.set(left.saturating_sub(read));
                Ok(read)
            }
            Err(error) => {
                let kind = error.kind();
                self.failed.set(Some(error));
                Err(io::Error::from(kind))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(in_memory: usize, held: usize, whole: usize) -> Limits {
        Limits {
            in_memory,
            held,
            whole,
        }
    }

    fn body(text: &[u8], limits: Limits) -> Result<Body, Fault> {
        let mut spool = Spool::new(limits);
        for piece in text.chunks(7) {
            spool.push(piece)?;
        }
        spool.finish()
    }

    #[test]
    fn a_message_in_a_file_is_what_it_is_in_memory() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            r#" {"id":"\u0061","jsonrpc":"2.0","method":"x","params":{"deep":[[{"a":1e400}]]}} "#,
            r#"{"jsonrpc":"2.0","method":"x"}"#,
            r#"{"result":null,"jsonrpc":"2.0","id":7}"#,
            r#"{"result":{"text":"\ud834\udd1e \"quoted\" 𝄞"},"jsonrpc":"2.0","id":-7.50}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{}}"#,
            r#"{"jsonrpc":"2.0","error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"x","more":[[]]}"#,
            "",
            "log line",
            "[]",
            r#"["2.0",1,"x",{}]"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#,
            r#"{"jsonrpc":2.0,"id":1,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":[1],"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":1,"result":2}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x"}{}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"a":tru}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":[1,]}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":"unfinished"#,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"a\nb\"}",
        ] {
            let Body::Filed(mut filed) =
                body(text.as_bytes(), limits(0, 100, 1000)).unwrap_or_default()
            else {
                assert_eq!(text, "");
                continue;
            };
            let expect = crate::message::Peek::at(text).map(|peek| peek.kind);
            assert_eq!(filed.kind().unwrap(), expect, "{text}");
            let mut read = String::new();
            filed
                .into_bytes()
                .unwrap()
                .read_to_string(&mut read)
                .unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn what_is_no_text_is_no_message() {
        let text = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}";
        let Body::Filed(mut filed) = body(text, limits(0, 100, 1000)).unwrap() else {
            panic!("it is in memory");
        };
        assert_eq!(filed.kind().unwrap(), None);
        assert!(matches!(filed.into_text(), Err(Fault::NotText)));
        assert!(matches!(
            body(text, limits(100, 100, 100)),
            Err(Fault::NotText)
        ));
    }

    #[test]
    fn a_byte_order_mark_at_the_start_is_ignored() {
        for (text, expect) in [
            ("\u{feff}{}", "{}"),
            ("\u{feff}\u{feff}", "\u{feff}"),
            ("{\u{feff}}", "{\u{feff}}"),
            ("\u{fefe}", "\u{fefe}"),
            ("\u{feff}", ""),
            ("", ""),
        ] {
            for in_memory in [0, 100] {
                let mut spool = Spool::new(limits(in_memory, 100, 100));
                for byte in text.as_bytes() {
                    spool.push(&[*byte]).unwrap();
                }
                let read = spool.finish().unwrap().into_text().unwrap();
                assert_eq!(read, expect, "{text:?} {in_memory}");
            }
        }
        let mut cut = Spool::new(limits(100, 100, 100));
        cut.push(b"\xef\xbb").unwrap();
        assert!(matches!(cut.finish(), Err(Fault::NotText)));
    }

    #[test]
    fn sizes_are_bounded() {
        let text = "x".repeat(50);
        assert!(matches!(
            body(text.as_bytes(), limits(10, 20, 49)),
            Err(Fault::TooLarge(49))
        ));
        let filed = body(text.as_bytes(), limits(10, 20, 50)).unwrap();
        assert!(filed.held().is_empty() && !filed.is_empty());
        assert!(matches!(filed.into_text(), Err(Fault::TooLarge(20))));
        let filed = body(text.as_bytes(), limits(10, 50, 50)).unwrap();
        assert_eq!(filed.into_text().unwrap(), text);
        // Names and ids are kept in memory, so they may not be as long as a message.
        let word = "x".repeat(2 * WORD);
        for text in [
            format!(r#"{{"jsonrpc":"2.0","id":"{word}","result":1}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"{word}":1,"result":1}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{word}"}}"#),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#,
                "[".repeat(20_000),
                "]".repeat(20_000)
            ),
        ] {
            let Body::Filed(mut filed) = body(text.as_bytes(), limits(0, 0, usize::MAX)).unwrap()
            else {
                panic!("it is in memory");
            };
            assert!(filed.kind().unwrap().is_none(), "{}", &text[..60]);
        }
    }
}
