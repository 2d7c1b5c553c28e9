//! The tools of servers, stored for the completion of shells. A completion never connects to a server.

use std::fs;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use farport_client::Tool;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The largest file, in bytes.
const LARGEST: usize = 1024 * 1024;
/// The most files.
const MOST: usize = 100;

/// What completion needs of a tool.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Known {
    /// The name.
    pub(crate) name: String,
    /// The schema of the arguments.
    pub(crate) schema: Value,
}

/// The folder of the files.
fn folder() -> Option<PathBuf> {
    let set = std::env::var_os("FARPORT_CONFIG_DIR").filter(|folder| !folder.is_empty());
    if let Some(folder) = set {
        return Some(Path::new(&folder).join("tools"));
    }
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.cache_dir().join("farport/tools"))
}

/// The file of a server. Its name is a digest, because a URL may contain a secret.
fn file(folder: &Path, url: &str) -> PathBuf {
    let digest = Sha256::digest(url.as_bytes());
    let name = base16ct::lower::encode_string(digest.get(..16).unwrap_or_default());
    folder.join(format!("{name}.json"))
}

/// Stores the tools of a server. A failure only costs the completion.
pub(crate) fn store(url: &str, tools: &[Tool]) {
    let Some(folder) = folder() else { return };
    let known = tools.iter().map(|tool| Known {
        name: tool.name.clone(),
        schema: serde_json::from_str(tool.input_schema.get()).unwrap_or_default(),
    });
    let Ok(text) = serde_json::to_vec(&known.collect::<Vec<_>>()) else {
        return;
    };
    let path = file(&folder, url);
    if text.len() > LARGEST || fs::read(&path).is_ok_and(|before| before == text) {
        return;
    }
    let write = || {
        fs::create_dir_all(&folder)?;
        remove_oldest(&folder);
        let mut temporary = tempfile::NamedTempFile::new_in(&folder)?;
        std::io::Write::write_all(&mut temporary, &text)?;
        temporary.persist(&path)?;
        Ok::<_, std::io::Error>(())
    };
    if let Err(error) = write() {
        tracing::debug!(%error, "the tools cannot be stored for completion");
    }
}

/// The stored tools of a server.
pub(crate) fn load(url: &str) -> Vec<Known> {
    let read = || {
        let path = file(&folder()?, url);
        let size = fs::metadata(&path).ok()?.len();
        let text = (size <= LARGEST as u64).then(|| fs::read(&path).ok())??;
        serde_json::from_slice(&text).ok()
    };
    read().unwrap_or_default()
}

/// Makes room for one more file.
fn remove_oldest(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    files.sort_unstable();
    let surplus = (files.len() + 1).saturating_sub(MOST);
    for (_, path) in files.into_iter().take(surplus) {
        // Another process may have removed it.
        let _ = fs::remove_file(path);
    }
}
