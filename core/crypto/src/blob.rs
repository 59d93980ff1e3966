//! The vault's keys as one opaque blob, for the host's key store.
//!
//! ```text
//! 4 bytes  "TDMV"
//! 1 byte   version, 1
//! 4 bytes  number of device keys; for each:
//!     8 bytes  handle
//!     32 bytes Ed25519 seed (RFC 8032)
//!     4 bytes  number of sealing keys; for each, in rising order:
//!         4 bytes  id
//!         32 bytes X25519 private key
//! 32 bytes SHA-256 of everything before
//! ```
//!
//! Numbers are big endian. The checksum finds damage; it does not authenticate, which the key store does.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use tandem_model::SealingKeyId;
use tandem_model::vault::KeyHandle;
use zeroize::Zeroizing;

use crate::device_vault::Device;
use crate::seal::Private;

const MAGIC: [u8; 4] = *b"TDMV";
const VERSION: u8 = 1;
const CHECKSUM: usize = 32;

/// Why a blob is not loaded. The keys are gone and the user registers again; the bytes are worth keeping for a report of
/// [`BlobError::NewerVersion`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// These bytes never were a vault.
    #[error("this is no saved vault")]
    NotAVault,
    /// Saved by a later build: update, and it loads.
    #[error("the vault was saved by a later version")]
    NewerVersion,
    /// It was a vault, and bytes of it are lost or changed.
    #[error("the saved vault is damaged")]
    Damaged,
}

pub(crate) type Devices = BTreeMap<KeyHandle, Device>;

pub(crate) fn write(devices: &Devices) -> Vec<u8> {
    let count = |entries: usize| u32::try_from(entries).unwrap_or(u32::MAX).to_be_bytes();
    let size: usize = devices.values().map(|device| 44 + 36 * device.sealing.len()).sum();
    // Reserved in full, so that no half-written copy of the keys is left behind by a reallocation.
    let mut out = Vec::with_capacity(size + MAGIC.len() + 5 + CHECKSUM);
    out.extend_from_slice(&MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&count(devices.len()));
    for (handle, device) in devices {
        out.extend_from_slice(&handle.0.to_be_bytes());
        out.extend_from_slice(device.signing.as_bytes());
        out.extend_from_slice(&count(device.sealing.len()));
        for (id, private) in &device.sealing {
            out.extend_from_slice(&id.0.to_be_bytes());
            out.extend_from_slice(private.as_slice());
        }
    }
    let checksum = Sha256::digest(&out);
    out.extend_from_slice(&checksum);
    out
}

pub(crate) fn read(blob: &[u8]) -> Result<Devices, BlobError> {
    let (magic, rest) = blob.split_first_chunk::<4>().ok_or(BlobError::NotAVault)?;
    if *magic != MAGIC {
        return Err(BlobError::NotAVault);
    }
    match rest.first() {
        Some(&VERSION) => {}
        Some(version) if *version > VERSION => return Err(BlobError::NewerVersion),
        Some(_) | None => return Err(BlobError::Damaged),
    }
    let (content, checksum) = blob.split_last_chunk::<CHECKSUM>().ok_or(BlobError::Damaged)?;
    if Sha256::digest(content).as_slice() != checksum {
        return Err(BlobError::Damaged);
    }
    let (_, body) = content.split_at_checked(MAGIC.len() + 1).ok_or(BlobError::Damaged)?;
    devices(&mut Reader(body)).ok_or(BlobError::Damaged)
}

fn devices(reader: &mut Reader<'_>) -> Option<Devices> {
    let mut devices = Devices::new();
    for _ in 0..reader.u32()? {
        let handle = KeyHandle(u64::from_be_bytes(reader.take()?));
        let seed = Zeroizing::new(reader.take::<32>()?);
        let mut sealing: BTreeMap<SealingKeyId, Private> = BTreeMap::new();
        for _ in 0..reader.u32()? {
            let id = SealingKeyId(reader.u32()?);
            sealing.insert(id, Zeroizing::new(reader.take()?));
        }
        devices.insert(handle, Device { signing: ed25519_dalek::SigningKey::from_bytes(&seed), sealing });
    }
    reader.0.is_empty().then_some(devices)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }
}
