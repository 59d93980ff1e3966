//! Links between owners, and the marks that follow from them.

use super::state::{LinkKind, LinkRow, LinkState, MarkRow, State, TokenKind};
use tandem_logic::matching::{Doubt, LinkId, LinkVerdict, PendingLink};
use tandem_logic::store_answer::Settled;
use tandem_model::{MarkKeyId, MarkToken, Msisdn};

impl State {
    /// Makes a link where there is none by this token yet. One by the token of a number stands at once where its owner blocked
    /// nobody.
    pub(crate) fn make_link(&mut self, link: LinkRow, settled: &mut Settled) {
        let link = match link.kind {
            LinkKind::Pair if link.b < link.a => LinkRow { a: link.b, b: link.a, ..link },
            LinkKind::Pair | LinkKind::Open => link,
        };
        if self.link_of.contains_key(&(link.token, link.a, link.b)) {
            return;
        }
        let stands = link.kind == LinkKind::Open && self.blocked_of(link.b).is_empty();
        let state = if stands { LinkState::Stands } else { LinkState::Pending };
        let id = self.next_link();
        self.put_link(id, LinkRow { state, ..link });
        if stands {
            self.refresh(link.a, link.b, &mut settled.viewers);
        } else {
            settled.pending = true;
        }
    }

    fn next_link(&mut self) -> LinkId {
        self.last_link += 1;
        LinkId(self.last_link)
    }

    fn put_link(&mut self, id: LinkId, link: LinkRow) {
        self.link_of.insert((link.token, link.a, link.b), id);
        self.links_between.insert((link.a, link.b, id));
        self.links_between.insert((link.b, link.a, id));
        self.links.insert(id, link);
    }

    fn take_link(&mut self, id: LinkId) -> Option<LinkRow> {
        let link = self.links.remove(&id)?;
        self.link_of.remove(&(link.token, link.a, link.b));
        self.links_between.remove(&(link.a, link.b, id));
        self.links_between.remove(&(link.b, link.a, id));
        Some(link)
    }

    fn end_link(&mut self, id: LinkId, viewers: &mut Vec<Msisdn>) {
        if let Some(link) = self.take_link(id) {
            self.refresh_link(&link, viewers);
        }
    }

    fn refresh_link(&mut self, link: &LinkRow, viewers: &mut Vec<Msisdn>) {
        self.refresh(link.a, link.b, viewers);
        if link.kind == LinkKind::Pair {
            self.refresh(link.b, link.a, viewers);
        }
    }

    /// A link goes on in another state, under another name.
    fn renew_link(&mut self, id: LinkId, state: LinkState, viewers: &mut Vec<Msisdn>) {
        let Some(link) = self.take_link(id) else { return };
        let next = self.next_link();
        self.put_link(next, LinkRow { state, ..link });
        self.refresh_link(&link, viewers);
    }

    /// What somebody blocked, under every key.
    fn blocked_of(&self, number: Msisdn) -> Vec<MarkToken> {
        let Some(reg) = self.present(number).map(|row| row.reg) else { return Vec::new() };
        let of_key = |key: &MarkKeyId| {
            self.tokens
                .range((*key, reg, MarkToken([0; 16]))..=(*key, reg, MarkToken([0xFF; 16])))
                .filter(|(_, row)| row.kind == TokenKind::Blocked)
                .map(|((_, _, token), _)| *token)
                .collect::<Vec<_>>()
        };
        self.keys.keys().flat_map(of_key).collect()
    }

    fn links_where(&self, of: Msisdn, wanted: impl Fn(&LinkRow) -> bool) -> Vec<LinkId> {
        self.links_between
            .range((of, Msisdn::MIN, LinkId(0))..)
            .take_while(|(first, _, _)| *first == of)
            .filter(|(_, _, id)| self.links.get(id).is_some_and(&wanted))
            .map(|(_, _, id)| *id)
            .collect()
    }

    /// Somebody tells a token no more, or blocks by it.
    pub(crate) fn end_links_by(&mut self, token: &MarkToken, me: Msisdn, settled: &mut Settled) {
        let mine = |link: &LinkRow| link.token == *token && (link.kind == LinkKind::Pair || link.a == me);
        for id in self.links_where(me, mine) {
            self.end_link(id, &mut settled.viewers);
        }
    }

    /// Ends the links that an owner opened by a token of its own number.
    pub(crate) fn end_opened_links(&mut self, token: &MarkToken, me: Msisdn, settled: &mut Settled) {
        for id in self.links_where(me, |link| link.token == *token && link.kind == LinkKind::Open && link.b == me) {
            self.end_link(id, &mut settled.viewers);
        }
    }

