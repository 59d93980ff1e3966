//! A store in memory that can forget what was not committed: for tests and the simulation.
//!
//! It holds its state twice: `live` with everything done, and `durable` with what was committed. Every use case is a function
//! of state and arguments, so committing means doing again to `durable` what was done to `live`.

mod attached;
mod consents;
mod matching;
mod owners;
mod state;
mod sweep;
mod texts;

use crate::serve::serve;
use crate::store::{Attached, Consents, MarksChanged, Matching, Outcome, Page, Refusal, Store, Swept};
use state::State;
use tandem_logic::config::MarkPolicy;
use tandem_logic::lookup_op::LookupOutcome;
use tandem_logic::matching::SyncContacts;
use tandem_logic::store_answer::{
    Admission, Aftermath, Attempt, ConfirmOutcome, ContactsOutcome, EndOwed, ReadOwed, SessionKey, StartOutcome,
    SwapOutcome, TextOutcome, WaitingText,
};
use tandem_logic::store_op::{Charge, ConfirmRegistration, Owner, StartRegistration, StoreText, SwapText, TakeBackSms};
use tandem_logic::{LookupOp, MatchOp, StoreFault, StoreOp};
use tandem_model::{DeviceKey, Mark, MarkGeneration, Msisdn, RegistrationId, SealingKey, ServerMillis, TextId};
use tandem_resolver::{Changes, Id, Reboot, Session};

/// The store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    live: State,
    durable: State,
    /// Done to `live` and not to `durable`.
    undurable: Vec<(ServerMillis, Done)>,
    /// Refuses new texts and registrations, as a full disk does.
    full: bool,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Makes everything done so far durable.
    pub fn commit(&mut self) {
        let mut durable = Replay(std::mem::take(&mut self.durable));
        for (at, done) in self.undurable.drain(..) {
            match done {
                Done::Op(op) => drop(serve(&mut durable, at, op)),
                Done::Attached(changes) => durable.0.keep_attached(&changes),
            }
        }
        self.durable = durable.0;
    }

    /// The power goes: what was not committed is gone.
    pub fn crash(&mut self) {
        self.live = self.durable.clone();
        self.undurable.clear();
    }

    /// Operations done and not durable.
    #[must_use]
    pub fn uncommitted(&self) -> usize {
        self.undurable.len()
    }

    /// Makes the disk full, or not.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    fn did(&mut self, at: ServerMillis, done: Done) {
        self.undurable.push((at, done));
    }

    const fn room(&self) -> Result<(), Refusal> {
        if self.full { Err(Refusal::Fault(StoreFault::Full)) } else { Ok(()) }
    }
}

/// Something that was done.
#[derive(Debug)]
enum Done {
    Op(StoreOp),
    Attached(Changes),
}

impl From<StoreOp> for Done {
    fn from(op: StoreOp) -> Done {
        Done::Op(op)
    }
}

impl From<Changes> for Done {
    fn from(changes: Changes) -> Done {
        Done::Attached(changes)
    }
}

/// A state alone, being brought up to what another one did.
struct Replay(State);

