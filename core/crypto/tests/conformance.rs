//! One suite of behaviours over the real vault and notary and over their stand-ins, so that what the simulation shows with
//! the fakes holds with the real ones.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of tests stops at the first surprise")]

use tandem_crypto::fake::{FakeNotary, FakeVault};
use tandem_crypto::{DeviceVault, SeededRandom, ServerNotary};
use tandem_model::vault::{KeyHandle, signed};
use tandem_model::{
    Imsi, KeyedImsiKey, Notary, SealedBody, SealingKey, SealingKeyId, Secret, Signature, Vault, VaultError,
};

const ONE: SealingKeyId = SealingKeyId(1);
const TWO: SealingKeyId = SealingKeyId(2);
const KEPT: u32 = 64;

/// What runs over both kinds.
trait Kind {
    type Vault: Vault;
    type Notary: Notary;
    fn vault(seed: u8) -> Self::Vault;
    fn notary(secret: u8) -> Self::Notary;
    fn forget_before(vault: &mut Self::Vault, key: KeyHandle, id: SealingKeyId);
}

struct Real;
impl Kind for Real {
    type Vault = DeviceVault;
    type Notary = ServerNotary;
    fn vault(seed: u8) -> DeviceVault {
        DeviceVault::new(SeededRandom::from_seed([seed; 32]))
    }
    fn notary(secret: u8) -> ServerNotary {
        ServerNotary::new(Secret::new([secret; 32]))
    }
    fn forget_before(vault: &mut DeviceVault, key: KeyHandle, id: SealingKeyId) {
        vault.forget_sealing_before(key, id);
    }
}

struct Fake;
impl Kind for Fake {
    type Vault = FakeVault;
    type Notary = FakeNotary;
    fn vault(seed: u8) -> FakeVault {
        FakeVault::new(u64::from(seed))
    }
    fn notary(secret: u8) -> FakeNotary {
        FakeNotary::new(u64::from(secret))
    }
    fn forget_before(vault: &mut FakeVault, key: KeyHandle, id: SealingKeyId) {
        vault.forget_sealing_before(key, id);
    }
}

fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[place] ^= 1 << (place % 8);
    out
}

/// Two phones: the second has a device key and its first sealing key.
fn pair<K: Kind>() -> (K::Vault, K::Vault, KeyHandle, SealingKey) {
    let mut callee = K::vault(2);
    let (key, _) = callee.create().unwrap();
    let sealing = callee.rotate_sealing(key, ONE).unwrap();
    (K::vault(1), callee, key, sealing)
}

fn a_signature_verifies_for_its_signer_and_its_bytes_only<K: Kind>() {
    let (mut vault, notary) = (K::vault(1), K::notary(9));
    let (key, public) = vault.create().unwrap();
    let (_, stranger) = vault.create().unwrap();
    let signature = vault.sign(key, b"message").unwrap();
    assert_eq!(vault.device_key(key), Ok(public));
    assert!(vault.verify(&public, b"message", &signature) && notary.verify(&public, b"message", &signature));
    assert!(!notary.verify(&stranger, b"message", &signature) && !vault.verify(&stranger, b"message", &signature));
    for other in [b"messagf".as_slice(), b"messag", b"message ", b""] {
        assert!(!notary.verify(&public, other, &signature));
    }
    for place in 0..64 {
        let bent = Signature(flipped(&signature.0, place).try_into().unwrap());
        assert!(!notary.verify(&public, b"message", &bent), "byte {place}");
    }
}

fn sealing_keys_are_signed_by_their_device_key_and_the_same_id_is_the_same_key<K: Kind>() {
    let mut vault = K::vault(1);
    let (key, public) = vault.create().unwrap();
    let first = vault.rotate_sealing(key, ONE).unwrap();
    let second = vault.rotate_sealing(key, TWO).unwrap();
    assert!(K::notary(9).verify(&public, &signed::sealing_key(ONE, &first.public), &first.signature));
    assert!(!K::notary(9).verify(&public, &signed::sealing_key(TWO, &first.public), &first.signature));
    assert_ne!(first.public, second.public);
    assert_eq!(vault.rotate_sealing(key, ONE), Ok(first));
}

