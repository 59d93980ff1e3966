//! Enums as integers in columns. The numbers are in files out there: they are added to and never changed.

use tandem_model::matching::ToldKind;
use tandem_model::rows::StandingChoice;
use tandem_model::{Bearer, CallEnd, TerminalState, TextStatus, WhyNotData};

/// Status, ending and read flag of a text of mine, as three columns.
pub(crate) const fn status(status: TextStatus) -> (i64, Option<i64>, bool) {
    match status {
        TextStatus::Pending => (PENDING, None, false),
        TextStatus::Stored => (STORED, None, false),
        TextStatus::CarrierSms => (CARRIER_SMS, None, false),
        TextStatus::SmsFailed => (SMS_FAILED, None, false),
        TextStatus::Refused => (REFUSED, None, false),
        TextStatus::LeftBehind => (LEFT_BEHIND, None, false),
        TextStatus::Ended { state, read } => (ENDED, Some(ending(state)), read),
    }
}

const PENDING: i64 = 0;
const STORED: i64 = 1;
const CARRIER_SMS: i64 = 2;
const SMS_FAILED: i64 = 3;
const REFUSED: i64 = 4;
const ENDED: i64 = 5;
const LEFT_BEHIND: i64 = 6;

pub(crate) fn status_from(code: i64, ending: Option<i64>, read: bool) -> Option<TextStatus> {
    match (code, ending) {
        (PENDING, None) => Some(TextStatus::Pending),
        (STORED, None) => Some(TextStatus::Stored),
        (CARRIER_SMS, None) => Some(TextStatus::CarrierSms),
        (SMS_FAILED, None) => Some(TextStatus::SmsFailed),
        (REFUSED, None) => Some(TextStatus::Refused),
        (LEFT_BEHIND, None) => Some(TextStatus::LeftBehind),
        (ENDED, Some(ending)) => Some(TextStatus::Ended { state: ending_from(ending)?, read }),
        _ => None,
    }
}

/// Whether a machine still waits for something of this text.
pub(crate) const fn is_open(status: TextStatus) -> bool {
    match status {
        TextStatus::Pending | TextStatus::Stored | TextStatus::SmsFailed => true,
        TextStatus::Ended { .. } | TextStatus::CarrierSms | TextStatus::Refused | TextStatus::LeftBehind => false,
    }
}

/// Whether a row's status says what was asked to be written; a text already read says that it was delivered, too.
pub(crate) fn says(row: TextStatus, asked: TextStatus) -> bool {
    let ((row, ending, seen), (asked, asked_ending, asked_seen)) = (status(row), status(asked));
    row == asked && ending == asked_ending && seen >= asked_seen
}

const fn ending(state: TerminalState) -> i64 {
    match state {
        TerminalState::Delivered => 0,
        TerminalState::Expired => 1,
        TerminalState::Cancelled => 2,
        TerminalState::HandedToSms => 3,
        TerminalState::RecipientChanged => 4,
    }
}

fn ending_from(code: i64) -> Option<TerminalState> {
    TerminalState::ALL.into_iter().find(|state| ending(*state) == code)
}

pub(crate) const fn told(kind: ToldKind) -> i64 {
    match kind {
        ToldKind::Pair => 0,
        ToldKind::Open => 1,
        ToldKind::Blocked => 2,
    }
}

pub(crate) const fn told_from(code: i64) -> Option<ToldKind> {
    match code {
        0 => Some(ToldKind::Pair),
        1 => Some(ToldKind::Open),
        2 => Some(ToldKind::Blocked),
        _ => None,
    }
}

pub(crate) const fn bearer(bearer: Bearer) -> i64 {
    match bearer {
        Bearer::Data => 0,
        Bearer::Carrier => 1,
    }
}

pub(crate) const fn bearer_from(code: i64) -> Option<Bearer> {
    match code {
        0 => Some(Bearer::Data),
        1 => Some(Bearer::Carrier),
        _ => None,
    }
}

