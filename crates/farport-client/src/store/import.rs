//! Imports the sign-ins of `mcp-remote`, so that its users need not sign in again.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::record::{Client, ClientAuth, Record, Tokens};
use crate::clock::Clock;
use crate::identity::Identity;
use crate::secret::Secret;

#[derive(Deserialize)]
struct TheirTokens {
    access_token: Secret,
    refresh_token: Option<Secret>,
    id_token: Option<Secret>,
    /// In milliseconds.
    expires_at: Option<f64>,
    expires_in: Option<f64>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct TheirClient {
    client_id: String,
    client_secret: Option<Secret>,
    client_secret_expires_at: Option<f64>,
    token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<Url>,
    scope: Option<String>,
}

/// Looks for the sign-in of a server, in the newest layout first.
pub(super) fn find(folder: &Path, identity: &Identity) -> Option<Record> {
    let key = identity.mcp_remote_key();
    let mut layouts: Vec<_> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    // `mcp-remote-v1` names the layout and is the newest; before it, there was one a release.
    layouts.sort_by_key(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        (
            name.starts_with("mcp-remote-v"),
            fs::metadata(path).and_then(|data| data.modified()).ok(),
        )
    });
    layouts.iter().rev().find_map(|layout| {
        let path = layout.join(format!("{key}_tokens.json"));
        let tokens: TheirTokens = read(&path)?;
        let client: Option<TheirClient> = read(&layout.join(format!("{key}_client_info.json")));
        tracing::info!(path = %path.display(), "took over a sign-in");
        Some(Record {
            server: String::new(),
            authorization_server: None,
            resource: None,
            headers: identity.headers().to_owned(),
            tokens: Some(tokens.into_ours(&path)),
            client: client.map(TheirClient::into_ours),
            private_network: false,
        })
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

impl TheirTokens {
    fn into_ours(self, path: &Path) -> Tokens {
        let written = fs::metadata(path)
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or_else(|| Clock::SYSTEM.now(), |since| since.as_secs());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the casts saturate, and seconds are whole"
        )]
        let expires_at = match (self.expires_at, self.expires_in) {
            (Some(at), _) => Some((at / 1000.0) as u64),
            (None, Some(after)) => Some(written.saturating_add(after as u64)),
            (None, None) => None,
        };
        let scope = self.scope.unwrap_or_default();
        Tokens {
            access: self.access_token,
            refresh: self.refresh_token,
            id_token: self.id_token,
            expires_at,
            obtained_at: None,
            scopes: scope.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

impl TheirClient {
    fn into_ours(self) -> Client {
        let method = self
            .token_endpoint_auth_method
            .as_deref()
            .and_then(ClientAuth::parse);
        let usual = if self.client_secret.is_some() {
            ClientAuth::Post
        } else {
            ClientAuth::None
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and seconds are whole"
        )]
        let secret_expires_at = self.client_secret_expires_at.map(|at| at as u64);
        Client {
            id: self.client_id,
            auth: method.unwrap_or(usual),
            secret: self.client_secret,
            secret_expires_at,
            redirect_uris: self.redirect_uris,
            scope: self.scope,
            registered: true,
            unfinished: false,
        }
    }
}
