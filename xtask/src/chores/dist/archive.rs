//! Archives whose bytes depend on nothing but their files.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The files of an archive by their path, in their order in the archive.
#[derive(Clone, Default)]
pub(super) struct Files(BTreeMap<String, (Vec<u8>, bool)>);

impl Files {
    pub(super) fn file(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), (bytes.into(), false));
    }

    pub(super) fn program(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), (bytes.into(), true));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.0.iter();
        files.map(|(path, (bytes, _))| (path.as_str(), &bytes[..]))
    }

    /// The same files in a folder.
    pub(super) fn below(self, folder: &str) -> Self {
        let files = self.0.into_iter();
        Self(
            files
                .map(|(path, file)| (format!("{folder}/{path}"), file))
                .collect(),
        )
    }

    /// A tar archive. With `folders`, it has an entry for each folder, as package managers expect.
    pub(super) fn tar(&self, epoch: u64, folders: bool) -> Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut made = std::collections::BTreeSet::new();
        for (path, (bytes, executable)) in &self.0 {
            for (end, _) in path.match_indices('/').filter(|_| folders) {
                let folder = path.get(..=end).unwrap_or_default();
                // `./` is the root of a package.
                if made.insert(folder) {
                    let mut header = header(epoch, 0o755);
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_size(0);
                    archive.append_data(&mut header, folder, &[][..])?;
                }
            }
            let mut header = header(epoch, if *executable { 0o755 } else { 0o644 });
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, path, &bytes[..])?;
        }
        Ok(archive.into_inner()?)
    }

    /// A compressed tar archive.
    pub(super) fn tar_gz(&self, epoch: u64, folders: bool) -> Result<Vec<u8>> {
        gzip(&self.tar(epoch, folders)?)
    }

    /// A zip archive.
    pub(super) fn zip(&self) -> Result<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, (bytes, executable)) in &self.0 {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .last_modified_time(DateTime::default())
                .unix_permissions(if *executable { 0o755 } else { 0o644 });
            archive.start_file(path.as_str(), options)?;
            archive.write_all(bytes)?;
        }
        Ok(archive.finish()?.into_inner())
    }
}

fn header(epoch: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(epoch);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Compresses, without a name or a time.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

/// A SHA-256 digest in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}
