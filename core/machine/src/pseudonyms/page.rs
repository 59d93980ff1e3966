//! One page of numbers on its way to pseudonyms.

use crate::ctx::{Ctx, SessionFacts};
use crate::effect::Effect;
use tandem_model::matching::MatchingChange;
use tandem_model::rows::Change;
use tandem_model::{MarkKeyId, MarkPublicKey, Mono, Msisdn, OprfElement, Pseudonym, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{Evaluate, Evaluated};

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    pub key: MarkKeyId,
    /// In order.
    pub numbers: Vec<Msisdn>,
    /// Where it is asked.
    pub session: SessionFacts,
    /// What the shell keeps the blinding under.
    pub job: Ticket,
    pub step: Step,
    pub until: Mono,
}

/// How far a page is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The shell blinds.
    Blinding,
    /// The server evaluates.
    Evaluating(Ticket),
    /// The shell verifies and unblinds.
    Finishing(Ticket),
    /// The store makes it durable.
    Keeping { commit: Ticket, pseudonyms: Vec<Pseudonym> },
}

impl Page {
    pub(super) fn has(&self, key: MarkKeyId, number: Msisdn) -> bool {
        self.key == key && self.numbers.binary_search(&number).is_ok()
    }

    pub(super) fn is_kept_by(&self, ticket: Ticket) -> bool {
        matches!(self.step, Step::Keeping { commit, .. } if commit == ticket)
    }

    /// Whether nothing comes of it without its session.
    pub(super) const fn needs_session(&self) -> bool {
        match self.step {
            Step::Blinding | Step::Evaluating(_) => true,
            Step::Finishing(_) | Step::Keeping { .. } => false,
        }
    }

    /// A commit is always answered.
    pub(super) const fn may_expire(&self) -> bool {
        match self.step {
            Step::Blinding | Step::Evaluating(_) | Step::Finishing(_) => true,
            Step::Keeping { .. } => false,
        }
    }

    pub(super) fn ask(&mut self, blinded: Vec<OprfElement>, ctx: &mut Ctx<'_>) {
        let ticket = ctx.ticket();
        ctx.send(&self.session, ClientFrame::Evaluate(Evaluate { ticket, key: self.key, blinded }));
        self.step = Step::Evaluating(ticket);
        self.until = ctx.now.mono.after(ctx.config.request);
    }

    pub(super) fn finish(&mut self, public: MarkPublicKey, answer: Evaluated, ctx: &mut Ctx<'_>) {
        let ticket = ctx.ticket();
        let Evaluated { evaluated, proof, .. } = answer;
        ctx.push(Effect::Finish { ticket, job: self.job, key: public, evaluated, proof });
        self.step = Step::Finishing(ticket);
        self.until = ctx.now.mono.after(ctx.config.request);
    }

    pub(super) fn keep(&mut self, pseudonyms: Vec<Pseudonym>, ctx: &mut Ctx<'_>) {
        let rows = self.numbers.iter().copied().zip(pseudonyms.iter().copied()).collect();
        let change = MatchingChange::PutPseudonyms { key: self.key, pseudonyms: rows };
        let commit = ctx.commit(vec![Change::Matching(change)]);
        self.step = Step::Keeping { commit, pseudonyms };
    }
}
