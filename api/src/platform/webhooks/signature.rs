//! How deliveries are signed: as the Standard Webhooks specification has it, so that receivers find verifiers ready made.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sluice_model::DeliveryId;

/// What a secret begins with; the rest is its key in base64.
const PREFIX: &str = "whsec_";

/// A secret with a fresh random key of 256 bits.
pub fn new_secret() -> String {
    format!("{PREFIX}{}", BASE64_STANDARD.encode(rand::random::<[u8; 32]>()))
}

/// The key of a secret. Those of an older form (`slw_...`) are keys as they are written.
fn key(secret: &str) -> Vec<u8> {
    let decoded = secret.strip_prefix(PREFIX).and_then(|text| BASE64_STANDARD.decode(text).ok());
    decoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// The value of `webhook-signature`: HMAC-SHA-256 of `ID.SECONDS.BODY`. It covers the instant, so that an old delivery
/// cannot be sent again as a new one.
pub fn sign(secret: &str, id: DeliveryId, seconds: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key(secret)) else { return String::new() };
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_identifier_time_and_body() {
        let made = sign("whsec_a2V5", DeliveryId::nil(), 1, "body");
        assert_eq!(BASE64_STANDARD.decode(made.strip_prefix("v1,").unwrap()).unwrap().len(), 32);
        for other in [
            sign("whsec_a2V5", DeliveryId::max(), 1, "body"),
            sign("whsec_a2V5", DeliveryId::nil(), 2, "body"),
            sign("whsec_a2V5", DeliveryId::nil(), 1, "bodz"),
            sign("whsec_a2V6", DeliveryId::nil(), 1, "body"),
        ] {
            assert_ne!(made, other);
        }
    }

    #[test]
    fn a_secret_holds_its_key_and_older_ones_are_theirs() {
        assert_eq!(key("whsec_a2V5"), b"key");
        assert_eq!(key("slw_abc"), b"slw_abc");
        assert_eq!(key(&new_secret()).len(), 32);
        // What owners of older secrets give to verifiers: the same key in the new form.
        let again = format!("whsec_{}", BASE64_STANDARD.encode("slw_abc"));
        assert_eq!(sign("slw_abc", DeliveryId::nil(), 1, "body"), sign(&again, DeliveryId::nil(), 1, "body"));
    }
}
