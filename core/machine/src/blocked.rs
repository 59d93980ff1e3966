//! Numbers the user blocked: their owners never see this phone's mark.

use crate::ctx::Ctx;
use crate::effect::{Refusal, Reply};
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::matching::MatchingChange;
use tandem_model::rows::Change;
use tandem_model::{Msisdn, Ticket};

/// Numbers blocked at most.
pub(crate) const BLOCKED_MAX: usize = 2_000;

/// Changes on their way into the store at once.
const KEEPING_MAX: usize = 64;

/// Blocked numbers.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    numbers: BTreeSet<Msisdn>,
    /// By commit: the command, the number, and whether it is blocked or no more.
    keeping: BTreeMap<Ticket, (Ticket, Msisdn, bool)>,
}

impl Blocked {
    pub(crate) fn restore(&mut self, numbers: BTreeSet<Msisdn>) {
        self.numbers = numbers;
    }

    pub(crate) const fn numbers(&self) -> &BTreeSet<Msisdn> {
        &self.numbers
    }

    /// Blocks a number, or blocks it no more. Answered when that is durable; twice is fine.
    pub(crate) fn set(&mut self, command: Ticket, number: Msisdn, blocked: bool, ctx: &mut Ctx<'_>) {
        let coming = self.keeping.values().filter(|(_, _, blocked)| *blocked).count();
        let is_full = blocked && !self.numbers.contains(&number) && self.numbers.len() + coming >= BLOCKED_MAX;
        if is_full || self.keeping.len() >= KEEPING_MAX {
            ctx.reply(command, Err(Refusal::Full));
            return;
        }
        let (added, removed) = if blocked { (vec![number], vec![]) } else { (vec![], vec![number]) };
        let commit = ctx.commit(vec![Change::Matching(MatchingChange::PutBlocked { added, removed })]);
        self.keeping.insert(commit, (command, number, blocked));
    }

    /// The store answered: `None` when the ticket is none of ours, else the number that is blocked now and was not, or the other way.
    pub(crate) fn committed(&mut self, commit: Ticket, durable: bool, ctx: &mut Ctx<'_>) -> Option<Option<Msisdn>> {
        let (command, number, blocked) = self.keeping.remove(&commit)?;
        if !durable {
            ctx.reply(command, Err(Refusal::StoreFailed));
            return Some(None);
        }
        ctx.reply(command, Ok(Reply::Done));
        let changed = if blocked { self.numbers.insert(number) } else { self.numbers.remove(&number) };
        Some(changed.then_some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::BLOCKED_MAX;
    use crate::bench::toy_number;
    use crate::effect::{Refusal, Reply};
    use crate::input::{Command, StoreFailure};
    use crate::rig::{Rig, reply_to};
    use tandem_model::Secret;

    fn block(rig: &mut Rig, number: &str) -> Option<Result<Reply, Refusal>> {
        let (ticket, effects) = rig.command(Command::Block { number: Secret::new(number.to_owned()) });
        reply_to(ticket, &effects)
    }

    #[test]
    fn a_number_is_blocked_as_a_contact_holds_it_and_twice_is_fine() {
        let mut rig = Rig::fresh();
        assert_eq!(block(&mut rig, "0151 23000004"), Some(Ok(Reply::Done)));
        assert_eq!(block(&mut rig, "+4915123000004"), Some(Ok(Reply::Done)));
        assert_eq!(rig.device.blocked(), [toy_number(4)]);
        assert_eq!(block(&mut rig, "mum"), Some(Err(Refusal::BadNumber)));
        let number = Secret::new("+4915123000004".to_owned());
        let (ticket, effects) = rig.command(Command::Unblock { number });
        assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
        assert!(rig.device.blocked().is_empty());
    }

    #[test]
    fn what_cannot_be_kept_is_not_blocked_and_nothing_is_answered_before_it_is_kept() {
        let mut rig = Rig::fresh();
        rig.store_says = None;
        assert_eq!(block(&mut rig, "+4915123000004"), None);
        assert!(rig.device.blocked().is_empty());
        rig.store_says = Some(Err(StoreFailure::Full));
        assert_eq!(block(&mut rig, "+4915123000005"), Some(Err(Refusal::StoreFailed)));
        assert!(rig.device.blocked().is_empty());
    }

    #[test]
    fn there_is_an_end_to_blocked_numbers() {
        let mut rig = Rig::fresh();
        for n in 0..BLOCKED_MAX {
            let number = toy_number(10_000 + u64::try_from(n).unwrap()).e164();
            assert_eq!(block(&mut rig, &number), Some(Ok(Reply::Done)));
        }
        assert_eq!(block(&mut rig, "+4915123000004"), Some(Err(Refusal::Full)));
        assert_eq!(block(&mut rig, &toy_number(10_000).e164()), Some(Ok(Reply::Done)), "it is blocked already");
    }
}
