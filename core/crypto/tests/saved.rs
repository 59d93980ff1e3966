//! The vault as a blob: whole or refused by name.

#![expect(clippy::unwrap_used, reason = "a helper of tests stops at the first surprise")]

use proptest::prelude::*;
use tandem_crypto::{BlobError, DeviceVault, SeededRandom};
use tandem_model::{SealingKeyId, Secret, Vault};

fn load(blob: Vec<u8>) -> Result<DeviceVault, BlobError> {
    DeviceVault::load(&Secret::new(blob), SeededRandom::from_seed([99; 32]))
}

fn vault() -> DeviceVault {
    let mut vault = DeviceVault::new(SeededRandom::from_seed([3; 32]));
    for _ in 0..2 {
        let (key, _) = vault.create().unwrap();
        vault.rotate_sealing(key, SealingKeyId(1)).unwrap();
        vault.rotate_sealing(key, SealingKeyId(2)).unwrap();
    }
    vault
}

#[test]
fn a_loaded_vault_is_the_saved_one() {
    let mut before = vault();
    let mut after = load(before.save().into_inner()).unwrap();
    assert_eq!(after.save(), before.save());
    for key in before.handles() {
        assert_eq!(after.device_key(key), before.device_key(key));
        assert_eq!(after.sign(key, b"m"), before.sign(key, b"m"));
        let first = before.rotate_sealing(key, SealingKeyId(1)).unwrap();
        assert_eq!(after.rotate_sealing(key, SealingKeyId(1)), Ok(first));
        let sealed = before.seal(&first, b"c", b"text").unwrap();
        assert_eq!(after.open(key, b"c", &sealed).unwrap(), b"text");
    }
}

#[test]
fn an_empty_vault_saves_and_loads() {
    let empty = DeviceVault::new(SeededRandom::from_seed([3; 32]));
    assert_eq!(load(empty.save().into_inner()).unwrap().handles(), []);
}

#[test]
fn every_changed_byte_and_every_cut_is_found() {
    let blob = vault().save().into_inner();
    for place in 0..blob.len() {
        let mut bent = blob.clone();
        bent[place] ^= 0x40;
        let expected = match place {
            0..4 => BlobError::NotAVault,
            4 => BlobError::NewerVersion,
            _ => BlobError::Damaged,
        };
        assert_eq!(load(bent).unwrap_err(), expected, "byte {place}");
        let cut = if place < 4 { BlobError::NotAVault } else { BlobError::Damaged };
        assert_eq!(load(blob[..place].to_vec()).unwrap_err(), cut, "cut at {place}");
    }
    assert_eq!(load([blob, vec![0]].concat()).unwrap_err(), BlobError::Damaged);
}

#[test]
fn a_count_that_promises_more_than_there_is_allocates_nothing_and_is_damage() {
    let mut blob = b"TDMV\x01\xFF\xFF\xFF\xFF".to_vec();
    blob.extend_from_slice(&<sha2::Sha256 as sha2::Digest>::digest(&blob));
    assert_eq!(load(blob).unwrap_err(), BlobError::Damaged);
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", vault()), "DeviceVault(2 device keys)");
    assert_eq!(format!("{:?}", vault().save()), "<secret>");
}

proptest! {
    #[test]
    fn no_bytes_break_the_loader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load(bytes).is_err());
    }

    #[test]
    fn no_bytes_with_a_right_checksum_break_the_loader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut blob = [b"TDMV\x01".as_slice(), &bytes].concat();
        blob.extend_from_slice(&<sha2::Sha256 as sha2::Digest>::digest(&blob));
        let _ = load(blob);
    }
}
