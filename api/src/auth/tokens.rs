//! Access tokens (JWT, RFC 7519) and refresh tokens.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_common::clock;
use std::fmt;
use uuid::Uuid;

/// Life of an access token, seconds.
pub const ACCESS_S: i64 = 15 * 60;
/// Life of a session without use, seconds.
pub const SESSION_S: i64 = 30 * 24 * 3600;
const ISSUER: &str = "sluice";
const AUDIENCE: &str = "sluice-api";
const KIND: &str = "access";

/// Signs and checks access tokens with one algorithm and one key.
pub struct Tokens {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The person.
    pub sub: Uuid,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: Uuid,
    /// The session; a revoked one makes the token worthless at once.
    pub sid: Uuid,
    typ: String,
}

impl Tokens {
    /// Derives the key from the signing secret, so that other uses of the secret get other keys.
    pub fn new(secret: &SecretString) -> Self {
        let key = Sha256::digest(format!("sluice access token v1\n{}", secret.expose_secret()));
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 5;
        validation.validate_nbf = true;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        Self {
            kid: hex_of(&Sha256::digest(key))[..8].to_owned(),
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
        }
    }

    /// A token for a session.
    pub fn issue(&self, user: Uuid, session: Uuid) -> Result<String, jsonwebtoken::errors::Error> {
        let now = clock::now_us() / 1_000_000;
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
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &self.encoding)
    }

    /// The claims of a valid token of this kind and key.
    pub fn check(&self, token: &str) -> Option<Claims> {
        let data = decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        (data.header.kid.as_deref() == Some(&self.kid) && data.claims.typ == KIND).then_some(data.claims)
    }
}

/// A fresh refresh token and the hash that is stored of it.
pub fn refresh_token() -> (String, Vec<u8>) {
    // Two random UUIDs: 244 bits.
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let hash = refresh_hash(&token);
    (token, hash)
}

/// The hash of a refresh token. It is long and random, so a fast hash is enough.
pub fn refresh_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(secret: &str) -> Tokens {
        Tokens::new(&SecretString::from(secret.to_owned()))
    }

    #[test]
    fn only_own_tokens_pass() {
        let own = tokens("a secret of at least thirty-two characters");
        let token = own.issue(Uuid::nil(), Uuid::nil()).unwrap();
        assert!(own.check(&token).is_some());
        assert!(tokens("another secret of thirty-two characters").check(&token).is_none());
        let (head, rest) = token.split_once('.').unwrap();
        assert!(own.check(&format!("{head}.e30.{rest}")).is_none());
        // {"alg":"none"}
        assert!(own.check(&format!("eyJhbGciOiJub25lIn0.{}.", rest.split('.').next().unwrap())).is_none());
    }
}
