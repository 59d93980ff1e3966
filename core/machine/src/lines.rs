//! All SIMs of the phone, and what the other machines may know of them ([`World`]).

mod matching;

use crate::contacts::{Contacts, Page};
use crate::ctx::{Ctx, SessionFacts, World};
use crate::effect::Event;
use crate::line::{LineTurn, LineUnit};
use crate::marks::marked_of;
use crate::view::{MarkShown, MarkView};
use matching::Matching;
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::rows::SettingsRow;
use tandem_model::vault::KeyHandle;
use tandem_model::{Country, Line, Mark, Mono, Msisdn, NumberEpoch, SimSlot};

/// SIM slots a host may report.
const LINES_MAX: usize = 8;

/// Marks in one event to the app.
const MARK_VIEWS_MAX: usize = 500;

/// All SIMs.
#[derive(Debug)]
pub(crate) struct Lines {
    units: BTreeMap<Line, LineUnit>,
    /// False until the host reported its SIMs in this boot.
    sims_known: bool,
    pub(crate) book: Contacts,
    matching: Matching,
    shown: BTreeMap<Msisdn, MarkShown>,
    pub(crate) settings: SettingsRow,
    /// The database is new in this boot.
    pub(crate) fresh: bool,
}

impl Lines {
    pub(crate) fn new(settings: Option<SettingsRow>, fresh: bool) -> Self {
        Self {
            units: BTreeMap::new(),
            sims_known: false,
            book: Contacts::default(),
            matching: Matching::default(),
            shown: BTreeMap::new(),
            settings: settings.unwrap_or_default(),
            fresh,
        }
    }

