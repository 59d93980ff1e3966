//! From questions to answers, one by one or in groups that share one sync.

use crate::store::{Refusal, Store, answer};
use tandem_logic::store_answer::StoreAnswer;
use tandem_logic::{MatchOp, StoreFault, StoreOp};
use tandem_model::ServerMillis;
use tandem_resolver::Changes;

/// Operations that share one sync at most. A group is what is there, never waited for: larger ones answer no sooner and
/// hold the first of them up for longer.
pub const BATCH_MAX: usize = 64;

/// Does one operation. Its change is durable only when the group it belongs to is committed.
pub fn serve(store: &mut dyn Store, at: ServerMillis, op: StoreOp) -> StoreAnswer {
    match op {
        StoreOp::Begin { showing } => answer(store.begin(showing), |()| StoreAnswer::Done),
        StoreOp::StartRegistration(op) => answer(store.start_registration(at, &op), StoreAnswer::Started),
        StoreOp::TakeBackSms(op) => answer(store.take_back_sms(at, &op), |()| StoreAnswer::Done),
        StoreOp::FindAttempt { id } => answer(store.find_attempt(at, id), StoreAnswer::Attempt),
        StoreOp::ConfirmRegistration(op) => answer(store.confirm_registration(at, &op), StoreAnswer::Confirmed),
        StoreOp::EndRegistration { owner } => answer(store.end_registration(at, owner), StoreAnswer::OwnerEnded),
        StoreOp::WithdrawRegistration { number, device_key } => {
            answer(store.withdraw_registration(at, number, device_key), StoreAnswer::Withdrawn)
        }
        StoreOp::FindSessionKey { owner } => answer(store.find_session_key(owner), StoreAnswer::SessionKey),
        StoreOp::RenewLeases { leases } => answer(store.renew_leases(&leases), |()| StoreAnswer::Done),
        StoreOp::EndLease { number } => answer(store.end_lease(at, number), StoreAnswer::Viewers),
        StoreOp::PublishSealingKey { owner, key } => {
            answer(store.publish_sealing_key(owner, &key), StoreAnswer::Viewers)
        }
        StoreOp::Match(op) => serve_match(store, at, op),
        StoreOp::StoreText(op) => {
            let outcome = store.store_text(at, &op);
            answer(outcome, |outcome| StoreAnswer::Text { outcome, text: Box::new(op) })
        }
        StoreOp::SwapText(op) => answer(store.swap_text(at, &op), StoreAnswer::Swapped),
        StoreOp::TakeTexts { owner, texts } => {
            answer(store.take_texts(at, owner, &texts), |ends| StoreAnswer::Ends { ends, complete: true })
        }
        StoreOp::TextsWaiting { owner, after, limit, bytes } => {
            answer(store.texts_waiting(at, owner, after, limit, bytes), |page| StoreAnswer::Texts {
                texts: page.items,
                complete: page.complete,
            })
        }
        StoreOp::EndsOwed { owner, after, limit } => answer(store.ends_owed(owner, after, limit), |page| {
            StoreAnswer::Ends { ends: page.items, complete: page.complete }
        }),
        StoreOp::TakeEnds { owner, ids } => answer(store.take_ends(owner, &ids), |()| StoreAnswer::Done),
        StoreOp::StoreReads { owner, sender, ids } => {
            answer(store.store_reads(owner, sender, &ids), |reads| StoreAnswer::Reads { reads, complete: true })
        }
        StoreOp::ReadsOwed { owner, after, limit } => answer(store.reads_owed(owner, after, limit), |page| {
            StoreAnswer::Reads { reads: page.items, complete: page.complete }
        }),
        StoreOp::TakeReads { owner, by, ids } => answer(store.take_reads(owner, by, &ids), |()| StoreAnswer::Done),
        StoreOp::Sweep { silent_before, forget_before, limit } => {
            answer(store.sweep(at, silent_before, forget_before, limit), |swept| StoreAnswer::Swept {
                ends: swept.ends,
                owners: swept.owners,
                aftermath: swept.aftermath,
                more: swept.more,
            })
        }
    }
}

