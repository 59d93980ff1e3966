//! The first frame each way on a direct connection: who I am, signed over the connection's own keys, sealed to whom I expect.
//!
//! A certificate proves nothing there: both ends make theirs up. What binds the connection to a person's phone is the signature
//! of its device key over keying material that only the two ends of this connection have (RFC 8446, 7.5).

use tandem_model::vault::{KeyHandle, signed};
use tandem_model::{DeviceKey, Msisdn, NumberEpoch, SealedBody, SealingKey, Signature, Vault};

/// Bytes of keying material that both ends export.
pub const KEYING: usize = 32;

/// Four numbers of eight bytes, and a signature.
const PLAIN: usize = 4 * 8 + 64;

/// Which end of the connection says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that connected.
    Connects,
    /// The one that was connected to.
    Answers,
}

impl Role {
    const fn name(self) -> &'static [u8] {
        match self {
            Role::Connects => b"connects",
            Role::Answers => b"answers",
        }
    }
}

/// A number and which owner of it.
pub(super) type Who = (Msisdn, NumberEpoch);

/// What a greeting says, and what it is signed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) from: Who,
    pub(super) to: Who,
    signature: Signature,
}

/// Greets as `from`; `None` when the keys cannot be used now.
pub(super) fn make(
    keying: &[u8; KEYING],
    role: Role,
    (from, key): (Who, KeyHandle),
    (to, sealing_key): (Who, &SealingKey),
    vault: &mut dyn Vault,
) -> Option<SealedBody> {
    let signature = vault.sign(key, &signed::direct(keying, role.name(), from, to)).ok()?;
    let mut plain = Vec::with_capacity(PLAIN);
    for number in [from.0.as_u64(), from.1.0, to.0.as_u64(), to.1.0] {
        plain.extend_from_slice(&number.to_be_bytes());
    }
    plain.extend_from_slice(&signature.0);
    vault.seal(sealing_key, &context(keying, role), &plain).ok()
}

/// Opens a greeting that is for `key`. Nothing in it is proven before [`Hello::is_by`].
pub(super) fn open(
    keying: &[u8; KEYING],
    role: Role,
    key: KeyHandle,
    sealed: &SealedBody,
    vault: &dyn Vault,
) -> Option<Hello> {
    let plain = vault.open(key, &context(keying, role), sealed).ok()?;
    let (numbers, signature) = plain.split_first_chunk::<32>()?;
    let signature = Signature(signature.try_into().ok()?);
    let mut each = numbers.chunks_exact(8).filter_map(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
    let mut who = || Some((Msisdn::try_from(each.next()?).ok()?, NumberEpoch(each.next()?)));
    Some(Hello { from: who()?, to: who()?, signature })
}

impl Hello {
    /// Whether the holder of this key said it, on this very connection.
    pub(super) fn is_by(&self, key: &DeviceKey, keying: &[u8; KEYING], role: Role, vault: &dyn Vault) -> bool {
        vault.verify(key, &signed::direct(keying, role.name(), self.from, self.to), &self.signature)
    }
}

fn context(keying: &[u8; KEYING], role: Role) -> Vec<u8> {
    signed::canonical("tandem/1/direct-hello", &[keying, role.name()])
}
