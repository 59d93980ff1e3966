//! One session of a subscriber, as all reports of it together tell it, in whatever order they came.
//!
//! A session remembers when it began, what it holds, since when, and until when that is known. Its state depends on which
//! reports came and not on their order: a report twice changes nothing, a late one moves only what lies before the others.
//! Where the order they came in leaves two readings, the session is *unclear*: it is never told to anybody, and still
//! stands against others.

use crate::accounting::{Change, NasKey, Report, SessionKey};
use crate::address::Addresses;
use tandem_model::{Msisdn, ServerMillis};

/// When a report was made. Stamps have whole seconds: in the same one, a Start comes before an Interim before a Stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// Before everything.
    pub const NEVER: Moment = Moment(i64::MIN);

    const fn of(report: &Report) -> Moment {
        let rank = match report.change {
            Change::Start => 0,
            Change::Interim => 1,
            Change::Stop => 2,
        };
        Moment(report.at.0.saturating_mul(4).saturating_add(rank))
    }

    /// The instant it lies in.
    #[must_use]
    pub const fn at(self) -> ServerMillis {
        ServerMillis(self.0 >> 2)
    }
}

/// What a number is bound by, in the order of time: the server's time when the binding was made, in milliseconds, and more
/// than every one of that number before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Generation(pub u64);

/// The last time before a session that its NAS lost all sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub ServerMillis);

impl Epoch {
    /// The NAS never lost any.
    pub const FIRST: Epoch = Epoch(ServerMillis(i64::MIN));
}

/// What tells a session from every other.
pub type Id = (SessionKey, Epoch);

/// A session, which is also the row that is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub key: SessionKey,
    /// Its NAS.
    pub nas: NasKey,
    /// When its NAS had last begun anew, by then; it ends when the NAS does so again. NASes begin anew with the same ids.
    pub epoch: Epoch,
    /// Whose; unknown as long as only a Stop without a number has come.
    pub number: Option<Msisdn>,
    /// When it began, as far as is known.
    pub start: ServerMillis,
    /// When it was last heard of.
    pub latest: Moment,
    /// What it holds.
    pub addresses: Addresses,
    /// The first report of what it holds.
    pub since: Moment,
    /// The last report of what it holds.
    pub until: Moment,
    /// The last report, before [`Session::since`], of anything else.
    pub other: Moment,
    /// When it ended.
    pub ended: Option<ServerMillis>,
    /// With its end the subscriber had left altogether.
    pub last_of_subscriber: bool,
    /// What it holds cannot be told from what came.
    pub unclear: bool,
    /// Of the binding that stands on it; zero when none ever did.
    pub generation: Generation,
}

impl Session {
    /// Before its first report.
    #[must_use]
    pub const fn new(report: &Report, epoch: Epoch) -> Session {
        Session { key: report.session, start: report.at, ..Session::empty(report.nas, epoch) }
    }

    const fn empty(nas: NasKey, epoch: Epoch) -> Session {
        Session {
            key: SessionKey([0; 16]),
            nas,
            epoch,
            number: None,
            start: ServerMillis(0),
            latest: Moment::NEVER,
            addresses: Addresses { v4: None, v6: None, delegated: None },
            since: Moment::NEVER,
            until: Moment::NEVER,
            other: Moment::NEVER,
            ended: None,
            last_of_subscriber: false,
            unclear: false,
            generation: Generation(0),
        }
    }

    /// Its identity.
    #[must_use]
    pub const fn id(&self) -> Id {
        (self.key, self.epoch)
    }

    /// Takes one report of its epoch in. Gives what it held, then or until then, and holds no more.
    pub fn absorb(&mut self, report: &Report) -> Option<Session> {
        let moment = Moment::of(report);
        let began = report.lasted.map_or(report.at, |lasted| {
            ServerMillis(report.at.0.saturating_sub(i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX)))
        });
        let earliest = self.epoch.0.0.saturating_add(1);
        self.start = ServerMillis(self.start.0.min(began.0).max(earliest));
        self.latest = self.latest.max(moment);
        match (self.number, report.number) {
            (None, number) => self.number = number,
            (Some(known), Some(said)) => self.unclear |= known != said,
            (Some(_), None) => {}
        }
        if report.change == Change::Stop {
            self.ended = self.ended.max(Some(report.at));
            self.last_of_subscriber |= report.last_of_subscriber;
        }
        let left = report.addresses.and_then(|addresses| self.hold(addresses, moment));
        if self.unclear {
            // What nobody can tell apart stands against others as strongly as it may.
            self.since = self.until;
        }
        left
    }

    fn hold(&mut self, addresses: Addresses, moment: Moment) -> Option<Session> {
        if self.until == Moment::NEVER {
            (self.addresses, self.since, self.until) = (addresses, moment, moment);
            return None;
        }
        if addresses == self.addresses {
            if moment > self.other {
                self.since = self.since.min(moment);
            }
            self.until = self.until.max(moment);
            return None;
        }
        let mut left = (addresses, moment);
        if moment > self.until {
            left = (self.addresses, self.until);
            self.other = self.until;
            (self.addresses, self.since, self.until) = (addresses, moment, moment);
        } else if moment < self.since {
            self.other = self.other.max(moment);
        } else {
            // It held something else in between, and since when it holds this again nobody can say any more.
            self.unclear = true;
        }
        self.left_behind(left.0, left.1)
    }

    /// What it held at a moment and holds no more, as a session that ended: whoever held it before was given up for good.
    fn left_behind(&self, held: Addresses, moment: Moment) -> Option<Session> {
        let addresses = held.without(&self.addresses);
        let left = Session {
            key: self.key.holding(&addresses),
            number: None,
            start: moment.at(),
            latest: moment,
            addresses,
            since: moment,
            until: moment,
            ended: Some(moment.at()),
            generation: Generation(0),
            ..Session::empty(self.nas, self.epoch)
        };
        (!addresses.is_empty()).then_some(left)
    }

    /// What is left of it in an epoch that began, as only now is known, in its middle or before it. Reports of both epochs
    /// in one leave open which of them say what: then it is unclear.
    #[must_use]
    pub fn carried_into(&self, epoch: Epoch) -> Session {
        if self.start > epoch.0 {
            return Session { epoch, ..*self };
        }
        Session { epoch, unclear: true, start: self.latest.at(), since: self.until, ..*self }
    }

    /// Whether two of it are the same to everybody else: told apart only by when they were last heard of.
    #[must_use]
    pub fn stands_as(&self, other: &Session) -> bool {
        let told = |session: &Session| Session {
            latest: Moment::NEVER,
            until: Moment::NEVER,
            other: Moment::NEVER,
            ..*session
        };
        told(self) == told(other)
    }
}

#[cfg(test)]
mod tests;
