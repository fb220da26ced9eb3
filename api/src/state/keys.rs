//! Keys derived from the signing secrets, and access tokens (JWT, RFC 7519, RFC 8725).

use hmac::{Hmac, KeyInit};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_model::{SessionId, UserId, clock};
use std::fmt;
use uuid::Uuid;

/// Life of an access token, seconds.
pub const ACCESS_S: i64 = 15 * 60;
/// Life of a session without use, seconds.
pub const SESSION_S: i64 = 30 * 24 * 3600;
/// Life of a session however much it is used, seconds.
pub const SESSION_MOST_S: i64 = 365 * 24 * 3600;
const ISSUER: &str = "sluice";
const AUDIENCE: &str = "sluice-api";
const KIND: &str = "access";

/// The keys of a process: the first secret signs, all verify. Every use has a key of its own.
pub struct Keys {
    access: Vec<AccessKey>,
    secrets: Vec<SecretString>,
    validation: Validation,
}

struct AccessKey {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<&str> = self.access.iter().map(|k| k.kid.as_str()).collect();
        f.debug_struct("Keys").field("kids", &kids).finish_non_exhaustive()
    }
}

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The person.
    pub sub: UserId,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: Uuid,
    /// The session; a revoked one makes the token worthless at once.
    pub sid: SessionId,
    typ: String,
}

impl Keys {
    /// Keys from the signing secrets, newest first.
    pub fn new(secrets: Vec<SecretString>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 5;
        validation.validate_nbf = true;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        Self { access: secrets.iter().map(AccessKey::new).collect(), secrets, validation }
    }

    /// A message authentication code for one use, by the secret that signs.
    pub fn mac(&self, purpose: &str) -> Hmac<Sha256> {
        self.secrets.first().map_or_else(|| keyed(b""), |s| keyed(&derive(purpose, s)))
    }

    /// The same by every secret: what any of them signed is accepted.
    pub fn macs(&self, purpose: &str) -> impl Iterator<Item = Hmac<Sha256>> {
        self.secrets.iter().map(move |s| keyed(&derive(purpose, s)))
    }

    /// An access token for a session.
    pub fn issue(&self, user: UserId, session: SessionId) -> Option<String> {
        let now = clock::now().as_secs();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            exp: now + ACCESS_S,
            nbf: now,
            iat: now,
            jti: Uuid::new_v4(),
            sid: session,
            typ: KIND.to_owned(),
        };
        let key = self.access.first()?;
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &key.encoding).ok()
    }

    /// The claims of a valid access token. The key identifier is looked up among our own and means
    /// nothing else; every other header that could name a key is ignored.
    pub fn check(&self, token: &str) -> Option<Claims> {
        let kid = decode_header(token).ok()?.kid?;
        let key = self.access.iter().find(|k| k.kid == kid)?;
        let data = decode::<Claims>(token, &key.decoding, &self.validation).ok()?;
        (data.claims.typ == KIND).then_some(data.claims)
    }
}

impl AccessKey {
    fn new(secret: &SecretString) -> Self {
        let key = derive("access token", secret);
        Self {
            kid: hex::encode(&Sha256::digest(key)[..4]),
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
        }
    }
}

fn derive(purpose: &str, secret: &SecretString) -> [u8; 32] {
    Sha256::digest(format!("sluice {purpose} v1\n{}", secret.expose_secret())).into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length, so the second case does not occur.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> Keys {
        Keys::new(secrets.iter().map(|s| SecretString::from((*s).to_owned())).collect())
    }

    #[test]
    fn only_own_tokens_pass() {
        let own = keys(&["a secret of at least thirty-two characters"]);
        let token = own.issue(UserId::nil(), SessionId::nil()).unwrap();
        assert!(own.check(&token).is_some());
        assert!(keys(&["another secret of thirty-two characters"]).check(&token).is_none());
        let (head, rest) = token.split_once('.').unwrap();
        assert!(own.check(&format!("{head}.e30.{rest}")).is_none());
        // {"alg":"none"}
        assert!(own.check(&format!("eyJhbGciOiJub25lIn0.{}.", rest.split('.').next().unwrap())).is_none());
    }

    #[test]
    fn a_new_secret_signs_and_the_old_one_still_verifies() {
        let (old, new) = ("the first secret of thirty-two characters", "the second secret of thirty-two characters");
        let before = keys(&[old]).issue(UserId::nil(), SessionId::nil()).unwrap();
        let both = keys(&[new, old]);
        assert!(both.check(&before).is_some());
        let after = both.issue(UserId::nil(), SessionId::nil()).unwrap();
        assert!(keys(&[old]).check(&after).is_none());
        assert!(keys(&[new]).check(&after).is_some());
    }
}
