//! The servers that the user has configured elsewhere, such as in the configuration of another MCP client.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::target::Target;

/// A server from a configuration.
#[derive(Clone, Debug)]
pub struct SavedServer {
    /// Identifies the server among all.
    pub id: String,
    /// The name in the configuration.
    pub name: String,
    /// The client that the configuration belongs to.
    pub client: String,
    /// The configuration.
    pub file: PathBuf,
    /// The server. Header values are not shown.
    pub target: Target,
    /// The headers whose values only the client knows.
    pub missing: Vec<String>,
}

/// Returns the servers that the user has configured. The inspector calls it whenever it shows them.
pub type SavedServers = dyn Fn() -> Vec<SavedServer> + Send + Sync;

impl SavedServer {
    /// The server as the page shows it, without secrets.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "client": self.client,
            "file": self.file.display().to_string(),
            "url": self.target.url().map(|_| self.target.shown()),
            "command": self.target.command(),
            "headers": self.target.header_names(),
            "missing": self.missing,
            "allow_http": self.target.allows_http(),
            "settings": self.target.settings(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_server_is_shown_without_its_secrets() {
        let headers = vec![("X-Key".to_owned(), "s3cret-key".into())];
        let url = "https://a.example/mcp?key=s3cret-query".to_owned();
        let server = SavedServer {
            id: "cursor:a".to_owned(),
            name: "a".to_owned(),
            client: "Cursor".to_owned(),
            file: PathBuf::from("/home/me/.cursor/mcp.json"),
            target: Target::new(url, headers, false),
            missing: vec!["X-Other".to_owned()],
        };
        let shown = server.shown();
        assert_eq!(shown["url"], "https://a.example/mcp?…");
        assert_eq!(shown["headers"], json!(["X-Key"]));
        assert_eq!(shown["command"], Value::Null);
        assert!(!shown.to_string().contains("s3cret"));
    }
}
