//! Somebody who wants a number that is not theirs: asks for its verification SMS, which goes to its holder, and guesses
//! what it says. No machine of ours runs here, so nothing of ours makes the guessing stop but the server.

use crate::history::Word;
use crate::plan::Act;
use crate::world::{What, World};
use tandem_crypto::fake::FakeVault;
use tandem_model::vault::KeyHandle;
use tandem_model::vault::signed::{self, RegisterProof};
use tandem_model::{Msisdn, Random, RegistrationId, SealingKeyId, Ticket, Vault};
use tandem_wire::frame::{ConfirmProof, RegisterRefusal, SmsPlatform};
use tandem_wire::{RegisterReply, RegisterRequest};

/// The place of the thief among the phones: none of them.
pub(crate) const THIEF: usize = usize::MAX - 1;

/// Guesses at one attempt: more than any server may look at, with time between them for it to crash.
const GUESSES: u64 = 12;
const GUESS_EVERY_MS: u64 = 4_000;

/// The thief.
pub struct Thief {
    vault: Box<dyn Vault>,
    key: Option<KeyHandle>,
    attempt: Option<RegistrationId>,
    asked: u64,
}

impl Thief {
    /// With keys that the server can verify.
    #[must_use]
    pub fn new(vault: Box<dyn Vault>) -> Thief {
        Thief { vault, key: None, attempt: None, asked: 0 }
    }

    fn ticket(&mut self) -> Ticket {
        self.asked += 1;
        Ticket(self.asked)
    }

    fn start(&mut self, number: Msisdn) -> Option<RegisterRequest> {
        let (key, device_key) = self.vault.create().ok()?;
        self.key = Some(key);
        self.attempt = None;
        let signature = self.vault.sign(key, &signed::register_start(number, &device_key)).ok()?;
        Some(RegisterRequest::Start { number, device_key, signature, platform: SmsPlatform::Dialer })
    }

    fn guess(&mut self, code: String) -> Option<RegisterRequest> {
        let (key, id) = (self.key?, self.attempt?);
        let sealing_key = self.vault.rotate_sealing(key, SealingKeyId(1)).ok()?;
        let message = signed::register_confirm(id, RegisterProof::Code(&code), None);
        let signature = self.vault.sign(key, &message).ok()?;
        Some(RegisterRequest::Confirm { id, proof: ConfirmProof::Code(code), imsi: None, sealing_key, signature })
    }
}

impl Default for Thief {
    fn default() -> Thief {
        Thief::new(Box::new(FakeVault::new(77)))
    }
}

impl World {
    /// The thief asks for the SMS of a phone's number.
    pub(crate) fn thief_starts(&mut self, victim: usize) {
        let Some(number) = self.phones.get(victim).and_then(|phone| phone.numbers.first()).copied() else { return };
        if let Some(request) = self.thief.start(number) {
            self.thief_asks(request);
        }
    }

    /// The thief guesses eight digits.
    pub(crate) fn thief_guesses(&mut self) {
        let code = format!("{:08}", self.chance.below(100_000_000));
        if let Some(request) = self.thief.guess(code) {
            self.thief_asks(request);
        }
    }

    fn thief_asks(&mut self, request: RegisterRequest) {
        let ticket = self.thief.ticket();
        self.later(40, What::RegisterToServer(THIEF, 0, ticket, request));
    }

    /// The server answers the thief.
    pub(crate) fn thief_hears(&mut self, reply: &RegisterReply) {
        let answer = match reply {
            RegisterReply::Started { id, .. } => {
                self.thief.attempt = Some(*id);
                for guess in 1..=GUESSES {
                    self.later(guess * GUESS_EVERY_MS, What::Act(THIEF, Act::GuessCode));
                }
                return;
            }
            RegisterReply::Confirmed { .. } => "right",
            RegisterReply::Refused { reason: RegisterRefusal::WrongProof { .. }, .. } => "wrong",
            RegisterReply::Refused { .. } | RegisterReply::Withdrawn => "not looked at",
        };
        if let Some(attempt) = self.thief.attempt {
            self.tell(THIEF, Word::Guessed { attempt: attempt.0, answer });
        }
    }
}