fn what_is_sealed_opens_for_its_recipient_in_its_context<K: Kind>() {
    let (mut caller, callee, key, sealing) = pair::<K>();
    for text in [b"".as_slice(), b"dear", &[7; 5_000]] {
        let sealed = caller.seal(&sealing, b"context", text).unwrap();
        assert_eq!(callee.open(key, b"context", &sealed).unwrap(), text);
        assert_eq!(callee.open(key, b"contexT", &sealed), Err(VaultError::DoesNotOpen));
        assert_eq!(callee.open(key, b"", &sealed), Err(VaultError::DoesNotOpen));
    }
}

fn another_key_never_opens<K: Kind>() {
    let (mut caller, mut callee, key, sealing) = pair::<K>();
    let sealed = caller.seal(&sealing, b"", b"dear").unwrap();
    let (other, _) = callee.create().unwrap();
    assert_eq!(callee.open(other, b"", &sealed), Err(VaultError::DoesNotOpen));
    callee.rotate_sealing(other, ONE).unwrap();
    assert_eq!(callee.open(other, b"", &sealed), Err(VaultError::DoesNotOpen));
    callee.rotate_sealing(key, TWO).unwrap();
    let renamed = caller.seal(&SealingKey { id: TWO, ..sealing }, b"", b"dear").unwrap();
    assert_eq!(callee.open(key, b"", &renamed), Err(VaultError::DoesNotOpen));
    assert_eq!(callee.open(key, b"", &sealed).unwrap(), b"dear");
}

fn a_body_changed_cut_or_extended_never_opens<K: Kind>() {
    let (mut caller, callee, key, sealing) = pair::<K>();
    let sealed = caller.seal(&sealing, b"context", b"dear").unwrap().0;
    let refused = |bytes: Vec<u8>| callee.open(key, b"context", &SealedBody(bytes)) == Err(VaultError::DoesNotOpen);
    for place in 0..sealed.len() {
        assert!(refused(flipped(&sealed, place)), "byte {place}");
        assert!(refused(sealed[..place].to_vec()), "cut at {place}");
    }
    assert!(refused([sealed.as_slice(), &[0]].concat()));
    assert!(refused(Vec::new()));
}

fn a_body_neither_shows_its_text_nor_its_length_nor_that_it_is_the_same_again<K: Kind>() {
    let (mut caller, _, _, sealing) = pair::<K>();
    let secret = b"MARKED-SECRET-MARKED-SECRET";
    let sealed = caller.seal(&sealing, b"", secret).unwrap();
    assert!(!sealed.0.windows(6).any(|window| window == b"SECRET"));
    assert_eq!(sealed.0.len(), caller.seal(&sealing, b"", b"x").unwrap().0.len());
    assert_ne!(sealed, caller.seal(&sealing, b"", secret).unwrap());
}

fn an_invalid_peer_key_is_refused_by_name<K: Kind>() {
    let (mut caller, _, _, sealing) = pair::<K>();
    let zero = SealingKey { public: [0; 32], ..sealing };
    assert_eq!(caller.seal(&zero, b"", b"dear"), Err(VaultError::BadPeerKey));
}

fn older_sealing_keys_open_until_they_are_forgotten<K: Kind>() {
    let (mut caller, mut callee, key, first) = pair::<K>();
    let old = caller.seal(&first, b"", b"old").unwrap();
    let second = callee.rotate_sealing(key, TWO).unwrap();
    let new = caller.seal(&second, b"", b"new").unwrap();
    K::forget_before(&mut callee, key, ONE);
    assert_eq!(callee.open(key, b"", &old).unwrap(), b"old");
    K::forget_before(&mut callee, key, TWO);
    assert_eq!(callee.open(key, b"", &old), Err(VaultError::DoesNotOpen));
    assert_eq!(callee.open(key, b"", &new).unwrap(), b"new");
}

fn the_oldest_sealing_key_makes_room_past_the_bound<K: Kind>() {
    let (mut caller, mut callee, key, first) = pair::<K>();
    let old = caller.seal(&first, b"", b"old").unwrap();
    for id in 2..=KEPT {
        callee.rotate_sealing(key, SealingKeyId(id)).unwrap();
    }
    assert!(callee.open(key, b"", &old).is_ok());
    callee.rotate_sealing(key, SealingKeyId(KEPT + 1)).unwrap();
    assert_eq!(callee.open(key, b"", &old), Err(VaultError::DoesNotOpen));
}