/// The use cases of both: `$room` refuses when the disk is full, `$did` remembers what was done.
macro_rules! use_cases {
    ($store:ty, $state:tt, $room:expr, $did:expr) => {
        impl Matching for $store {
            fn sync_contacts(&mut self, at: ServerMillis, op: &SyncContacts) -> Outcome<ContactsOutcome> {
                $room(self)?;
                $did(self, at, || StoreOp::Match(MatchOp::SyncContacts(op.clone())));
                self.$state.sync_contacts(at, op)
            }

            fn marks_since(&mut self, viewer: Owner, since: MarkGeneration) -> Outcome<MarksChanged> {
                self.$state.marks_since(viewer, since)
            }

            fn admit_gate(
                &mut self,
                at: ServerMillis,
                caller: Owner,
                callee: Msisdn,
                charges: &[Charge],
            ) -> Outcome<Admission> {
                $room(self)?;
                $did(self, at, || StoreOp::Match(MatchOp::AdmitGate { caller, callee, charges: charges.to_vec() }));
                self.$state.admit_gate(at, caller, callee, charges)
            }
        }

        impl Attached for $store {
            fn keep_attached(&mut self, changes: &Changes) -> Outcome<()> {
                if !changes.sessions.is_empty() || !changes.reboots.is_empty() {
                    $room(self)?;
                }
                $did(self, ServerMillis(0), || changes.clone());
                self.$state.keep_attached(changes);
                Ok(())
            }

            fn attached_after(&mut self, after: Option<Id>, limit: u32) -> Outcome<Page<Session>> {
                Ok(self.$state.attached_after(after, limit))
            }

            fn restarts(&mut self) -> Outcome<Vec<Reboot>> {
                Ok(self.$state.restarts())
            }
        }

        impl Consents for $store {
            fn put_consent(&mut self, owner: Owner, number: Msisdn, allow: bool, most: u32) -> Outcome<LookupOutcome> {
                if allow {
                    $room(self)?;
                }
                $did(self, ServerMillis(0), || StoreOp::Lookup(LookupOp::PutConsent { owner, number, allow, most }));
                self.$state.put_consent(owner, number, allow, most)
            }

            fn admit_lookup(
                &mut self,
                at: ServerMillis,
                asker: Owner,
                of: Msisdn,
                by_consent: bool,
                charges: &[Charge],
            ) -> Outcome<LookupOutcome> {
                $room(self)?;
                $did(self, at, || {
                    StoreOp::Lookup(LookupOp::Admit { asker, of, by_consent, charges: charges.to_vec() })
                });
                self.$state.admit_lookup(at, asker, of, by_consent, charges)
            }
        }

        impl Store for $store {
            fn begin(&mut self, policy: MarkPolicy) -> Outcome<()> {
                $did(self, ServerMillis(0), || StoreOp::Begin { policy });
                self.$state.begin(policy);
                Ok(())
            }

            fn start_registration(&mut self, at: ServerMillis, op: &StartRegistration) -> Outcome<StartOutcome> {
                $room(self)?;
                $did(self, at, || StoreOp::StartRegistration(op.clone()));
                Ok(self.$state.start_registration(at, op))
            }

            fn take_back_sms(&mut self, at: ServerMillis, op: &TakeBackSms) -> Outcome<()> {
                $room(self)?;
                $did(self, at, || StoreOp::TakeBackSms(op.clone()));
                self.$state.take_back_sms(at, op);
                Ok(())
            }

            fn find_attempt(&mut self, at: ServerMillis, id: RegistrationId) -> Outcome<Option<Attempt>> {
                Ok(self.$state.find_attempt(at, id))
            }

            fn confirm_registration(&mut self, at: ServerMillis, op: &ConfirmRegistration) -> Outcome<ConfirmOutcome> {
                $room(self)?;
                $did(self, at, || StoreOp::ConfirmRegistration(op.clone()));
                Ok(self.$state.confirm_registration(at, op))
            }

            fn end_registration(&mut self, at: ServerMillis, owner: Owner) -> Outcome<Aftermath> {
                $did(self, at, || StoreOp::EndRegistration { owner });
                self.$state.end_registration(at, owner)
            }

            fn withdraw_registration(
                &mut self,
                at: ServerMillis,
                number: Msisdn,
                device_key: DeviceKey,
            ) -> Outcome<Option<(Owner, Aftermath)>> {
                $did(self, at, || StoreOp::WithdrawRegistration { number, device_key });
                Ok(self.$state.withdraw_registration(at, number, device_key))
            }

            fn find_session_key(&mut self, owner: Owner) -> Outcome<SessionKey> {
                Ok(self.$state.find_session_key(owner))
            }

            fn renew_leases(&mut self, leases: &[(Owner, ServerMillis)]) -> Outcome<()> {
                $did(self, ServerMillis(0), || StoreOp::RenewLeases { leases: leases.to_vec() });
                self.$state.renew_leases(leases);
                Ok(())
            }

            fn publish_sealing_key(&mut self, owner: Owner, key: &SealingKey) -> Outcome<Vec<Msisdn>> {
                $room(self)?;
                $did(self, ServerMillis(0), || StoreOp::PublishSealingKey { owner, key: *key });
                self.$state.publish_sealing_key(owner, key)
            }

            fn store_text(&mut self, at: ServerMillis, op: &StoreText) -> Outcome<TextOutcome> {
                $room(self)?;
                $did(self, at, || StoreOp::StoreText(op.clone()));
                self.$state.store_text(at, op)
            }

            fn swap_text(&mut self, at: ServerMillis, op: &SwapText) -> Outcome<SwapOutcome> {
                $did(self, at, || StoreOp::SwapText(op.clone()));
                self.$state.swap_text(at, op)
            }

            fn take_texts(
                &mut self,
                at: ServerMillis,
                owner: Owner,
                texts: &[(Msisdn, TextId)],
            ) -> Outcome<Vec<EndOwed>> {
                $did(self, at, || StoreOp::TakeTexts { owner, texts: texts.to_vec() });
                Ok(self.$state.take_texts(at, owner, texts))
            }

            fn texts_waiting(
                &mut self,
                at: ServerMillis,
                owner: Owner,
                after: u64,
                limit: u32,
                bytes: usize,
            ) -> Outcome<Page<WaitingText>> {
                self.$state.texts_waiting(at, owner, after, limit, bytes)
            }

            fn ends_owed(&mut self, owner: Owner, after: u64, limit: u32) -> Outcome<Page<EndOwed>> {
                Ok(self.$state.ends_owed(owner, after, limit))
            }

            fn take_ends(&mut self, owner: Owner, ids: &[TextId]) -> Outcome<()> {
                $did(self, ServerMillis(0), || StoreOp::TakeEnds { owner, ids: ids.to_vec() });
                self.$state.take_ends(owner, ids);
                Ok(())
            }

            fn store_reads(&mut self, owner: Owner, sender: Msisdn, ids: &[TextId]) -> Outcome<Vec<ReadOwed>> {
                $did(self, ServerMillis(0), || StoreOp::StoreReads { owner, sender, ids: ids.to_vec() });
                Ok(self.$state.store_reads(owner, sender, ids))
            }

            fn reads_owed(&mut self, owner: Owner, after: u64, limit: u32) -> Outcome<Page<ReadOwed>> {
                Ok(self.$state.reads_owed(owner, after, limit))
            }

            fn take_reads(&mut self, owner: Owner, by: Msisdn, ids: &[TextId]) -> Outcome<()> {
                $did(self, ServerMillis(0), || StoreOp::TakeReads { owner, by, ids: ids.to_vec() });
                self.$state.take_reads(owner, by, ids);
                Ok(())
            }

            fn sweep(
                &mut self,
                at: ServerMillis,
                silent_before: ServerMillis,
                forget_before: ServerMillis,
                limit: u32,
            ) -> Outcome<Swept> {
                $did(self, at, || StoreOp::Sweep { silent_before, forget_before, limit });
                Ok(self.$state.sweep(at, silent_before, forget_before, limit))
            }

            fn begin_group(&mut self) -> Result<(), StoreFault> {
                Ok(())
            }

            fn begin_one(&mut self) -> Result<(), StoreFault> {
                Ok(())
            }

            // A use case here checks everything before it changes anything: there is nothing to undo.
            fn end_one(&mut self, _keep: bool) -> Result<(), StoreFault> {
                Ok(())
            }

            fn commit_group(&mut self) -> Result<(), StoreFault> {
                commit(self);
                Ok(())
            }

            fn undo_group(&mut self) {}
        }
    };
}

/// Commits where there is something to commit.
trait Commit {
    fn commit_all(&mut self);
}

impl Commit for MemoryStore {
    fn commit_all(&mut self) {
        self.commit();
    }
}

impl Commit for Replay {
    fn commit_all(&mut self) {}
}

fn commit(store: &mut impl Commit) {
    store.commit_all();
}

fn did<D: Into<Done>>(store: &mut MemoryStore, at: ServerMillis, done: impl FnOnce() -> D) {
    store.did(at, done().into());
}

const fn has_room(store: &MemoryStore) -> Result<(), Refusal> {
    store.room()
}

fn nothing_to_remember<D: Into<Done>>(_: &mut Replay, _: ServerMillis, _: impl FnOnce() -> D) {}

#[expect(clippy::unnecessary_wraps, reason = "shaped as the store's own check")]
const fn always_room(_: &Replay) -> Result<(), Refusal> {
    Ok(())
}

use_cases!(MemoryStore, live, has_room, did);
use_cases!(Replay, 0, always_room, nothing_to_remember);

/// A mark as it is told.
fn mark_of(number: Msisdn, generation: MarkGeneration, state: tandem_model::MarkState) -> Mark {
    Mark { number, generation, state }
}
