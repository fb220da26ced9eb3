//! Access tokens as an attacker, or a service with the secret, would make them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

/// One part of a token.
pub fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The key that a service with this secret signs access tokens with, and its identifier.
pub fn key_of(secret: &str) -> (Vec<u8>, String) {
    let key = Sha256::digest(format!("sluice access token v1\n{secret}")).to_vec();
    let kid = Sha256::digest(&key).iter().take(4).map(|b| format!("{b:02x}")).collect();
    (key, kid)
}

/// What a token says.
pub fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A token over any header and claims.
pub fn sign(header: &Value, claims: &Value, key: &[u8]) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let code = if header["alg"] == "HS512" {
        let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    } else {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(code))
}
