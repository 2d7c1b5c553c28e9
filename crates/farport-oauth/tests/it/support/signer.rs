use std::{convert::Infallible, sync::OnceLock};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use rsa::{
    BoxedUint, PrivateKey, pkcs1v15, pss,
    rand_core::{TryCryptoRng, TryRng},
    signature::{RandomizedSigner, SignatureEncoding},
    traits::PublicKeyParts,
};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

/// An RSA and a P-256 private key: those of RFC 7515, sections A.2 and A.3, or another P-256 key.
pub(crate) struct Signer {
    rsa: PrivateKey,
    p256: SigningKey,
}

/// The keys of the RFC.
pub(crate) fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::new("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"))
}

const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";

impl Signer {
    /// Creates a signer with the published RSA key and this P-256 key.
    pub(crate) fn new(p256: &str) -> Self {
        let number = |text: &str| BoxedUint::from_be_slice_vartime(&BASE64.decode(text).unwrap());
        let e = BoxedUint::from(65537_u32);
        Self {
            rsa: PrivateKey::from_components(number(N), e, number(D), vec![]).unwrap(),
            p256: SigningKey::from_slice(&BASE64.decode(p256).unwrap()).unwrap(),
        }
    }

    /// The public RSA key.
    pub(crate) fn rsa_jwk(&self, kid: &str) -> Value {
        let n = BASE64.encode(self.rsa.n().to_be_bytes_trimmed_vartime());
        json!({"kty": "RSA", "kid": kid, "n": n, "e": "AQAB"})
    }

    /// The public P-256 key.
    pub(crate) fn p256_jwk(&self, kid: &str) -> Value {
        let point = self.p256.verifying_key().to_sec1_point(false);
        let (x, y) = (
            BASE64.encode(point.x().unwrap()),
            BASE64.encode(point.y().unwrap()),
        );
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y})
    }

    /// A token with this header, signed with its algorithm, or unsigned for an unsupported algorithm.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Like `sign`, with the JSON text unchanged.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let algorithm = serde_json::from_str::<Value>(header).unwrap()["alg"].clone();
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = self.signature(algorithm.as_str().unwrap_or_default(), &signed);
        format!("{signed}.{}", BASE64.encode(signature))
    }

    /// The signature of `signed` with `algorithm`.
    pub(crate) fn signature(&self, algorithm: &str, signed: &str) -> Vec<u8> {
        let (key, signed) = (self.rsa.clone(), signed.as_bytes());
        match algorithm {
            "RS256" => pkcs1v15::SigningKey::<Sha256>::new(key)
                .sign(signed)
                .to_vec(),
            "RS384" => pkcs1v15::SigningKey::<Sha384>::new(key)
                .sign(signed)
                .to_vec(),
            "RS512" => pkcs1v15::SigningKey::<Sha512>::new(key)
                .sign(signed)
                .to_vec(),
            "PS256" => pss::SigningKey::<Sha256>::new(key)
                .sign_with_rng(&mut NotRandom(1), signed)
                .to_vec(),
            "ES256" => {
                let signature: Signature = self.p256.sign(signed);
                signature.to_vec()
            }
            _ => Vec::new(),
        }
    }
}

/// A source of salts, which need not be secret in tests.
struct NotRandom(u8);

impl TryRng for NotRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(3);
            *byte = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for NotRandom {}