pub(crate) const fn why(why: WhyNotData) -> i64 {
    match why {
        WhyNotData::OwnOffline => 0,
        WhyNotData::OwnTooSlow => 1,
        WhyNotData::OwnUnmeasured => 2,
        WhyNotData::PeerTooSlow => 3,
        WhyNotData::PeerOffline => 4,
        WhyNotData::PeerNotSeenLately => 5,
        WhyNotData::PeerNotAvailable => 6,
        WhyNotData::NoAnswerInTime => 7,
        WhyNotData::MediaFailed => 8,
        WhyNotData::NotRegistered => 9,
        WhyNotData::StoreFailed => 10,
    }
}

pub(crate) const fn why_from(code: i64) -> Option<WhyNotData> {
    Some(match code {
        0 => WhyNotData::OwnOffline,
        1 => WhyNotData::OwnTooSlow,
        2 => WhyNotData::OwnUnmeasured,
        3 => WhyNotData::PeerTooSlow,
        4 => WhyNotData::PeerOffline,
        5 => WhyNotData::PeerNotSeenLately,
        6 => WhyNotData::PeerNotAvailable,
        7 => WhyNotData::NoAnswerInTime,
        8 => WhyNotData::MediaFailed,
        9 => WhyNotData::NotRegistered,
        10 => WhyNotData::StoreFailed,
        _ => return None,
    })
}

pub(crate) const fn end(end: CallEnd) -> i64 {
    match end {
        CallEnd::HungUp => 0,
        CallEnd::PeerHungUp => 1,
        CallEnd::Cancelled => 2,
        CallEnd::Refused => 3,
        CallEnd::Busy => 4,
        CallEnd::NoAnswer => 5,
        CallEnd::Missed => 6,
        CallEnd::Superseded => 7,
        CallEnd::Quit => 8,
        CallEnd::Carrier => 9,
        CallEnd::MediaLost => 10,
        CallEnd::PeerLost => 11,
        CallEnd::Rejected => 12,
        CallEnd::CarrierFailed => 13,
    }
}

pub(crate) const fn end_from(code: i64) -> Option<CallEnd> {
    Some(match code {
        0 => CallEnd::HungUp,
        1 => CallEnd::PeerHungUp,
        2 => CallEnd::Cancelled,
        3 => CallEnd::Refused,
        4 => CallEnd::Busy,
        5 => CallEnd::NoAnswer,
        6 => CallEnd::Missed,
        7 => CallEnd::Superseded,
        8 => CallEnd::Quit,
        9 => CallEnd::Carrier,
        10 => CallEnd::MediaLost,
        11 => CallEnd::PeerLost,
        12 => CallEnd::Rejected,
        13 => CallEnd::CarrierFailed,
        _ => return None,
    })
}

pub(crate) const fn standing(choice: StandingChoice) -> i64 {
    match choice {
        StandingChoice::Ask => 0,
        StandingChoice::Carrier => 1,
    }
}

pub(crate) const fn standing_from(code: i64) -> Option<StandingChoice> {
    match code {
        0 => Some(StandingChoice::Ask),
        1 => Some(StandingChoice::Carrier),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_as_what_it_was_and_the_next_one_as_nothing() {
        for code in 0..=13 {
            assert_eq!(end_from(code).map(end), Some(code));
        }
        assert_eq!(end_from(14), None);
        for code in 0..=10 {
            assert_eq!(why_from(code).map(why), Some(code));
        }
        assert_eq!(why_from(11), None);
        for state in TerminalState::ALL {
            for read in [false, true] {
                let written = TextStatus::Ended { state, read };
                let (code, ending, read) = status(written);
                assert_eq!(status_from(code, ending, read), Some(written));
            }
        }
        for written in [
            TextStatus::Pending,
            TextStatus::Stored,
            TextStatus::CarrierSms,
            TextStatus::SmsFailed,
            TextStatus::Refused,
            TextStatus::LeftBehind,
        ] {
            let (code, ending, read) = status(written);
            assert_eq!(status_from(code, ending, read), Some(written));
        }
        assert_eq!(status_from(ENDED, None, false), None);
        assert_eq!(status_from(LEFT_BEHIND + 1, None, false), None);
    }
}