fn serve_match(store: &mut dyn Store, at: ServerMillis, op: MatchOp) -> StoreAnswer {
    match op {
        MatchOp::SetKeys { keys } => answer(store.set_keys(&keys), StoreAnswer::Keys),
        MatchOp::Told { owner } => answer(store.told(owner), |(open, told)| StoreAnswer::Told { open, told }),
        MatchOp::SyncTokens(op) => answer(store.sync_tokens(at, &op), StoreAnswer::Tokens),
        MatchOp::SetOpen { owner, open } => answer(store.set_open(owner, open), StoreAnswer::Settled),
        MatchOp::PendingLinks { after, limit } => answer(store.pending_links(after, limit), StoreAnswer::Links),
        MatchOp::SettleLinks { verdicts } => answer(store.settle_links(&verdicts), StoreAnswer::Settled),
        MatchOp::OpensDue { limit } => {
            answer(store.opens_due(limit), |(due, more)| StoreAnswer::OpensDue { due, more })
        }
        MatchOp::PutOpens { opens } => answer(store.put_opens(&opens), StoreAnswer::Settled),
        MatchOp::LinkOpens { limit } => answer(store.link_opens(limit), StoreAnswer::Settled),
        MatchOp::MarksSince { viewer, since } => {
            answer(store.marks_since(viewer, since), |(generation, marks)| StoreAnswer::Marks { generation, marks })
        }
        MatchOp::AdmitGate { caller, callee, charges } => {
            answer(store.admit_gate(at, caller, callee, &charges), StoreAnswer::Admission)
        }
    }
}

/// Does operations in order and makes all of them durable in groups of at most [`BATCH_MAX`], one sync each. The answers
/// come in the same order, and only when they are true: an operation that fails undoes itself alone, a group that cannot
/// be made durable fails whole.
pub fn serve_batch(store: &mut dyn Store, ops: impl IntoIterator<Item = (ServerMillis, StoreOp)>) -> Vec<StoreAnswer> {
    let mut answers = Vec::new();
    let mut ops = ops.into_iter().peekable();
    while ops.peek().is_some() {
        let group: Vec<_> = ops.by_ref().take(BATCH_MAX).collect();
        answers.extend(serve_group(store, group));
    }
    answers
}

fn serve_group(store: &mut dyn Store, group: Vec<(ServerMillis, StoreOp)>) -> Vec<StoreAnswer> {
    let count = group.len();
    match try_group(store, group) {
        Ok(answers) => answers,
        Err(fault) => {
            store.undo_group();
            vec![StoreAnswer::Failed(fault); count]
        }
    }
}

fn try_group(store: &mut dyn Store, group: Vec<(ServerMillis, StoreOp)>) -> Result<Vec<StoreAnswer>, StoreFault> {
    store.begin_group()?;
    let mut answers = Vec::with_capacity(group.len());
    for (at, op) in group {
        store.begin_one()?;
        let answer = serve(store, at, op);
        store.end_one(!matches!(answer, StoreAnswer::Failed(_) | StoreAnswer::Fenced))?;
        answers.push(answer);
    }
    store.commit_group()?;
    Ok(answers)
}

/// Makes the resolver's changes durable, in a group of their own: a feed of the network and texts of people never fail
/// for each other.
///
/// # Errors
/// [`StoreFault`]; then nothing of them was kept.
pub fn keep_attached(store: &mut dyn Store, changes: &Changes) -> Result<(), StoreFault> {
    let kept = try_keep(store, changes);
    if kept.is_err() {
        store.undo_group();
    }
    kept
}

fn try_keep(store: &mut dyn Store, changes: &Changes) -> Result<(), StoreFault> {
    store.begin_group()?;
    store.keep_attached(changes).map_err(|refusal| match refusal {
        Refusal::Fault(fault) => fault,
        // Sessions of subscribers have no owner to fence against.
        Refusal::Fenced => StoreFault::Broken,
    })?;
    store.commit_group()
}
