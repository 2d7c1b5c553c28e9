//! Records to store.

use std::sync::Arc;

use farport_oauth::{
    AccessToken, Client, ClientAuthentication, ClientId, ClientOrigin, Code, Digest, Grant,
    GrantId, RefreshToken, Scopes, Tokens, UnixTime, UserId,
};

/// The time of these tests.
pub const NOW: UnixTime = UnixTime(1_700_000_000);

/// The prefix of a grant's code.
pub const CODE: &str = "code";

const HOUR: u64 = 3600;

/// The digest of a name.
pub fn digest(name: &str) -> Digest {
    Digest::of(name)
}

/// A user.
pub(super) fn user(subject: &str) -> UserId {
    UserId {
        issuer: "https://issuer.example".into(),
        subject: subject.into(),
    }
}

/// A client that registered itself.
pub fn client(id: &str) -> Client {
    Client {
        id: ClientId::from(id),
        name: Some(format!("The \"{id}\"")),
        uri: None,
        redirect_uris: vec!["http://127.0.0.1/callback".into()],
        authentication: ClientAuthentication::None,
        refreshes: true,
        scopes: None,
        origin: ClientOrigin::Registered,
        registered: NOW,
        expires: Some(UnixTime(NOW.0 + 90 * 24 * HOUR)),
        share: "".into(),
    }
}

/// A grant of `subject` to `client`.
pub fn grant(id: &str, subject: &str, client: &str) -> Grant {
    Grant {
        id: GrantId(id.into()),
        user: user(subject),
        client: ClientId::from(client),
        redirect_uri: "http://127.0.0.1/callback".into(),
        resource: "https://mcp.example/mcp".into(),
        scopes: ["read", "write"].into_iter().collect(),
        created: NOW,
        used: NOW,
        expires: UnixTime(NOW.0 + 24 * HOUR),
        deadline: UnixTime(NOW.0 + 48 * HOUR),
        retryable: None,
        sealed: format!("properties of {id}").into_bytes(),
        revision: 0,
    }
}

/// The code of a grant, called [`CODE`] and the grant's id.
pub fn code(grant: &str) -> Code {
    Code {
        id: digest(&format!("{CODE} {grant}")),
        grant: GrantId(grant.into()),
        challenge: digest("challenge"),
        expires: UnixTime(NOW.0 + 600),
        wrapped: vec![0, 1, 255],
        used: false,
    }
}

/// An access token of a grant, by its name.
pub fn access(grant: &str, name: &str) -> AccessToken {
    AccessToken {
        id: digest(name),
        grant: GrantId(grant.into()),
        resource: "https://mcp.example/mcp".into(),
        scopes: Scopes::from_iter(["read"]),
        issued: NOW,
        expires: UnixTime(NOW.0 + HOUR),
        replaces: None,
        wrapped: Vec::from(name),
    }
}

/// A refresh token of a grant, by its name.
pub fn refresh(grant: &str, name: &str) -> RefreshToken {
    RefreshToken {
        id: digest(name),
        grant: GrantId(grant.into()),
        expires: UnixTime(NOW.0 + 24 * HOUR),
        wrapped: Vec::from(name),
    }
}

/// Both, called `access NAME` and `refresh NAME`.
pub fn tokens(grant: &str, name: impl AsRef<str>) -> Tokens {
    let name = name.as_ref();
    Tokens {
        access: access(grant, &format!("access {name}")),
        refresh: Some(refresh(grant, &format!("refresh {name}"))),
    }
}

/// Converts a text to the store's type.
pub(super) fn text(text: &str) -> Arc<str> {
    text.into()
}
