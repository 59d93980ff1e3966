//! What the tests of a child machine hold it by: clocks, seed, a vault without cryptography, and the drained effects.

use crate::config::Config;
use crate::ctx::{Ctx, Out, SessionFacts, World};
use crate::effect::Effect;
use crate::input::LinkId;
use std::collections::BTreeMap;
use tandem_model::random::SplitMix64;
use tandem_model::rows::{SettingsRow, StandingChoice};
use tandem_model::vault::KeyHandle;
use tandem_model::{
    Country, DeviceKey, Imsi, ImsiToken, KeyedImsiKey, Line, Mark, MarkGeneration, MarkState, MarkToken, Mono, Msisdn,
    Now, NumberEpoch, Pseudonym, SealedBody, SealingKey, SealingKeyId, ServerMillis, ServerOffset, Signature, Vault,
    VaultError, WallMillis,
};

/// Holds what a [`Ctx`] borrows.
pub struct Bench {
    pub now: Mono,
    pub config: Config,
    pub vault: ToyVault,
    pub random: SplitMix64,
    pub out: Out,
}

impl Bench {
    pub fn new(seed: u64) -> Self {
        Self {
            now: Mono(1_000_000),
            config: Config::default(),
            vault: ToyVault,
            random: SplitMix64(seed),
            out: Out::default(),
        }
    }

    pub fn ctx(&mut self) -> Ctx<'_> {
        Ctx {
            now: Now { mono: self.now, wall: WallMillis(1_700_000_000_000 + i64::try_from(self.now.0).unwrap()) },
            config: &self.config,
            vault: &mut self.vault,
            random: &mut self.random,
            out: &mut self.out,
        }
    }

    pub fn advance(&mut self, ms: u64) {
        self.now = Mono(self.now.0 + ms);
    }

    /// Everything ordered since the last drain.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.out.pop()).collect()
    }
}

/// Signs with the key's number: enough to tell whose a signature is and over what.
pub struct ToyVault;

/// The device key of a toy key handle.
pub fn toy_key(handle: u64) -> DeviceKey {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&handle.to_be_bytes());
    DeviceKey(key)
}

/// What [`ToyVault`] signs: the key's first bytes and a plain checksum of the message.
pub fn toy_signature(by: &DeviceKey, message: &[u8]) -> Signature {
    let mut signature = [0; 64];
    signature[..8].copy_from_slice(&by.0[..8]);
    let sum = message
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    signature[8..16].copy_from_slice(&sum.to_be_bytes());
    Signature(signature)
}

impl Vault for ToyVault {
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError> {
        Ok((KeyHandle(1), toy_key(1)))
    }
    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError> {
        Ok(toy_key(key.0))
    }
    fn forget(&mut self, _key: KeyHandle) {}
    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError> {
        Ok(toy_signature(&toy_key(key.0), message))
    }
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        toy_signature(by, message) == *signature
    }
    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError> {
        Ok(toy_sealing_key(key.0, id))
    }
    fn seal(&mut self, _to: &SealingKey, _context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError> {
        Ok(SealedBody(plain.to_vec()))
    }
    fn open(&self, _key: KeyHandle, _context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError> {
        Ok(sealed.0.clone())
    }
    fn imsi_token(&self, _key: &KeyedImsiKey, _imsi: &Imsi) -> ImsiToken {
        ImsiToken([0; 32])
    }
    fn pair_token(&self, one: &Pseudonym, other: &Pseudonym) -> MarkToken {
        toy_pair(one, other)
    }
    fn open_token(&self, of: &Pseudonym) -> MarkToken {
        toy_open(of)
    }
}

/// The pair token of toy pseudonyms: their bytes added up, which is the same from both sides.
pub fn toy_pair(one: &Pseudonym, other: &Pseudonym) -> MarkToken {
    let mut token = [0_u8; 16];
    for (at, (a, b)) in one.0.iter().zip(other.0).enumerate() {
        token[at % 16] = a.wrapping_add(b).wrapping_add(token[at % 16].wrapping_mul(3));
    }
    MarkToken(token)
}

/// The open token of a toy pseudonym.
pub fn toy_open(of: &Pseudonym) -> MarkToken {
    toy_pair(of, &Pseudonym([0xF0; 32]))
}

/// A sealing key nobody opens anything with.
pub fn toy_sealing_key(handle: u64, id: SealingKeyId) -> SealingKey {
    SealingKey { id, public: toy_key(handle).0, signature: Signature([0; 64]) }
}

/// A world of one phone: sessions and marks as the test sets them.
pub struct ToyWorld {
    pub sessions: BTreeMap<Line, SessionFacts>,
    pub registered: BTreeMap<Line, (Msisdn, NumberEpoch, KeyHandle)>,
    pub marks: BTreeMap<Msisdn, Mark>,
    pub lines: Vec<Line>,
    pub settings: SettingsRow,
}

/// The number of toy phone `n`.
pub fn toy_number(n: u64) -> Msisdn {
    Msisdn::from_e164(&format!("+4915123{n:06}")).unwrap()
}

impl ToyWorld {
    /// Phone `n` on line 0, online, with a mark of each of `peers` that lives for a day.
    pub fn online(n: u64, peers: &[u64]) -> Self {
        let session = SessionFacts {
            line: Line(0),
            link: LinkId(1),
            number: toy_number(n),
            epoch: NumberEpoch(1),
            key: KeyHandle(n),
            offset: ServerOffset { offset_ms: 5_000_000, error_ms: 10 },
            ring_ms: 45_000,
        };
        Self {
            sessions: BTreeMap::from([(Line(0), session)]),
            registered: BTreeMap::from([(Line(0), (session.number, session.epoch, session.key))]),
            marks: peers.iter().map(|peer| (toy_number(*peer), toy_mark(*peer, ServerMillis(i64::MAX)))).collect(),
            lines: vec![Line(0)],
            settings: SettingsRow { standing_choice: StandingChoice::Ask, read_receipts: true },
        }
    }
}

/// The mark of toy phone `n`.
pub fn toy_mark(n: u64, lease_until: ServerMillis) -> Mark {
    Mark {
        number: toy_number(n),
        generation: MarkGeneration(1),
        state: MarkState::Marked {
            epoch: NumberEpoch(1),
            device_key: toy_key(n),
            sealing_key: toy_sealing_key(n, SealingKeyId(1)),
            lease_until,
        },
    }
}

impl World for ToyWorld {
    fn session(&self, line: Line) -> Option<SessionFacts> {
        self.sessions.get(&line).copied()
    }
    fn registered(&self, line: Line) -> Option<(Msisdn, NumberEpoch, KeyHandle)> {
        self.registered.get(&line).copied()
    }
    fn mark(&self, _line: Line, number: Msisdn) -> Option<&Mark> {
        self.marks.get(&number)
    }
    fn lines(&self) -> Vec<Line> {
        self.lines.clone()
    }
    fn country(&self, _line: Line) -> Option<Country> {
        Country::parse("DE")
    }
    fn settings(&self) -> SettingsRow {
        self.settings
    }
}
