//! Encryption to a subscription: RFC 8291 on the aes128gcm coding of RFC 8188, always one record.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::Subscription;

/// The record size written into the header: the longest body every service takes.
const RECORD: u32 = 4_096;

/// Ends the content of the last record (RFC 8188, 2).
const LAST: u8 = 2;

/// What contents are padded to, so that a push's length tells its class at most.
const PADDED: [usize; 4] = [256, 512, 1_024, 2_048];

/// Encrypts with a key and salt used once. `None` when the device's key is not on the curve, or nothing is random.
pub(super) fn encrypt(to: &Subscription, plain: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    let mut salt = [0; 16];
    random.fill(&mut salt).ok()?;
    let private = EphemeralPrivateKey::generate(&ECDH_P256, &random).ok()?;
    let public = private.compute_public_key().ok()?;
    let public: [u8; 65] = public.as_ref().try_into().ok()?;
    let input = agree_ephemeral(private, &UnparsedPublicKey::new(&ECDH_P256, &to.public), |secret| {
        keying_material(secret, to, &public)
    })
    .ok()??;
    seal(&*input, &salt, &public, plain, pad_of(plain.len()))
}

/// RFC 8291, 3.4: what the two keys agreed on, bound to both and to the secret the device shared.
fn keying_material(secret: &[u8], to: &Subscription, public: &[u8; 65]) -> Option<Zeroizing<[u8; 32]>> {
    let mut out = Zeroizing::new([0; 32]);
    expand(&to.auth, secret, &[b"WebPush: info\0", &to.public, public], &mut *out)?;
    Some(out)
}

/// RFC 8188, 2: header and one record of the content, its end and its padding.
fn seal(input: &[u8], salt: &[u8; 16], key_id: &[u8], plain: &[u8], pad: usize) -> Option<Vec<u8>> {
    let (key, nonce) = content_keys(input, salt)?;
    let mut record = Vec::with_capacity(plain.len() + pad + 1 + AES_128_GCM.tag_len());
    record.extend_from_slice(plain);
    record.push(LAST);
    record.resize(record.len() + pad, 0);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).ok()?;
    let id_len = u8::try_from(key_id.len()).ok()?;
    Some([salt, RECORD.to_be_bytes().as_slice(), &[id_len], key_id, &record].concat())
}

/// RFC 8188, 2.2 and 2.3: the key of the content and the nonce of its first record.
fn content_keys(input: &[u8], salt: &[u8; 16]) -> Option<(LessSafeKey, [u8; 12])> {
    let mut key = Zeroizing::new([0; 16]);
    let mut nonce = [0; 12];
    expand(salt, input, &[b"Content-Encoding: aes128gcm\0"], &mut *key)?;
    expand(salt, input, &[b"Content-Encoding: nonce\0"], &mut nonce)?;
    Some((LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &*key).ok()?), nonce))
}

struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(salt: &[u8], input: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
    let key = Salt::new(HKDF_SHA256, salt).extract(input);
    key.expand(info, Len(out.len())).ok()?.fill(out).ok()
}

/// Octets of padding; a content beyond the last class has none.
fn pad_of(len: usize) -> usize {
    PADDED.iter().find(|class| len <= **class).map_or(0, |class| class.saturating_sub(len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;
    use proptest::prelude::*;

    fn b64(text: &str) -> Vec<u8> {
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
    }

    /// A reader of its own, after RFC 8188, with any number of records.
    fn open(input: &[u8], body: &[u8]) -> Vec<u8> {
        let salt: [u8; 16] = body[..16].try_into().unwrap();
        let size = u32::from_be_bytes(body[16..20].try_into().unwrap()) as usize;
        let records = &body[21 + usize::from(body[20])..];
        let (key, first) = content_keys(input, &salt).unwrap();
        let count = records.len().div_ceil(size);
        let mut out = Vec::new();
        for (index, record) in records.chunks(size).enumerate() {
            let mut nonce = first;
            for (byte, count) in nonce[4..].iter_mut().zip((index as u64).to_be_bytes()) {
                *byte ^= count;
            }
            let mut record = record.to_vec();
            let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).unwrap();
            let end = plain.iter().rposition(|byte| *byte != 0).unwrap();
            assert_eq!(plain[end], if index + 1 == count { LAST } else { 1 });
            out.extend_from_slice(&plain[..end]);
        }
        out
    }

    const WALRUS: &[u8] = b"I am the walrus";

    #[test]
    fn the_coding_gives_the_vector_of_rfc_8188_3_1() {
        let body = b64("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg");
        let key = b64("yqdlZ-tYemfogSmv7Ws5PQ");
        assert_eq!(seal(&key, &b64("I1BsxtFttlv3u_Oo94xnmw").try_into().unwrap(), b"", WALRUS, 0), Some(body.clone()));
        assert_eq!(open(&key, &body), WALRUS);
    }

    #[test]
    fn the_reader_these_tests_use_opens_the_padded_records_of_rfc_8188_3_2() {
        let body =
            b64("uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA");
        assert_eq!(open(&b64("BO3ZVPxUlnLORbVGMpbT1Q"), &body), WALRUS);
    }

    #[test]
    fn encryption_gives_every_value_of_rfc_8291_appendix_a() {
        let ua = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let app = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
        let auth = b64("BTBZMqHH6r4Tts7J_aSIgg").try_into().unwrap();
        let to = Subscription::new("https://push.example.net/", b64(ua).try_into().unwrap(), auth).unwrap();
        let public: [u8; 65] = b64(app).try_into().unwrap();
        let input = keying_material(&b64("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"), &to, &public).unwrap();
        assert_eq!(input.to_vec(), b64("S4lYMb_L0FxCeq0WhDx813KgSYqU26kOyzWUdsXYyrg"));
        let salt: [u8; 16] = b64("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let mut nonce = [0; 12];
        expand(&salt, &*input, &[b"Content-Encoding: nonce\0"], &mut nonce).unwrap();
        assert_eq!(nonce.to_vec(), b64("4h_95klXJ5E_qnoN"));
        let body = seal(&*input, &salt, &public, b"When I grow up, I want to be a watermelon", 0).unwrap();
        assert_eq!(
            BASE64URL_NOPAD.encode(&body),
            [
                "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w",
                "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
            ]
            .concat()
        );
    }

    #[test]
    fn a_key_off_the_curve_encrypts_nothing() {
        let to = Subscription::new("https://push.example/", [4; 65], [0; 16]).unwrap();
        assert_eq!(encrypt(&to, b"x"), None);
    }

    #[test]
    fn lengths_tell_a_class_alone_and_the_longest_stays_within_every_service() {
        let len = |plain: usize| seal(&[7; 32], &[0; 16], &[4; 65], &vec![0; plain], pad_of(plain)).unwrap().len();
        assert_eq!(len(0), len(256));
        assert_eq!(len(257), len(512));
        assert_eq!(len(2_048), 2_048 + 1 + 16 + 86);
        assert!(len(2_048) <= 4_096);
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_to_the_same(plain in prop::collection::vec(any::<u8>(), 0..=2_048)) {
            let body = seal(&[7; 32], &[1; 16], &[4; 65], &plain, pad_of(plain.len())).unwrap();
            prop_assert_eq!(open(&[7; 32], &body), plain);
        }
    }
}
