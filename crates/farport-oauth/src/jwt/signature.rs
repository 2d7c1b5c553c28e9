use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use p256::ecdsa;
use rsa::{pkcs1v15, pss, signature::Verifier};
use sha2::{Sha256, Sha384, Sha512};

use super::{Algorithm, JwtError, Parts};
use crate::jwk::{KeySet, PublicKey};

/// Verifies that one of `keys` signed the token.
pub(super) fn check(
    parts: &Parts<'_>,
    algorithm: Algorithm,
    kid: Option<&str>,
    keys: &KeySet,
) -> Result<(), JwtError> {
    let signature = BASE64_URL_SAFE_NO_PAD.decode(parts.signature);
    let signature = signature.map_err(|_| JwtError::Malformed("a part is not base64url"))?;
    let mut outcome = JwtError::UnknownKey;
    for key in keys.candidates(algorithm, kid) {
        if verifies(algorithm, &key.public, parts.signed.as_bytes(), &signature) {
            return Ok(());
        }
        // A token without a key ID may be signed with a key that is not in this set yet.
        if kid.is_some() {
            outcome = JwtError::Signature;
        }
    }
    Err(outcome)
}

fn verifies(algorithm: Algorithm, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
    match (algorithm, key) {
        (Algorithm::Es256, PublicKey::P256(key)) => ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify(signed, &signature).is_ok()),
        (Algorithm::Ps256, PublicKey::Rsa(key)) => {
            let key = pss::VerifyingKey::<Sha256>::new(key.clone());
            pss::Signature::try_from(signature)
                .is_ok_and(|signature| key.verify(signed, &signature).is_ok())
        }
        (Algorithm::Rs256, PublicKey::Rsa(key)) => pkcs1(
            &pkcs1v15::VerifyingKey::<Sha256>::new(key.clone()),
            signed,
            signature,
        ),
        (Algorithm::Rs384, PublicKey::Rsa(key)) => pkcs1(
            &pkcs1v15::VerifyingKey::<Sha384>::new(key.clone()),
            signed,
            signature,
        ),
        (Algorithm::Rs512, PublicKey::Rsa(key)) => pkcs1(
            &pkcs1v15::VerifyingKey::<Sha512>::new(key.clone()),
            signed,
            signature,
        ),
        (Algorithm::Es256, PublicKey::Rsa(_)) | (_, PublicKey::P256(_)) => false,
    }
}

fn pkcs1(key: &impl Verifier<pkcs1v15::Signature>, signed: &[u8], signature: &[u8]) -> bool {
    pkcs1v15::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify(signed, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Header;

    const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    /// The examples of RFC 7515, sections A.2 and A.3.
    #[test]
    fn the_examples_of_rfc_7515_verify() {
        for (header, key, signature) in [
            (
                "eyJhbGciOiJSUzI1NiJ9",
                r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ),
            (
                "eyJhbGciOiJFUzI1NiJ9",
                r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
        ] {
            let keys = KeySet::parse(format!("{{\"keys\":[{key}]}}").as_bytes()).unwrap();
            let token = format!("{header}.{PAYLOAD}.{signature}");
            let parts = Parts::split(&token).unwrap();
            let algorithm = Header::read(parts.header).unwrap().algorithm;
            assert_eq!(check(&parts, algorithm, None, &keys), Ok(()));
            assert_eq!(
                check(&parts, Algorithm::Ps256, None, &keys),
                Err(JwtError::UnknownKey)
            );
            let other = token.replacen("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Uj", 1);
            let parts = Parts::split(&other).unwrap();
            assert!(check(&parts, algorithm, None, &keys).is_err());
        }
    }
}
