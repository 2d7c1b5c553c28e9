//! Public keys (RFC 7517).

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use p256::{Sec1Point, ecdsa::VerifyingKey};
use rsa::{BoxedUint, traits::PublicKeyParts};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeStruct,
};
use serde_json::Value;

use crate::{algorithm::Algorithm, json};

/// A published set of public keys. Keys of an unsupported type, keys that are too weak and secret keys
/// are ignored: a published secret proves nothing.
///
/// Serializes to a JWK set (RFC 7517) with the supported keys.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// A text is not a JWK set.
#[derive(Debug, thiserror::Error)]
#[error("not a JWK set: {0}")]
pub struct InvalidKeySet(String);

impl KeySet {
    /// The most keys in one set. Further keys are ignored.
    pub const MOST: usize = 100;

    /// The most keys to try for a token without a key ID.
    const MOST_TRIED: usize = 4;

    /// Parses a JWK set.
    ///
    /// # Errors
    /// When the text is not a JSON object with an array `keys`, or has a duplicate member.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKeySet> {
        let members = json::object(text).map_err(|error| InvalidKeySet(error.to_string()))?;
        Self::read(&Value::Object(members))
    }

    fn read(set: &Value) -> Result<Self, InvalidKeySet> {
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| InvalidKeySet("`keys` is not an array".into()))?;
        let keys = keys.iter().filter_map(Key::read).take(Self::MOST).collect();
        Ok(Self { keys })
    }

    /// The number of usable keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The candidate keys for a signature with `algorithm`: those with the ID `kid`, or the first few
    /// that fit if the token names none.
    pub(crate) fn candidates(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> impl Iterator<Item = &Key> {
        self.keys
            .iter()
            .filter(move |key| key.fits(algorithm))
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
            .take(Self::MOST_TRIED)
    }
}

impl Serialize for KeySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut set = serializer.serialize_struct("KeySet", 1)?;
        set.serialize_field("keys", &self.keys)?;
        set.end()
    }
}

impl<'de> Deserialize<'de> for KeySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A public key for verifying signatures.
#[derive(Clone)]
pub(crate) struct Key {
    kid: Option<String>,
    /// The only algorithm of the key, if its owner limits it.
    algorithm: Option<Algorithm>,
    pub(crate) public: PublicKey,
}

/// The key itself.
#[derive(Clone)]
pub(crate) enum PublicKey {
    Rsa(rsa::PublicKey),
    P256(VerifyingKey),
}

impl Key {
    /// RFC 7518, section 3.3: shorter keys must not be used.
    const LEAST_RSA_BITS: usize = 2048;

    fn read(key: &Value) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok();
        // Anyone can sign with a key whose private part is published.
        if key.get("d").is_some() || key.get("k").is_some() {
            return None;
        }
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let operations = key.get("key_ops").and_then(Value::as_array);
        if operations.is_some_and(|all| !all.iter().any(|one| one == "verify")) {
            return None;
        }
        let algorithm = match key.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::named(name.as_str()?)?),
        };
        let public = match text("kty")? {
            "RSA" => rsa(&bytes("n")?, &bytes("e")?)?,
            "EC" if text("crv") == Some("P-256") => p256(&bytes("x")?, &bytes("y")?)?,
            _ => return None,
        };
        let kid = text("kid").map(str::to_owned);
        let key = Self {
            kid,
            algorithm,
            public,
        };
        algorithm
            .is_none_or(|algorithm| key.fits(algorithm))
            .then_some(key)
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match self.public {
            PublicKey::Rsa(_) => algorithm.is_rsa(),
            PublicKey::P256(_) => algorithm == Algorithm::Es256,
        };
        kind && self.algorithm.is_none_or(|only| only == algorithm)
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Option<PublicKey> {
    // Do not convert keys that are longer than the library accepts.
    if n.len() > rsa::PublicKey::MAX_SIZE / 8 + 1 || e.len() > 8 {
        return None;
    }
    let odd = |number: &[u8]| number.last().is_some_and(|low| low & 1 == 1);
    let (odd, one) = (odd(n) && odd(e), BoxedUint::from(1_u8));
    let (n, e) = (
        BoxedUint::from_be_slice_vartime(n),
        BoxedUint::from_be_slice_vartime(e),
    );
    if !odd || e == one {
        return None;
    }
    let sizes = Key::LEAST_RSA_BITS..=rsa::PublicKey::MAX_SIZE;
    let key = rsa::PublicKey::new_with_size_limits(n, e, sizes);
    key.ok().map(PublicKey::Rsa)
}

fn p256(x: &[u8], y: &[u8]) -> Option<PublicKey> {
    let (x, y): ([u8; 32], [u8; 32]) = (x.try_into().ok()?, y.try_into().ok()?);
    let point = Sec1Point::from_affine_coordinates(&x.into(), &y.into(), false);
    // This checks that the point is on the curve.
    let key = VerifyingKey::from_sec1_point(&point).ok()?;
    Some(PublicKey::P256(key))
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = vec![("use", "sig".to_owned())];
        if let Some(kid) = &self.kid {
            members.push(("kid", kid.clone()));
        }
        if let Some(algorithm) = self.algorithm {
            members.push(("alg", algorithm.name().to_owned()));
        }
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match &self.public {
            PublicKey::Rsa(key) => members.extend([
                ("kty", "RSA".to_owned()),
                ("n", encode(&key.n().to_be_bytes_trimmed_vartime())),
                ("e", encode(&key.e().to_be_bytes_trimmed_vartime())),
            ]),
            PublicKey::P256(key) => {
                let point = key.to_sec1_point(false);
                let [x, y] = [point.x(), point.y()].map(|part| part.map_or(&[][..], |part| part));
                members.extend([
                    ("kty", "EC".to_owned()),
                    ("crv", "P-256".to_owned()),
                    ("x", encode(x)),
                    ("y", encode(y)),
                ]);
            }
        }
        serializer.collect_map(members)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.public {
            PublicKey::Rsa(_) => "RSA",
            PublicKey::P256(_) => "P-256",
        };
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("kind", &kind)
            .finish_non_exhaustive()
    }
}
