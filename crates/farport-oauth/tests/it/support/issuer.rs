use serde_json::{Value, json};

use super::{NOW, Script, signer};

/// A simulated OpenID Connect provider.
pub(crate) struct Issuer {
    /// The issuer identifier.
    pub(crate) issuer: String,
    /// The base of the URLs.
    pub(crate) base: String,
    pub(crate) metadata: Value,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// The token response without the id token.
    pub(crate) tokens: Value,
    pub(crate) user_info: Value,
}

impl Issuer {
    pub(crate) fn new(issuer: &str) -> Self {
        let base = issuer.trim_end_matches('/').to_owned();
        Self {
            issuer: issuer.to_owned(),
            metadata: json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{base}/authorize"),
                "token_endpoint": format!("{base}/token"),
                "userinfo_endpoint": format!("{base}/userinfo"),
                "jwks_uri": format!("{base}/keys"),
            }),
            header: json!({"alg": "ES256", "kid": "p", "typ": "JWT"}),
            claims: json!({
                "iss": issuer, "sub": "u-1", "aud": "client", "exp": NOW + 300, "iat": NOW,
                "nonce": "the-nonce", "name": "Alice", "email": "alice@example.com",
                "email_verified": true,
            }),
            tokens: json!({
                "access_token": "upstream-access", "token_type": "Bearer", "expires_in": 3600,
                "refresh_token": "upstream-refresh", "scope": "openid profile email",
            }),
            user_info: json!({"sub": "u-1"}),
            base,
        }
    }

    /// Serves metadata, keys, the token endpoint and the user-info endpoint.
    pub(crate) fn serve(&self, script: &Script) {
        let discovery = format!("GET {}/.well-known/openid-configuration", self.base);
        script.on_json(&discovery, self.metadata.clone());
        let keys = json!({"keys": [signer().p256_jwk("p"), signer().rsa_jwk("r")]});
        script.on_json(&self.keys(), keys);
        let mut tokens = self.tokens.clone();
        if tokens.get("id_token").is_none() {
            tokens["id_token"] = signer().sign(&self.header, &self.claims).into();
        }
        script.on_json(&self.token(), tokens);
        script.on_json(&self.user_info(), self.user_info.clone());
    }

    pub(crate) fn keys(&self) -> String {
        format!("GET {}/keys", self.base)
    }

    pub(crate) fn token(&self) -> String {
        format!("POST {}/token", self.base)
    }

    pub(crate) fn user_info(&self) -> String {
        format!("GET {}/userinfo", self.base)
    }
}
