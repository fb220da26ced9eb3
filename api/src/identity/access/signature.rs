//! The text of playback tokens: an identifier and a message authentication code, so that guesses are
//! refused without asking the database. Revocation, expiry and views are the row's.
//!
//! A token with a limit of views opens the multivariant playlist only, which counts one and names
//! *view* tokens: the same identifier with an expiry of its own, good for everything else.

use crate::state::Keys;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use sluice_model::{PlaybackTokenId, Timestamp};
use uuid::Uuid;

const PURPOSE: &str = "playback token";
const MAC_BYTES: usize = 16;

/// What a token's text says, once its signature is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    pub id: PlaybackTokenId,
    /// Of a view; unset for the token itself.
    pub expires_at: Option<Timestamp>,
}

impl Signed {
    fn message(&self) -> Vec<u8> {
        let mut bytes = self.id.uuid().as_bytes().to_vec();
        if let Some(at) = self.expires_at {
            bytes.extend(at.as_micros().to_be_bytes());
        }
        bytes
    }

    /// As it stands in a path.
    pub fn write(&self, keys: &Keys) -> String {
        let message = self.message();
        let mut mac = keys.mac(PURPOSE);
        mac.update(&message);
        let code = mac.finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode([&message[..], &code[..MAC_BYTES]].concat())
    }

    /// Reads a token that any of the keys signed.
    pub fn read(keys: &Keys, text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (message, code) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        let signed = Self {
            id: Uuid::from_slice(message.get(..16)?).ok()?.into(),
            expires_at: match message.len() {
                16 => None,
                24 => Some(Timestamp::from_micros(i64::from_be_bytes(message[16..].try_into().ok()?))),
                _ => return None,
            },
        };
        let right = keys.macs(PURPOSE).any(|mut mac| {
            mac.update(message);
            mac.verify_truncated_left(code).is_ok()
        });
        right.then_some(signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    #[test]
    fn only_what_was_signed_is_read() {
        let keys = |s: &str| Keys::new(vec![SecretString::from(s.to_owned())]);
        let own = keys("a secret of at least thirty-two characters");
        for signed in [
            Signed { id: Uuid::from_u128(7).into(), expires_at: None },
            Signed { id: Uuid::from_u128(7).into(), expires_at: Some(Timestamp::from_micros(9)) },
        ] {
            let text = signed.write(&own);
            assert_eq!(Signed::read(&own, &text), Some(signed));
            assert_eq!(Signed::read(&keys("another secret of thirty-two characters"), &text), None);
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
            for i in 0..bytes.len() {
                bytes[i] ^= 1;
                assert_eq!(Signed::read(&own, &BASE64_URL_SAFE_NO_PAD.encode(&bytes)), None, "byte {i}");
                bytes[i] ^= 1;
            }
            assert_eq!(Signed::read(&own, &text[..text.len() - 4]), None);
        }
        assert_eq!(Signed::read(&own, ""), None);
        assert_eq!(Signed::read(&own, "!"), None);
    }
}
