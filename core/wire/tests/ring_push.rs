//! The ring that a push carries: its bytes, what opens it, and everything that must not ring.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise")]

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use tandem_crypto::{DeviceVault, SeededRandom};
use tandem_model::vault::KeyHandle;
use tandem_model::{CallId, DeviceKey, Msisdn, SealedBody, SealingKey, SealingKeyId, ServerMillis, Signature};
use tandem_model::{Vault, VaultError};
use tandem_wire::ring_push::{RING_PUSH_LEN, RING_PUSH_SEALED_MAX};
use tandem_wire::{RingPush, RingRefusal, WireError};

const EXPIRES: i64 = 1_700_000_045_000;

fn number(text: &str) -> Msisdn {
    Msisdn::from_e164(text).unwrap()
}

fn anna() -> Msisdn {
    number("+4915112345601")
}

fn bert() -> Msisdn {
    number("+4915112345602")
}

fn push() -> RingPush {
    RingPush { call: CallId([1; 16]), from: anna(), expires_at: ServerMillis(EXPIRES), fingerprint: [2; 32] }
}

/// A phone's keys.
struct Phone {
    vault: DeviceVault,
    key: KeyHandle,
    device: DeviceKey,
    sealing: SealingKey,
}

impl Phone {
    fn new(seed: u8) -> Phone {
        let mut vault = DeviceVault::new(SeededRandom::from_seed([seed; 32]));
        let (key, device) = vault.create().unwrap();
        let sealing = vault.rotate_sealing(key, SealingKeyId(1)).unwrap();
        Phone { vault, key, device, sealing }
    }

    /// Opens as Bert, who holds Anna's key, so long before the expiry.
    fn open(&self, sealed: &SealedBody, annas: &DeviceKey, before: i64) -> Result<RingPush, RingRefusal> {
        let key_of = |from| (from == anna()).then_some(*annas);
        RingPush::open(&self.vault, self.key, bert(), sealed, key_of, ServerMillis(EXPIRES - before))
    }
}

fn sealed(caller: &mut Phone, callee: &Phone, push: RingPush) -> SealedBody {
    push.seal(&mut caller.vault, caller.key, bert(), &callee.sealing).unwrap()
}

/// Sealed to a callee, whatever it is.
fn sealed_plain(caller: &mut Phone, callee: &Phone, plain: &[u8]) -> SealedBody {
    let context =
        tandem_model::vault::signed::canonical("tandem/1/ring-push-sealed", &[&bert().as_u64().to_be_bytes()]);
    caller.vault.seal(&callee.sealing, &context, plain).unwrap()
}

#[test]
fn the_bytes_are_what_is_written_down() {
    let plain = push().encode(&Signature([3; 64]));
    let vector = [
        "01",
        "01010101010101010101010101010101",
        "0000047863868001",
        "0000018bcfe617c8",
        "0202020202020202020202020202020202020202020202020202020202020202",
        &"03".repeat(64),
    ]
    .concat();
    assert_eq!(HEXLOWER.encode(&plain), vector);
    assert_eq!(plain.len(), RING_PUSH_LEN);
    assert_eq!(RingPush::decode(&plain), Ok((push(), Signature([3; 64]))));
    let signed = [
        HEXLOWER.encode(b"tandem/1/ring-push\0"),
        "00000010".to_owned() + &"01".repeat(16),
        "000000080000047863868001".to_owned(),
        "000000080000047863868002".to_owned(),
        "000000080000018bcfe617c8".to_owned(),
        "00000020".to_owned() + &"02".repeat(32),
    ]
    .concat();
    assert_eq!(HEXLOWER.encode(&push().signed_bytes(bert())), signed);
}

#[test]
fn a_push_rings_until_its_expiry_and_not_a_millisecond_longer() {
    let (mut caller, callee) = (Phone::new(1), Phone::new(2));
    let sealed = sealed(&mut caller, &callee, push());
    assert_eq!(sealed.0.len(), 313);
    assert!(sealed.0.len() <= RING_PUSH_SEALED_MAX);
    for before in [45_000, 100, 1] {
        assert_eq!(callee.open(&sealed, &caller.device, before), Ok(push()));
    }
    for before in [0, -1, -100] {
        assert_eq!(callee.open(&sealed, &caller.device, before), Err(RingRefusal::Expired));
    }
}

#[test]
fn an_expiry_no_ring_may_have_does_not_ring() {
    let (mut caller, callee) = (Phone::new(1), Phone::new(2));
    let sealed = sealed(&mut caller, &callee, push());
    assert_eq!(callee.open(&sealed, &caller.device, 125_000), Ok(push()));
    assert_eq!(callee.open(&sealed, &caller.device, 125_001), Err(RingRefusal::TooFar));
}

#[test]
fn only_the_callee_opens_it_with_an_old_sealing_key_too() {
    let (mut caller, mut callee) = (Phone::new(1), Phone::new(2));
    let sealed = sealed(&mut caller, &callee, push());
    callee.vault.rotate_sealing(callee.key, SealingKeyId(2)).unwrap();
    assert_eq!(callee.open(&sealed, &caller.device, 100), Ok(push()));
    let other = Phone::new(3);
    let refused = Err(RingRefusal::Sealed(VaultError::DoesNotOpen));
    assert_eq!(other.open(&sealed, &caller.device, 100), refused);
    let turned = RingPush::open(
        &callee.vault,
        callee.key,
        anna(),
        &sealed,
        |_| Some(caller.device),
        ServerMillis(EXPIRES - 100),
    );
    assert_eq!(turned, refused, "sealed for another number of the same phone");
}