    /// An owner blocked somebody; `told` tell the very token and need no asking.
    pub(crate) fn links_blocked(&mut self, me: Msisdn, told: &[Msisdn], settled: &mut Settled) {
        let open = |link: &LinkRow| link.kind == LinkKind::Open && link.b == me && link.state != LinkState::Blocked;
        for id in self.links_where(me, open) {
            let Some(link) = self.links.get(&id) else { continue };
            let state = match link.state {
                _ if told.contains(&link.a) => LinkState::Blocked,
                LinkState::Stands | LinkState::Again => LinkState::Again,
                LinkState::Pending | LinkState::Blocked => LinkState::Pending,
            };
            self.renew_link(id, state, &mut settled.viewers);
            settled.pending |= state != LinkState::Blocked;
        }
    }

    /// An owner blocked somebody no longer.
    pub(crate) fn links_unblocked(&mut self, me: Msisdn, settled: &mut Settled) {
        let blocked = |link: &LinkRow| link.kind == LinkKind::Open && link.b == me && link.state == LinkState::Blocked;
        for id in self.links_where(me, blocked) {
            self.renew_link(id, LinkState::Pending, &mut settled.viewers);
            settled.pending = true;
        }
    }

    /// All links of an owner that is no more, and all it saw.
    pub(crate) fn forget_links(&mut self, me: Msisdn, viewers: &mut Vec<Msisdn>) {
        for id in self.links_where(me, |_| true) {
            self.end_link(id, viewers);
        }
        let seen: Vec<Msisdn> = self
            .marks
            .range((me, Msisdn::MIN)..)
            .take_while(|((viewer, _), _)| *viewer == me)
            .map(|((_, seen), _)| *seen)
            .collect();
        for number in seen {
            self.marks.remove(&(me, number));
            self.seen_by.remove(&(number, me));
        }
    }

    /// Ends some links of a key. How many there were.
    pub(crate) fn end_links_of(&mut self, key: MarkKeyId, limit: usize, viewers: &mut Vec<Msisdn>) -> usize {
        let some: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.key == key).take(limit).map(|(id, _)| *id).collect();
        for id in &some {
            self.end_link(*id, viewers);
        }
        some.len()
    }

    pub(crate) fn pending_links(&self, after: LinkId, limit: u32) -> Vec<PendingLink> {
        let waiting = self.links.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
        waiting
            .filter(|(_, link)| link.state.is_in_doubt())
            .take(limit as usize)
            .map(|(id, link)| PendingLink {
                id: *id,
                viewer: link.a,
                seen: link.b,
                by: link.by,
                doubt: match link.kind {
                    LinkKind::Pair => Doubt::Pair(link.token),
                    LinkKind::Open => Doubt::Blocked(self.blocked_of(link.b)),
                },
            })
            .collect()
    }

    pub(crate) fn settle_links(&mut self, verdicts: &[(LinkId, LinkVerdict)]) -> Settled {
        let mut settled = Settled::default();
        for (id, verdict) in verdicts {
            let Some(link) = self.links.get_mut(id).filter(|link| link.state.is_in_doubt()) else { continue };
            let kind = link.kind;
            match (verdict, kind) {
                (LinkVerdict::Falls, LinkKind::Pair) => {
                    settled.forged += 1;
                    self.end_link(*id, &mut settled.viewers);
                    continue;
                }
                (LinkVerdict::Falls, LinkKind::Open) => link.state = LinkState::Blocked,
                (LinkVerdict::Stands, _) => link.state = LinkState::Stands,
            }
            let link = link.clone();
            self.refresh_link(&link, &mut settled.viewers);
        }
        settled.viewers.sort_unstable();
        settled.viewers.dedup();
        settled
    }

    /// Works out again whether `viewer` sees `seen`, and remembers when that changed.
    fn refresh(&mut self, viewer: Msisdn, seen: Msisdn, viewers: &mut Vec<Msisdn>) {
        let shows = |link: &LinkRow| link.state.shows() && (link.kind == LinkKind::Pair || link.b == seen);
        let linked = self
            .links_between
            .range((viewer, seen, LinkId(0))..=(viewer, seen, LinkId(u64::MAX)))
            .any(|(_, _, id)| self.links.get(id).is_some_and(shows));
        let visible = linked && self.present(viewer).is_some() && self.present(seen).is_some();
        let before = self.marks.get(&(viewer, seen)).is_some_and(|row| row.visible);
        if visible == before {
            return;
        }
        let generation = self.next_generation();
        self.marks.insert((viewer, seen), MarkRow { visible, generation });
        if visible {
            self.seen_by.insert((seen, viewer));
        } else {
            self.seen_by.remove(&(seen, viewer));
        }
        viewers.push(viewer);
    }
}