fn a_forgotten_key_is_gone_for_everything_and_forgetting_twice_is_fine<K: Kind>() {
    let (mut caller, mut callee, key, sealing) = pair::<K>();
    let sealed = caller.seal(&sealing, b"", b"dear").unwrap();
    callee.forget(key);
    callee.forget(key);
    assert_eq!(callee.sign(key, b""), Err(VaultError::KeyGone));
    assert_eq!(callee.device_key(key), Err(VaultError::KeyGone));
    assert_eq!(callee.rotate_sealing(key, TWO), Err(VaultError::KeyGone));
    assert_eq!(callee.open(key, b"", &sealed), Err(VaultError::KeyGone));
}

fn the_same_seed_makes_the_same_keys_and_another_seed_others<K: Kind>() {
    let create = |seed| K::vault(seed).create().unwrap();
    assert_eq!(create(1), create(1));
    assert_ne!(create(1).1, create(2).1);
}

fn an_imsi_token_depends_on_the_key_and_the_imsi<K: Kind>() {
    let vault = K::vault(1);
    let key = |byte| KeyedImsiKey(Secret::new([byte; 32]));
    let imsi = |digits| Imsi::parse(digits).unwrap();
    let token = vault.imsi_token(&key(1), &imsi("001010123456789"));
    assert_eq!(K::vault(2).imsi_token(&key(1), &imsi("001010123456789")), token);
    assert_ne!(vault.imsi_token(&key(2), &imsi("001010123456789")), token);
    assert_ne!(vault.imsi_token(&key(1), &imsi("001010123456780")), token);
}

fn a_digest_depends_on_secret_domain_and_every_cut<K: Kind>() {
    let digest = |secret: u8, domain: &str, parts: &[&[u8]]| K::notary(secret).digest(domain, parts);
    let one = digest(1, "code", &[b"ab", b"c"]);
    assert_eq!(digest(1, "code", &[b"ab", b"c"]), one);
    for other in [
        digest(2, "code", &[b"ab", b"c"]),
        digest(1, "token", &[b"ab", b"c"]),
        digest(1, "code", &[b"a", b"bc"]),
        digest(1, "code", &[b"abc"]),
        digest(1, "code", &[b"ab", b"c", b""]),
    ] {
        assert_ne!(other, one);
    }
}

fn equal_means_every_byte<K: Kind>() {
    let notary = K::notary(1);
    assert!(notary.equal(b"", b"") && notary.equal(b"12345678", b"12345678"));
    assert!(!notary.equal(b"12345678", b"12345679") && !notary.equal(b"02345678", b"12345678"));
    assert!(!notary.equal(b"1234567", b"12345678"));
}

macro_rules! conformance {
    ($($behaviour:ident),* $(,)?) => {
        mod real {
            $(#[test] fn $behaviour() { super::$behaviour::<super::Real>(); })*
        }
        mod fake {
            $(#[test] fn $behaviour() { super::$behaviour::<super::Fake>(); })*
        }
    };
}

conformance!(
    a_signature_verifies_for_its_signer_and_its_bytes_only,
    sealing_keys_are_signed_by_their_device_key_and_the_same_id_is_the_same_key,
    what_is_sealed_opens_for_its_recipient_in_its_context,
    another_key_never_opens,
    a_body_changed_cut_or_extended_never_opens,
    a_body_neither_shows_its_text_nor_its_length_nor_that_it_is_the_same_again,
    an_invalid_peer_key_is_refused_by_name,
    older_sealing_keys_open_until_they_are_forgotten,
    the_oldest_sealing_key_makes_room_past_the_bound,
    a_forgotten_key_is_gone_for_everything_and_forgetting_twice_is_fine,
    the_same_seed_makes_the_same_keys_and_another_seed_others,
    an_imsi_token_depends_on_the_key_and_the_imsi,
    a_digest_depends_on_secret_domain_and_every_cut,
    equal_means_every_byte,
);

#[test]
fn a_stand_ins_body_never_opens_in_a_real_vault() {
    let (_, callee, key, sealing) = pair::<Real>();
    let sealed = FakeVault::new(1).seal(&sealing, b"", b"dear").unwrap();
    assert_eq!(callee.open(key, b"", &sealed), Err(VaultError::DoesNotOpen));
}

#[test]
fn a_locked_stand_in_says_so_until_it_is_unlocked() {
    let mut vault = FakeVault::new(1);
    let (key, _) = vault.create().unwrap();
    vault.set_locked(true);
    assert_eq!(vault.create(), Err(VaultError::Locked));
    assert_eq!(vault.sign(key, b""), Err(VaultError::Locked));
    assert_eq!(vault.rotate_sealing(key, ONE), Err(VaultError::Locked));
    vault.set_locked(false);
    assert!(vault.sign(key, b"").is_ok());
}
