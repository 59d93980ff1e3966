//! A store on a bench, and the people the cases are about.

use crate::{Store, serve_batch};
use std::time::Duration;
use tandem_logic::config::Allowance;
use tandem_logic::config::MarkPolicy;
use tandem_logic::matching::{Doubt, LinkId, LinkVerdict, MatchOp, PendingLink, Showing, SyncTokens};
use tandem_logic::store_answer::{
    ConfirmOutcome, EndOwed, KeysOutcome, Settled, StartOutcome, StoreAnswer, TokensOutcome, WaitingText,
};
use tandem_logic::store_op::{
    BudgetKind, Charge, ConfirmRegistration, Owner, StartRegistration, StoreOp, StoreText, SwapText,
};
use tandem_model::{
    DeviceEpoch, DeviceKey, Mark, MarkGeneration, MarkKeyId, MarkPublicKey, MarkToken, Msisdn, NumberEpoch,
    RegistrationId, SealedBody, SealingKey, SealingKeyId, SenderSeq, ServerMillis, Signature, TerminalState, TextId,
};

/// A store whose power can be taken away.
pub trait Bench {
    /// The store.
    fn store(&mut self) -> &mut dyn Store;

    /// The power goes, and comes back: what is durable is there, nothing else.
    fn power_cut(&mut self);

    /// Does one operation and makes it durable.
    fn ask(&mut self, at: ServerMillis, op: StoreOp) -> StoreAnswer {
        serve_batch(self.store(), [(at, op)]).pop().unwrap()
    }
}

/// An instant that all cases begin at.
pub const START: ServerMillis = ServerMillis(1_800_000_000_000);

/// Some time after [`START`].
#[must_use]
pub fn later(wait: Duration) -> ServerMillis {
    START.after(wait)
}

/// Days.
#[must_use]
pub const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// The number of the n-th person.
#[must_use]
pub fn number(n: u64) -> Msisdn {
    Msisdn::try_from(491_510_000_000 + n).unwrap()
}

/// The key a seed stands for.
#[must_use]
pub const fn key(seed: u8) -> DeviceKey {
    DeviceKey([seed; 32])
}

/// A budget that is never spent.
#[must_use]
pub const fn plenty(kind: BudgetKind, n: u64) -> Charge {
    allow(kind, n, 1_000_000)
}

/// A budget of so many an hour about the n-th person.
#[must_use]
pub const fn allow(kind: BudgetKind, n: u64, limit: u32) -> Charge {
    Charge { kind, about: (n, 0), units: 1, allowance: Allowance { limit, window: Duration::from_secs(3_600) } }
}

/// The question that opens an attempt.
#[must_use]
pub fn start(id: u8, n: u64, seed: u8) -> StartRegistration {
    StartRegistration {
        id: RegistrationId([id; 16]),
        number: number(n),
        device_key: key(seed),
        token_digest: [id; 32],
        code_digest: [id ^ 0xFF; 32],
        expires_at: later(Duration::from_secs(600)),
        tries: 5,
        resend_after: Duration::from_secs(30),
        charges: vec![plenty(BudgetKind::SmsNumber, n)],
    }
}

/// The question that counts a try.
#[must_use]
pub fn confirm(id: u8, proven: bool) -> StoreOp {
    StoreOp::ConfirmRegistration(ConfirmRegistration {
        id: RegistrationId([id; 16]),
        proven,
        imsi: None,
        sealing_key: sealing(1),
        lease_until: later(days(1)),
    })
}

/// A sealing key of one rotation.
#[must_use]
pub const fn sealing(id: u32) -> SealingKey {
    SealingKey { id: SealingKeyId(id), public: [9; 32], signature: Signature([8; 64]) }
}

/// Makes the n-th person an owner with a key.
pub fn register(bench: &mut dyn Bench, at: ServerMillis, n: u64, seed: u8) -> Owner {
    register_outcome(bench, at, n, seed).0
}

/// The same, and whether the epoch is new, and who must be told.
pub fn register_outcome(
    bench: &mut dyn Bench,
    at: ServerMillis,
    n: u64,
    seed: u8,
) -> (Owner, bool, Vec<Msisdn>, Vec<Msisdn>) {
    let id = u8::try_from(n).unwrap() ^ seed.rotate_left(3);
    let op = StartRegistration { expires_at: at.after(Duration::from_secs(600)), ..start(id, n, seed) };
    let started = bench.ask(at, StoreOp::StartRegistration(op));
    assert!(matches!(started, StoreAnswer::Started(StartOutcome::Open { .. })), "{started:?}");
    let StoreOp::ConfirmRegistration(op) = confirm(id, true) else { unreachable!() };
    let op = ConfirmRegistration { lease_until: at.after(days(1)), ..op };
    match bench.ask(at, StoreOp::ConfirmRegistration(op)) {
        StoreAnswer::Confirmed(ConfirmOutcome::Registered { owner, new_epoch, aftermath }) => {
            (owner, new_epoch, aftermath.viewers, aftermath.senders)
        }
        other => panic!("not registered: {other:?}"),
    }
}