#[test]
fn what_the_caller_did_not_sign_does_not_ring_whoever_sealed_it() {
    let (caller, callee, mut liar) = (Phone::new(1), Phone::new(2), Phone::new(3));
    let forged = sealed(&mut liar, &callee, push());
    assert_eq!(callee.open(&forged, &caller.device, 100), Err(RingRefusal::NotTheCaller));
    let signature = caller.vault.sign(caller.key, &push().signed_bytes(bert())).unwrap();
    for changed in [
        RingPush { call: CallId([9; 16]), ..push() },
        RingPush { expires_at: ServerMillis(EXPIRES + 1), ..push() },
        RingPush { fingerprint: [9; 32], ..push() },
    ] {
        let sealed = sealed_plain(&mut liar, &callee, &changed.encode(&signature));
        assert_eq!(callee.open(&sealed, &caller.device, 100), Err(RingRefusal::NotTheCaller));
    }
    let for_another = caller.vault.sign(caller.key, &push().signed_bytes(anna())).unwrap();
    let sealed = sealed_plain(&mut liar, &callee, &push().encode(&for_another));
    assert_eq!(callee.open(&sealed, &caller.device, 100), Err(RingRefusal::NotTheCaller), "signed for another callee");
    let stranger = RingPush { from: number("+4915112345699"), ..push() };
    let sealed = sealed_plain(&mut liar, &callee, &stranger.encode(&signature));
    assert_eq!(callee.open(&sealed, &caller.device, 100), Err(RingRefusal::UnknownCaller));
}

#[test]
fn an_expired_push_that_nobody_signed_is_no_missed_call() {
    let (caller, callee, mut liar) = (Phone::new(1), Phone::new(2), Phone::new(3));
    let forged = sealed(&mut liar, &callee, push());
    assert_eq!(callee.open(&forged, &caller.device, -100), Err(RingRefusal::NotTheCaller));
}

#[test]
fn a_payload_that_is_no_ring_is_refused_by_what_is_wrong() {
    let good = push().encode(&Signature([3; 64]));
    let with = |at: usize, bytes: &[u8]| {
        let mut bent = good.clone();
        bent[at..at + bytes.len()].copy_from_slice(bytes);
        RingPush::decode(&bent).map(|_| ())
    };
    assert_eq!(with(0, &[2]), Err(WireError::UnknownValue { field: "version" }));
    assert_eq!(with(17, &[0xFF; 8]), Err(WireError::OutOfRange { field: "from" }));
    assert_eq!(with(17, &[0; 8]), Err(WireError::OutOfRange { field: "from" }));
    assert_eq!(with(25, &[0; 8]), Err(WireError::OutOfRange { field: "expires_at" }));
    assert_eq!(with(25, &[0xFF; 8]), Err(WireError::OutOfRange { field: "expires_at" }));
    for len in 0..good.len() {
        assert!(RingPush::decode(&good[..len]).is_err(), "{len}");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(RingPush::decode(&longer), Err(WireError::Malformed));
}

#[test]
fn a_push_too_large_for_any_service_is_refused_before_it_is_opened() {
    let (caller, callee) = (Phone::new(1), Phone::new(2));
    let large = SealedBody(vec![1; RING_PUSH_SEALED_MAX + 1]);
    assert_eq!(callee.open(&large, &caller.device, 100), Err(RingRefusal::TooLarge));
    let largest = SealedBody(vec![1; RING_PUSH_SEALED_MAX]);
    assert_eq!(callee.open(&largest, &caller.device, 100), Err(RingRefusal::Sealed(VaultError::DoesNotOpen)));
}

proptest! {
    #[test]
    fn hostile_bytes_never_ring_and_never_crash(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let (caller, callee) = (Phone::new(1), Phone::new(2));
        let _decoded = RingPush::decode(&body);
        prop_assert!(callee.open(&SealedBody(body), &caller.device, 100).is_err());
    }

    #[test]
    fn a_bit_flipped_anywhere_never_rings(at in 0..313_usize, bit in 0..8_u8) {
        let (mut caller, callee) = (Phone::new(1), Phone::new(2));
        let mut sealed = sealed(&mut caller, &callee, push());
        sealed.0[at] ^= 1 << bit;
        prop_assert!(callee.open(&sealed, &caller.device, 100).is_err());
    }

    #[test]
    fn every_ring_reads_back(call: [u8; 16], digits in 10_000_000_u64..999_999_999_999_999, at in 1..i64::MAX, print: [u8; 32]) {
        let Ok(from) = Msisdn::try_from(digits) else { return Ok(()) };
        let push = RingPush { call: CallId(call), from, expires_at: ServerMillis(at), fingerprint: print };
        prop_assert_eq!(RingPush::decode(&push.encode(&Signature([7; 64]))), Ok((push, Signature([7; 64]))));
    }
}
