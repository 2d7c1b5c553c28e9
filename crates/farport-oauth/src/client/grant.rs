//! The form fields of token, revocation and device authorization requests.

/// The grant type of device authorization (RFC 8628, section 3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A grant type with its parameters, which are secret.
#[derive(Clone, Copy)]
pub enum GrantRequest<'a> {
    /// `authorization_code` (RFC 6749, section 4.1.3).
    AuthorizationCode {
        /// The code.
        code: &'a str,
        /// The redirect URI of the authorization request.
        redirect_uri: &'a str,
        /// The PKCE verifier, if the authorization request had a challenge.
        verifier: Option<&'a str>,
    },
    /// `refresh_token` (RFC 6749, section 6).
    RefreshToken(&'a str),
    /// `device_code` (RFC 8628, section 3.4).
    DeviceCode(&'a str),
    /// `client_credentials` (RFC 6749, section 4.4).
    ClientCredentials,
}

impl<'a> GrantRequest<'a> {
    /// The fields of a token request. `scope` and `resource` (RFC 8707) are omitted if empty or `None`.
    pub fn fields(
        self,
        scope: Option<&'a str>,
        resource: Option<&'a str>,
    ) -> Vec<(&'static str, &'a str)> {
        let mut fields = match self {
            Self::AuthorizationCode {
                code,
                redirect_uri,
                verifier,
            } => {
                let mut fields = vec![
                    ("grant_type", "authorization_code"),
                    ("code", code),
                    ("redirect_uri", redirect_uri),
                ];
                fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
                fields
            }
            Self::RefreshToken(token) => {
                vec![("grant_type", "refresh_token"), ("refresh_token", token)]
            }
            Self::DeviceCode(code) => {
                vec![("grant_type", DEVICE_CODE), ("device_code", code)]
            }
            Self::ClientCredentials => vec![("grant_type", "client_credentials")],
        };
        fields.extend(resource_fields(scope, resource));
        fields
    }

    /// The secret values of the request, which must not appear in a log.
    pub fn secrets(self) -> impl Iterator<Item = &'a str> {
        let secrets = match self {
            Self::AuthorizationCode { code, verifier, .. } => [Some(code), verifier],
            Self::RefreshToken(token) => [Some(token), None],
            Self::DeviceCode(code) => [Some(code), None],
            Self::ClientCredentials => [None, None],
        };
        secrets.into_iter().flatten()
    }
}

/// The fields of a device authorization request (RFC 8628, section 3.1).
pub fn device_fields<'a>(
    scope: Option<&'a str>,
    resource: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    resource_fields(scope, resource).collect()
}

/// The fields of a revocation request for a refresh or an access token (RFC 7009, section 2.1).
pub fn revocation_fields(token: &str, is_refresh: bool) -> [(&'static str, &str); 2] {
    let hint = if is_refresh {
        "refresh_token"
    } else {
        "access_token"
    };
    [("token", token), ("token_type_hint", hint)]
}

fn resource_fields<'a>(
    scope: Option<&'a str>,
    resource: Option<&'a str>,
) -> impl Iterator<Item = (&'static str, &'a str)> {
    let scope = scope.filter(|scope| !scope.is_empty());
    let scope = scope.map(|scope| ("scope", scope));
    let resource = resource.map(|resource| ("resource", resource));
    scope.into_iter().chain(resource)
}