/// The key that lives where a case says nothing of keys.
pub const KEY: MarkKeyId = MarkKeyId(1);

/// Which person a number is.
fn person(number: Msisdn) -> u64 {
    number.as_u64() - 491_510_000_000
}

/// The token of two people under a key.
#[must_use]
pub fn pair_under(key: MarkKeyId, n: u64, m: u64) -> MarkToken {
    let mut bytes = [0; 16];
    bytes[0] = u8::try_from(key.0).unwrap();
    bytes[1..7].copy_from_slice(&n.min(m).to_be_bytes()[2..]);
    bytes[7..13].copy_from_slice(&n.max(m).to_be_bytes()[2..]);
    MarkToken::of_pair(bytes)
}

/// The token of one person's number under a key.
#[must_use]
pub fn own_under(key: MarkKeyId, n: u64) -> MarkToken {
    MarkToken::of_number(pair_under(key, n, n).0)
}

/// Makes these the keys that live.
pub fn set_keys(bench: &mut dyn Bench, keys: &[u32]) -> KeysOutcome {
    let public = |key: u32| MarkPublicKey([u8::try_from(key).unwrap(); 32]);
    let keys = keys.iter().map(|key| (MarkKeyId(*key), public(*key))).collect();
    match bench.ask(START, StoreOp::Match(MatchOp::SetKeys { keys })) {
        StoreAnswer::Keys(outcome) => outcome,
        other => panic!("no keys: {other:?}"),
    }
}

/// The question that tells tokens of pairs.
#[must_use]
pub fn tokens(owner: Owner, added: &[u64], removed: &[u64]) -> SyncTokens {
    let me = person(owner.number);
    let pairs = |people: &[u64]| people.iter().map(|n| pair_under(KEY, me, *n)).collect();
    SyncTokens {
        owner,
        key: KEY,
        replace: false,
        last: false,
        added: pairs(added),
        removed: pairs(removed),
        blocked: Vec::new(),
        unblocked: Vec::new(),
        contacts_max: 1_000,
        blocked_max: 10,
        new_tokens: plenty(BudgetKind::NewContacts, owner.number.as_u64()),
    }
}

/// The same for blocked people.
#[must_use]
pub fn blocks(owner: Owner, blocked: &[u64], unblocked: &[u64]) -> SyncTokens {
    let SyncTokens { added, removed, .. } = tokens(owner, blocked, unblocked);
    SyncTokens { blocked: added, unblocked: removed, ..tokens(owner, &[], &[]) }
}

/// Tells tokens. Nothing is confirmed by it.
pub fn tell(bench: &mut dyn Bench, op: SyncTokens) -> TokensOutcome {
    match bench.ask(START, StoreOp::Match(MatchOp::SyncTokens(op))) {
        StoreAnswer::Tokens(outcome) => outcome,
        other => panic!("no answer about tokens: {other:?}"),
    }
}

/// Tells tokens under [`KEY`] and has a truthful key holder confirm what follows; gives whose view changed.
pub fn sync(bench: &mut dyn Bench, op: SyncTokens) -> Vec<Msisdn> {
    let key = op.key;
    if tell(bench, SyncTokens { key, ..tokens(op.owner, &[], &[]) }) == TokensOutcome::UnknownKey {
        set_keys(bench, &[key.0]);
    }
    let TokensOutcome::Synced { mut viewers, .. } = tell(bench, op) else { panic!("not synced") };
    viewers.extend(confirm_links(bench).viewers);
    viewers.sort_unstable();
    viewers.dedup();
    viewers
}

/// What waits for the key holder.
pub fn pending(bench: &mut dyn Bench) -> Vec<PendingLink> {
    let op = MatchOp::PendingLinks { after: LinkId(0), limit: 1_000 };
    match bench.ask(START, StoreOp::Match(op)) {
        StoreAnswer::Links(links) => links,
        other => panic!("no links: {other:?}"),
    }
}

/// What a truthful key holder says of a link.
fn truth(link: &PendingLink) -> LinkVerdict {
    let (n, m) = (person(link.viewer), person(link.seen));
    let is_pair = |token: &MarkToken| (1..=9).any(|key| *token == pair_under(MarkKeyId(key), n, m));
    let stands = match &link.doubt {
        Doubt::Pair(token) => is_pair(token),
        Doubt::Blocked(tokens) => !tokens.iter().any(is_pair),
    };
    if stands { LinkVerdict::Stands } else { LinkVerdict::Falls }
}

/// Settles links.
pub fn settle(bench: &mut dyn Bench, verdicts: Vec<(LinkId, LinkVerdict)>) -> Settled {
    settled(bench, MatchOp::SettleLinks { verdicts })
}

/// Asks what is answered by what is left to be done.
pub fn settled(bench: &mut dyn Bench, op: MatchOp) -> Settled {
    match bench.ask(START, StoreOp::Match(op)) {
        StoreAnswer::Settled(settled) => settled,
        other => panic!("not settled: {other:?}"),
    }
}

