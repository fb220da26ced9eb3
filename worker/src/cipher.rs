//! AES-128 over whole media segments: CBC with PKCS #7 padding (RFC 8216 section 4.3.2.4).

use aes::Aes128;
use cbc::{
    Decryptor, Encryptor,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};

/// Bytes of a key and of an initialization vector.
pub const KEY_BYTES: usize = 16;

/// The encrypted segment, up to 16 bytes longer. `None` when key or vector is not 16 bytes.
pub fn encrypt(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    Some(Encryptor::<Aes128>::new_from_slices(key, iv).ok()?.encrypt_padded_vec::<Pkcs7>(data))
}

/// The segment behind its encryption. `None` when key or vector do not fit it.
pub fn decrypt(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    Decryptor::<Aes128>::new_from_slices(key, iv).ok()?.decrypt_padded_vec::<Pkcs7>(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A, F.2.1, first block.
    #[test]
    fn known_answer() {
        let key = hex::decode("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let iv = hex::decode("000102030405060708090a0b0c0d0e0f").unwrap();
        let plain = hex::decode("6bc1bee22e409f96e93d7e117393172a").unwrap();
        let secret = encrypt(&key, &iv, &plain).unwrap();
        assert_eq!(hex::encode(&secret[..16]), "7649abac8119b246cee98e9b12e9197d");
        assert_eq!(secret.len(), 32, "a whole block of padding");
        assert_eq!(decrypt(&key, &iv, &secret).unwrap(), plain);
        assert_eq!(decrypt(&key[1..], &iv, &secret), None);
    }
}
