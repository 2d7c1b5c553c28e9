//! Any set of keys: what is written of it is read as the same, and holds nothing private.

#![no_main]

use farport_oauth::jwk::KeySet;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(keys) = KeySet::parse(input) else {
        return;
    };
    assert!(keys.len() <= KeySet::MOST);
    let written = serde_json::to_vec(&keys).unwrap();
    let again = KeySet::parse(&written).unwrap();
    assert_eq!(again.len(), keys.len());
    assert_eq!(serde_json::to_vec(&again).unwrap(), written);
    let value: Value = serde_json::from_slice(&written).unwrap();
    for key in value["keys"].as_array().unwrap() {
        assert!(matches!(key["kty"].as_str(), Some("RSA" | "EC")));
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none());
        }
    }
});
