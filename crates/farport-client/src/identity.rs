//! Which sign-in belongs to which way of reaching a server.

use base16ct::lower::encode_string;
use sha2::{Digest, Sha256};
use url::Url;

/// A server as it is reached: two ways of reaching it that ask for different tokens are two
/// identities, and never share one.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    key: String,
    /// What the replaced proxy made its file names of.
    parts: Vec<String>,
    /// The names of the headers that are sent along.
    headers: Vec<String>,
}

/// What tells sign-ins to one server apart.
#[derive(Debug, Default)]
pub(crate) struct Distinctions<'a> {
    pub(crate) resource: Option<&'a str>,
    pub(crate) authorize_params: &'a [(String, String)],
    pub(crate) headers: &'a [(String, String)],
    pub(crate) client_metadata_url: Option<&'a str>,
    pub(crate) token_endpoint: Option<&'a str>,
}

impl Identity {
    pub(crate) fn new(
        server_as_given: &str,
        server: &Url,
        distinctions: &Distinctions<'_>,
    ) -> Self {
        let mut more = Vec::new();
        more.extend(distinctions.resource.map(str::to_owned));
        for pairs in [distinctions.authorize_params, distinctions.headers] {
            if !pairs.is_empty() {
                let sorted: std::collections::BTreeMap<&str, &str> = pairs
                    .iter()
                    .map(|(name, value)| (&**name, &**value))
                    .collect();
                more.extend(serde_json::to_string(&sorted).ok());
            }
        }
        more.extend(distinctions.client_metadata_url.map(str::to_owned));
        more.extend(distinctions.token_endpoint.map(str::to_owned));
        let mut hash = Sha256::new();
        for part in std::iter::once(server.as_str()).chain(more.iter().map(String::as_str)) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut parts = vec![server_as_given.to_owned()];
        parts.append(&mut more);
        Self {
            key: encode_string(hash.finalize().get(..16).unwrap_or_default()),
            parts,
            headers: distinctions
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
        }
    }

    /// The name of its file.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The names of the headers that are sent along, without their values.
    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The name of the replaced proxy's files.
    pub(crate) fn mcp_remote_key(&self) -> String {
        use md5::Digest;
        encode_string(&md5::Md5::digest(self.parts.join("|")))
    }

    /// The port that the browser comes back to when nothing else settles it: the same one every
    /// time, because it may have been registered.
    pub(crate) fn usual_port(&self) -> u16 {
        const FIRST: u32 = 3335;
        const LAST: u32 = 49_150;
        let number = u32::from_str_radix(self.key.get(..6).unwrap_or_default(), 16).unwrap_or(0);
        u16::try_from(FIRST + number % (LAST - FIRST)).unwrap_or(3335)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str, distinctions: &Distinctions<'_>) -> String {
        Identity::new(url, &Url::parse(url).unwrap(), distinctions).key
    }

    #[test]
    fn different_tokens_never_share_a_file() {
        let pairs = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let (one, two) = (pairs("a", "1"), pairs("a", "2"));
        let plain = Distinctions::default();
        let keys = [
            key("https://a.example/mcp", &plain),
            key("https://a.example/mcp2", &plain),
            key(
                "https://a.example/mcp",
                &Distinctions {
                    resource: Some("https://r"),
                    ..Distinctions::default()
                },
            ),
            key(
                "https://a.example/mcp",
                &Distinctions {
                    headers: &one,
                    ..Distinctions::default()
                },
            ),
            key(
                "https://a.example/mcp",
                &Distinctions {
                    headers: &two,
                    ..Distinctions::default()
                },
            ),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
            assert_eq!(key.len(), 32);
        }
    }

    #[test]
    fn the_replaced_proxy_s_files_are_found_by_its_rule() {
        let url = "https://remote.mcp.server/sse";
        let identity = Identity::new(url, &Url::parse(url).unwrap(), &Distinctions::default());
        // md5sum of the address.
        assert_eq!(
            identity.mcp_remote_key(),
            "2499d8b26827bb8c0b6efe76f75fcbe2"
        );
        assert!((3335..49_150).contains(&identity.usual_port()));
    }
}
