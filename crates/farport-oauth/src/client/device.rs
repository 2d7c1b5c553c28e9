//! Device authorization (RFC 8628).

use secrecy::SecretString;
use serde_json::Value;

use super::response::seconds;
use crate::json;

/// A device authorization response (RFC 8628, section 3.2).
#[derive(Debug)]
pub struct DeviceAuthorization {
    /// The device code, for token requests.
    pub device_code: SecretString,
    /// The code that the user enters.
    pub user_code: String,
    /// The page at which the user enters the code.
    pub verification_uri: String,
    /// The same page with the code in its URL.
    pub verification_uri_complete: Option<String>,
    /// The lifetime of the codes, in seconds. Default: 900.
    pub expires_in: u64,
    /// The least time between two token requests, in seconds. Default: 5.
    pub interval: u64,
}

impl DeviceAuthorization {
    /// Reads a response. `None` if a required member is missing.
    pub fn read(body: &[u8]) -> Option<Self> {
        let members = json::object(body).ok()?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str| members.get(name).and_then(seconds);
        Some(Self {
            device_code: text("device_code")?.into(),
            user_code: text("user_code")?.to_owned(),
            // Google writes the name of an early draft.
            verification_uri: text("verification_uri")
                .or_else(|| text("verification_url"))?
                .to_owned(),
            verification_uri_complete: text("verification_uri_complete").map(str::to_owned),
            expires_in: number("expires_in").unwrap_or(900),
            interval: number("interval").unwrap_or(5),
        })
    }
}