    pub(crate) fn get_mut(&mut self, line: Line) -> Option<&mut LineUnit> {
        self.units.get_mut(&line)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &LineUnit> + Clone {
        self.units.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut LineUnit> {
        self.units.values_mut()
    }

    /// The unit of a line, made when it is not there yet. `None` beyond the cap.
    pub(crate) fn make(&mut self, line: Line) -> Option<&mut LineUnit> {
        if !self.units.contains_key(&line) && self.units.len() >= LINES_MAX {
            return None;
        }
        Some(self.units.entry(line).or_insert_with(|| LineUnit::new(line)))
    }

    /// The SIMs that are in the phone now.
    pub(crate) fn sims(&mut self, slots: Vec<SimSlot>, ctx: &mut Ctx<'_>) {
        self.sims_known = true;
        let mut there: BTreeMap<Line, SimSlot> = BTreeMap::new();
        for slot in slots.into_iter().take(LINES_MAX) {
            there.entry(slot.line).or_insert(slot);
        }
        for line in there.keys() {
            self.make(*line);
        }
        for unit in self.units.values_mut() {
            unit.sim = there.remove(&unit.line);
            unit.registration.sim_is(unit.sim.as_ref(), ctx);
            // The app learns of every SIM, also of one with nothing to tell.
            unit.registration.show(ctx);
        }
        if let Some(home) = self.home() {
            let changed = self.book.country_known(home, ctx);
            self.wanted_changed(changed, ctx);
        }
    }

    /// A page of the phone book.
    pub(crate) fn contacts(&mut self, page: Page, ctx: &mut Ctx<'_>) {
        let home = self.home();
        let changed = self.book.page(page, home, ctx);
        self.wanted_changed(changed, ctx);
    }

    fn home(&self) -> Option<Country> {
        self.units.values().find_map(|unit| unit.sim.as_ref().map(|sim| sim.country))
    }

    /// Brings every line in step; returns what changed, by line.
    pub(crate) fn settle(&mut self, ctx: &mut Ctx<'_>) -> Vec<(Line, LineTurn)> {
        let turns: Vec<(Line, LineTurn)> = self
            .units
            .values_mut()
            .map(|unit| (unit.line, unit.settle(ctx)))
            .filter(|(_, turn)| *turn != LineTurn::default())
            .collect();
        for (line, turn) in &turns {
            if turn.down {
                self.matching_down(*line, ctx);
            }
            self.wanted_changed(turn.was_mine.into_iter().collect(), ctx);
            self.refresh_shown(turn.marks.iter().copied(), ctx);
        }
        turns
    }

    /// Tells the app of numbers whose mark shows differently now. A number shows the best that any line sees.
    pub(crate) fn refresh_shown(&mut self, numbers: impl Iterator<Item = Msisdn>, ctx: &mut Ctx<'_>) {
        let mut views = Vec::new();
        for number in numbers.collect::<BTreeSet<_>>() {
            let shown = self.mark_shown(number, ctx);
            let before = self.shown.get(&number).copied().unwrap_or(MarkShown::Unmarked);
            if shown == before {
                continue;
            }
            if shown == MarkShown::Unmarked {
                self.shown.remove(&number);
            } else {
                self.shown.insert(number, shown);
            }
            views.push(MarkView { number, shown });
        }
        for page in views.chunks(MARK_VIEWS_MAX) {
            ctx.emit(Event::Marks(page.to_vec()));
        }
    }

    fn mark_shown(&self, number: Msisdn, ctx: &Ctx<'_>) -> MarkShown {
        self.units
            .values()
            .map(|unit| unit.marks.shown(number, unit.session.offset(), ctx.now))
            .min()
            .unwrap_or(MarkShown::Unmarked)
    }

    /// What one line sees of a number.
    pub(crate) fn mark_seen_by(&self, line: Line, number: Msisdn, ctx: &Ctx<'_>) -> MarkShown {
        self.units
            .get(&line)
            .map_or(MarkShown::Unmarked, |unit| unit.marks.shown(number, unit.session.offset(), ctx.now))
    }

    /// Every mark as last shown.
    pub(crate) fn mark_views(&self) -> Vec<MarkView> {
        self.shown.iter().map(|(number, shown)| MarkView { number: *number, shown: *shown }).collect()
    }

    /// Blocked numbers, in order.
    pub(crate) fn blocked(&self) -> Vec<Msisdn> {
        self.matching.blocked.numbers().iter().copied().collect()
    }

    /// Evaluations whose proof did not verify.
    pub(crate) const fn unproven(&self) -> u64 {
        self.matching.pseudonyms.unproven()
    }

    /// Which numbers of a contact are marked, in the contact's order.
    pub(crate) fn marked_of(&self, numbers: &[Msisdn]) -> Vec<Msisdn> {
        marked_of(numbers, self.units.values().map(|unit| &unit.marks))
    }

    /// The line to act as when the app names none: the first registered one, else the first.
    pub(crate) fn default_line(&self) -> Option<Line> {
        let lines = self.lines();
        lines.iter().find(|line| self.registered(**line).is_some()).or(lines.first()).copied()
    }

    pub(crate) fn poll_timeout(&self, config: &crate::Config) -> Option<(Mono, &'static str)> {
        self.units.values().filter_map(|unit| unit.poll_timeout(config)).chain(self.matching_timeout()).min()
    }

    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        let ended: Vec<Msisdn> = self.units.values_mut().flat_map(|unit| unit.handle_timeout(ctx)).collect();
        self.handle_matching_timeout(ctx);
        self.refresh_shown(ended.into_iter(), ctx);
    }
}

impl World for Lines {
    fn session(&self, line: Line) -> Option<SessionFacts> {
        let unit = self.units.get(&line)?;
        unit.registration.registered()?;
        unit.session.facts()
    }

    fn registered(&self, line: Line) -> Option<(Msisdn, NumberEpoch, KeyHandle)> {
        let identity = self.units.get(&line)?.registration.registered()?;
        Some((identity.number, identity.epoch, identity.key))
    }

    fn mark(&self, line: Line, number: Msisdn) -> Option<&Mark> {
        self.units.get(&line)?.marks.get(number)
    }

    fn lines(&self) -> Vec<Line> {
        self.units.values().filter(|unit| unit.sim.is_some() || !self.sims_known).map(|unit| unit.line).collect()
    }

    fn country(&self, line: Line) -> Option<Country> {
        self.units.get(&line)?.sim.as_ref().map(|sim| sim.country)
    }

    fn settings(&self) -> SettingsRow {
        self.settings
    }
}
