//! Sealed bodies, suite 1: HPKE in base mode (RFC 9180), X25519-HKDF-SHA256, HKDF-SHA256, ChaCha20Poly1305.
//!
//! ```text
//! 1 byte   suite, 1
//! 4 bytes  id of the sealing key, big endian
//! 32 bytes encapsulated key
//! rest     ciphertext of the padded text, with its tag of 16 bytes
//! ```
//!
//! `info` is `tandem/1/sealed`; the associated data are the first five bytes and then the caller's context.
//!
//! Base mode, because a sender has nothing to authenticate with at this layer: its sealing key rotates and the recipient may
//! hold an older mark, so the authenticated mode would turn every rotation into texts that do not open. Who sent something
//! is said by the session it came through, and by a signature of the device key inside the sealed text where it must hold
//! against the server. The context binds a body to its place, so a body cannot be moved to another.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use rand_core::{CryptoRng, RngCore};
use tandem_model::{SealedBody, SealingKeyId, VaultError};
use zeroize::Zeroizing;

use crate::pad::{pad, padded_len, unpad};

/// Names HPKE in the first byte of a sealed body.
pub const HPKE_SUITE: u8 = 1;

const INFO: &[u8] = b"tandem/1/sealed";
const HEADER: usize = 5;
const ENCAPSULATED: usize = 32;
const TAG: usize = 16;

type Dh = X25519HkdfSha256;

/// A private X25519 key, as its bytes.
pub(crate) type Private = Zeroizing<[u8; 32]>;

/// Bytes that `plain` bytes take once sealed.
#[must_use]
pub const fn sealed_len(plain: usize) -> usize {
    HEADER + ENCAPSULATED + padded_len(plain) + TAG
}

/// Makes a private key from 32 random bytes, and its public half.
pub(crate) fn derive(seed: &[u8; 32]) -> (Private, [u8; 32]) {
    let (private, public) = Dh::derive_keypair(seed);
    (Zeroizing::new(private.to_bytes().into()), public.to_bytes().into())
}

/// The public half of a private key; `None` when the bytes are no key.
pub(crate) fn public_of(private: &Private) -> Option<[u8; 32]> {
    let private = <Dh as Kem>::PrivateKey::from_bytes(private.as_slice()).ok()?;
    Some(Dh::sk_to_pk(&private).to_bytes().into())
}

/// The five bytes before the encapsulated key.
pub(crate) fn header(suite: u8, id: SealingKeyId) -> [u8; HEADER] {
    let [a, b, c, d] = id.0.to_be_bytes();
    [suite, a, b, c, d]
}

/// Takes suite and key id off a sealed body.
pub(crate) fn split_header(sealed: &SealedBody) -> Option<(u8, SealingKeyId, &[u8])> {
    let ([suite, a, b, c, d], rest) = sealed.0.split_first_chunk::<HEADER>()?;
    Some((*suite, SealingKeyId(u32::from_be_bytes([*a, *b, *c, *d])), rest))
}

pub(crate) fn seal<R: CryptoRng + RngCore>(
    to: &[u8; 32],
    id: SealingKeyId,
    context: &[u8],
    plain: &[u8],
    rng: &mut R,
) -> Result<SealedBody, VaultError> {
    let header = header(HPKE_SUITE, id);
    let recipient = <Dh as Kem>::PublicKey::from_bytes(to).map_err(|_| VaultError::BadPeerKey)?;
    let (encapsulated, ciphertext) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Dh, _>(
        &OpModeS::Base,
        &recipient,
        INFO,
        &pad(plain),
        &[&header, context].concat(),
        rng,
    )
    .map_err(|_| VaultError::BadPeerKey)?;
    Ok(SealedBody([&header, encapsulated.to_bytes().as_slice(), &ciphertext].concat()))
}

/// Opens the rest of a sealed body after its header.
pub(crate) fn open(private: &Private, id: SealingKeyId, context: &[u8], rest: &[u8]) -> Option<Vec<u8>> {
    let (encapsulated, ciphertext) = rest.split_at_checked(ENCAPSULATED)?;
    let padded = single_shot_open::<ChaCha20Poly1305, HkdfSha256, Dh>(
        &OpModeR::Base,
        &<Dh as Kem>::PrivateKey::from_bytes(private.as_slice()).ok()?,
        &<Dh as Kem>::EncappedKey::from_bytes(encapsulated).ok()?,
        INFO,
        ciphertext,
        &[&header(HPKE_SUITE, id), context].concat(),
    )
    .ok()?;
    unpad(&Zeroizing::new(padded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    /// Gives the vector's key material in place of randomness.
    struct Fixed(Vec<u8>);

    impl RngCore for Fixed {
        fn next_u32(&mut self) -> u32 {
            rand_core::impls::next_u32_via_fill(self)
        }
        fn next_u64(&mut self) -> u64 {
            rand_core::impls::next_u64_via_fill(self)
        }
        fn fill_bytes(&mut self, out: &mut [u8]) {
            out.copy_from_slice(&self.0[..out.len()]);
        }
    }
    impl CryptoRng for Fixed {}

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// RFC 9180, appendix A.2.1, sequence number 0.
    #[test]
    fn the_suite_gives_the_vector_of_rfc_9180() {
        let (private, public) =
            derive(&hex("1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df").try_into().unwrap());
        assert_eq!(private.to_vec(), hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"));
        assert_eq!(public.to_vec(), hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"));
        assert_eq!(public_of(&private), Some(public));

        let (info, aad) = (hex("4f6465206f6e2061204772656369616e2055726e"), hex("436f756e742d30"));
        let plain = hex("4265617574792069732074727574682c20747275746820626561757479");
        let mut rng = Fixed(hex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b"));
        let (encapsulated, ciphertext) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Dh, _>(
            &OpModeS::Base,
            &<Dh as Kem>::PublicKey::from_bytes(&public).unwrap(),
            &info,
            &plain,
            &aad,
            &mut rng,
        )
        .unwrap();
        assert_eq!(
            encapsulated.to_bytes().to_vec(),
            hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
        );
        assert_eq!(
            ciphertext,
            hex("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28")
        );
    }
}