/// Has a truthful key holder say of everything that waits whether it stands.
pub fn confirm_links(bench: &mut dyn Bench) -> Settled {
    let verdicts = pending(bench).iter().map(|link| (link.id, truth(link))).collect();
    settle(bench, verdicts)
}

/// Has a truthful key holder make what is due, links it and confirms it; gives whose view changed.
pub fn make_opens(bench: &mut dyn Bench) -> Vec<Msisdn> {
    let mut viewers = Vec::new();
    loop {
        let answer = bench.ask(START, StoreOp::Match(MatchOp::OpensDue { limit: 2 }));
        let StoreAnswer::OpensDue { due, more } = answer else { panic!("nothing said of what is due: {answer:?}") };
        let done = due.is_empty() && !more;
        let opens = due.into_iter().map(|(owner, key)| (owner, key, own_under(key, person(owner.number)))).collect();
        let mut left = settled(bench, MatchOp::PutOpens { opens });
        while left.more {
            left = settled(bench, MatchOp::LinkOpens { limit: 2 });
            viewers.extend(left.viewers.iter().copied());
        }
        if done {
            break;
        }
    }
    viewers.extend(confirm_links(bench).viewers);
    viewers.sort_unstable();
    viewers.dedup();
    viewers
}

/// Sets who may be seen.
pub fn begin(bench: &mut dyn Bench, policy: MarkPolicy) {
    let showing = Showing { policy, opening: true };
    assert_eq!(bench.ask(START, StoreOp::Begin { showing }), StoreAnswer::Done);
}

/// What an owner sees that changed after a generation.
pub fn marks(bench: &mut dyn Bench, viewer: Owner, since: MarkGeneration) -> (MarkGeneration, Vec<Mark>) {
    match bench.ask(START, StoreOp::Match(MatchOp::MarksSince { viewer, since })) {
        StoreAnswer::Marks { generation, marks } => (generation, marks),
        other => panic!("no marks: {other:?}"),
    }
}

/// Registers two people who hold each other.
pub fn friends(bench: &mut dyn Bench) -> (Owner, Owner) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    sync(bench, tokens(a, &[2], &[]));
    sync(bench, tokens(b, &[1], &[]));
    (a, b)
}

/// A text's id.
#[must_use]
pub const fn id(counter: u64) -> TextId {
    // Above the sign of an INTEGER, as random epochs often are.
    TextId { device_epoch: DeviceEpoch(u64::MAX - 7), counter }
}

/// The question that stores a text.
#[must_use]
pub fn text(sender: Owner, to: Owner, counter: u64) -> StoreText {
    StoreText {
        sender,
        id: id(counter),
        to,
        seq: SenderSeq(counter),
        sealed: SealedBody(vec![u8::try_from(counter % 256).unwrap(); 100]),
        expires_at: later(days(30)),
        behind: None,
        mailbox_texts: 100,
        mailbox_bytes: 1_000_000,
        charges: vec![plenty(BudgetKind::Texts, sender.number.as_u64())],
    }
}

/// The question that swaps a text.
#[must_use]
pub fn swap(sender: Owner, to: Owner, counter: u64, end: TerminalState) -> StoreOp {
    let charges = vec![plenty(BudgetKind::UnseenSwaps, sender.number.as_u64())];
    StoreOp::SwapText(SwapText { sender, id: id(counter), to: to.number, end, charges })
}

/// Stores a text.
pub fn send(bench: &mut dyn Bench, op: StoreText) -> tandem_logic::store_answer::TextOutcome {
    match bench.ask(START, StoreOp::StoreText(op)) {
        StoreAnswer::Text { outcome, .. } => outcome,
        other => panic!("not stored: {other:?}"),
    }
}

/// Everything that waits for an owner.
pub fn waiting(bench: &mut dyn Bench, owner: Owner) -> Vec<WaitingText> {
    match bench.ask(START, StoreOp::TextsWaiting { owner, after: 0, limit: 1_000, bytes: 1_000_000 }) {
        StoreAnswer::Texts { texts, complete: true } => texts,
        other => panic!("not read: {other:?}"),
    }
}

/// Takes texts of one sender; gives those that ended by it.
pub fn take(bench: &mut dyn Bench, owner: Owner, sender: Msisdn, counters: &[u64]) -> Vec<EndOwed> {
    let texts = counters.iter().map(|counter| (sender, id(*counter))).collect();
    match bench.ask(START, StoreOp::TakeTexts { owner, texts }) {
        StoreAnswer::Ends { ends, .. } => ends,
        other => panic!("not taken: {other:?}"),
    }
}

/// Every end that is owed to an owner.
pub fn ends(bench: &mut dyn Bench, owner: Owner) -> Vec<EndOwed> {
    match bench.ask(START, StoreOp::EndsOwed { owner, after: 0, limit: 1_000 }) {
        StoreAnswer::Ends { ends, complete: true } => ends,
        other => panic!("not read: {other:?}"),
    }
}

/// The next owner of the same number.
#[must_use]
pub const fn before(owner: Owner) -> Owner {
    Owner { number: owner.number, epoch: NumberEpoch(owner.epoch.0 - 1) }
}
