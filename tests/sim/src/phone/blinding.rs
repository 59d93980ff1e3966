//! The engine's thread that blinds numbers and takes pseudonyms out of evaluations, in virtual time.

use crate::world::{What, World};
use std::collections::BTreeMap;
use tandem_crypto::oprf::BlindJob;
use tandem_crypto::{SeededRandom, fake, oprf};
use tandem_machine::input::{Input, OprfInput};
use tandem_model::random::SplitMix64;
use tandem_model::{MarkPublicKey, Msisdn, OprfElement, OprfFault, OprfProof, Ticket};

/// What a batch takes: a tenth of a millisecond for each of five hundred numbers.
const BATCH_MS: u64 = 50;

/// What numbers were blinded with, in memory only: a kill forgets it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a phone")]
pub enum Blinding {
    /// With the stand-ins.
    Fake(SplitMix64, BTreeMap<Ticket, fake::FakeBlindJob>),
    /// With what a phone ships; the server's key holder must be as real.
    Real(SeededRandom, BTreeMap<Ticket, BlindJob>),
}

impl Blinding {
    /// With the stand-ins.
    #[must_use]
    pub const fn fake(seed: u64) -> Blinding {
        Blinding::Fake(SplitMix64(seed), BTreeMap::new())
    }

    /// With what a phone ships.
    #[must_use]
    pub const fn real(random: SeededRandom) -> Blinding {
        Blinding::Real(random, BTreeMap::new())
    }

    /// The process ends.
    pub(super) fn clear(&mut self) {
        match self {
            Blinding::Fake(_, jobs) => jobs.clear(),
            Blinding::Real(_, jobs) => jobs.clear(),
        }
    }

    pub(super) fn forget(&mut self, job: Ticket) {
        match self {
            Blinding::Fake(_, jobs) => drop(jobs.remove(&job)),
            Blinding::Real(_, jobs) => drop(jobs.remove(&job)),
        }
    }

    fn blind(&mut self, ticket: Ticket, numbers: &[Msisdn]) -> Result<Vec<OprfElement>, OprfFault> {
        match self {
            Blinding::Fake(random, jobs) => {
                let (job, blinded) = fake::blind(numbers, random)?;
                jobs.insert(ticket, job);
                Ok(blinded)
            }
            Blinding::Real(random, jobs) => {
                let (job, blinded) = oprf::blind(numbers, random)?;
                jobs.insert(ticket, job);
                Ok(blinded)
            }
        }
    }
}

/// An evaluation to be finished.
pub(super) struct Evaluation {
    pub job: Ticket,
    pub key: MarkPublicKey,
    pub evaluated: Vec<OprfElement>,
    pub proof: OprfProof,
}

impl World {
    pub(super) fn blinds(&mut self, index: usize, boot: u64, ticket: Ticket, numbers: &[Msisdn]) {
        let Some(phone) = self.phones.get_mut(index) else { return };
        let blinded = phone.blinding.blind(ticket, numbers);
        let told = Input::Oprf(OprfInput::Blinded { ticket, blinded });
        self.later(BATCH_MS, What::Phone(index, boot, told));
    }

    pub(super) fn unblinds(&mut self, index: usize, boot: u64, ticket: Ticket, evaluation: Evaluation) {
        let Some(phone) = self.phones.get_mut(index) else { return };
        let Evaluation { job, key, evaluated, proof } = evaluation;
        let finished = match &mut phone.blinding {
            Blinding::Fake(_, jobs) => jobs.remove(&job).map(|job| job.finish(&key, &evaluated, &proof)),
            Blinding::Real(_, jobs) => jobs.remove(&job).map(|job| job.finish(&key, &evaluated, &proof)),
        };
        let outcome = finished.unwrap_or(Err(OprfFault::Forgotten));
        self.later(BATCH_MS, What::Phone(index, boot, Input::Oprf(OprfInput::Finished { ticket, outcome })));
    }
}
