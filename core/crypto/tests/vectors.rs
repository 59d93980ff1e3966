//! Published vectors through the public doors. RFC 9180's stands beside the suite itself.

#![expect(clippy::unwrap_used, reason = "a helper of tests stops at the first surprise")]

use data_encoding::HEXLOWER;
use tandem_crypto::{DeviceVault, SeededRandom, ServerNotary};
use tandem_model::vault::signed::canonical;
use tandem_model::{DeviceKey, Imsi, KeyedImsiKey, Notary, Secret, Signature, Vault};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

fn notary() -> ServerNotary {
    ServerNotary::new(Secret::new([0; 32]))
}

/// RFC 8032, section 7.1, tests 1 to 3: public key, message, signature.
const ED25519: [(&str, &[u8], &str); 3] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        &[],
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        &[0x72],
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        &[0xAF, 0x82],
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

#[test]
fn signatures_of_rfc_8032_verify_and_nothing_near_them_does() {
    for (key, message, signature) in ED25519 {
        let (key, signature) = (DeviceKey(hex(key)), Signature(hex(signature)));
        assert!(notary().verify(&key, message, &signature));
        assert!(!notary().verify(&key, &[message, &[0]].concat(), &signature));
    }
}

/// RFC 8032, section 7.1, test 1: the saved form holds the seed, so a vault loaded from it signs the vector.
#[test]
fn a_vault_holding_the_key_of_rfc_8032_signs_its_vector() {
    let (public, message, signature) = ED25519[1];
    let seed: [u8; 32] = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let mut blob = b"TDMV\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05".to_vec();
    blob.extend_from_slice(&seed);
    blob.extend_from_slice(&[0; 4]);
    blob.extend_from_slice(&<sha2::Sha256 as sha2::Digest>::digest(&blob));
    let vault = DeviceVault::load(&Secret::new(blob), SeededRandom::from_seed([1; 32])).unwrap();
    let key = vault.handles()[0];
    assert_eq!(vault.device_key(key), Ok(DeviceKey(hex(public))));
    assert_eq!(vault.sign(key, message), Ok(Signature(hex(signature))));
}

/// The identity point signs every message in lax verifiers.
#[test]
fn a_weak_key_never_verifies() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!notary().verify(&DeviceKey(identity), b"anything", &Signature(signature)));
}

/// A signature with the group order added to S verifies in lax verifiers (RFC 8032, section 5.1.7).
#[test]
fn a_malleable_signature_never_verifies() {
    let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let (key, message, signature) = ED25519[0];
    let mut bent: [u8; 64] = hex(signature);
    let mut carry = 0_u16;
    for (byte, add) in bent[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xFF).unwrap();
        carry = sum >> 8;
    }
    assert!(!notary().verify(&DeviceKey(hex(key)), message, &Signature(bent)));
}

/// RFC 4231, test cases 1 and 2. Their keys are shorter than ours; HMAC pads a key with zeros to the block (RFC 2104), so
/// zeros after it change nothing.
#[test]
fn the_hmac_digests_are_compared_with_gives_the_vectors_of_rfc_4231() {
    let mut key = [0; 32];
    key[..20].fill(0x0B);
    assert_eq!(
        hmac_of_rfc_2104(&key, b"Hi There"),
        hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    );
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    assert_eq!(
        hmac_of_rfc_2104(&key, b"what do ya want for nothing?"),
        hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    );
}

/// HMAC-SHA-256 written from RFC 2104, to compare with.
fn hmac_of_rfc_2104(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    let block = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(block(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block(0x5C)).chain_update(inner).finalize().into()
}

#[test]
fn digests_and_imsi_tokens_are_that_keyed_hash() {
    let secret = [7; 32];
    let parts: [&[u8]; 2] = [b"12345678", b""];
    assert_eq!(
        ServerNotary::new(Secret::new(secret)).digest("tandem/1/code", &parts),
        hmac_of_rfc_2104(&secret, &canonical("tandem/1/code", &parts))
    );
    let imsi = Imsi::parse("001010123456789").unwrap();
    let vault = DeviceVault::new(SeededRandom::from_seed([1; 32]));
    assert_eq!(
        vault.imsi_token(&KeyedImsiKey(Secret::new(secret)), &imsi).0,
        hmac_of_rfc_2104(&secret, b"001010123456789")
    );
}
