//! The carrier on both clocks: who holds a number, SMS between phones and from the server, a voice switch that rings and
//! connects, and what it refuses. It decides only; the stage sees and tells what it says.

use crate::names::Names;
use crate::seen::{Seen, object};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use tandem_machine::input::{CarrierCallState, HostInput};
use tandem_model::{Line, Secret, Ticket};

/// From the carrier to a phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CarrierWord {
    /// An SMS came.
    Sms {
        /// The SIM.
        line: u8,
        /// From whom.
        from: String,
        /// The words.
        body: String,
    },
    /// The carrier took an SMS, or refused it.
    SmsSent {
        /// From the order.
        ticket: u64,
        /// Whether it took it.
        ok: bool,
    },
    /// The carrier took a call, or refused it.
    Dialed {
        /// From the order.
        ticket: u64,
        /// Whether it took it.
        ok: bool,
    },
    /// A carrier call is ringing, active or ended.
    CarrierCall {
        /// The order that placed it.
        ticket: Option<u64>,
        /// Which of the three.
        state: String,
    },
}

impl CarrierWord {
    /// What the phone's OS tells the core.
    #[must_use]
    pub fn input(self) -> HostInput {
        match self {
            CarrierWord::Sms { line, from, body } => {
                HostInput::SmsReceived { line: Line(line), from: Secret::new(from), body: Secret::new(body) }
            }
            CarrierWord::SmsSent { ticket, ok } => HostInput::SmsSent { ticket: Ticket(ticket), ok },
            CarrierWord::Dialed { ticket, ok } => HostInput::CarrierDialed { ticket: Ticket(ticket), ok },
            CarrierWord::CarrierCall { ticket, state } => {
                let state = match state.as_str() {
                    "ringing" => CarrierCallState::Ringing,
                    "active" => CarrierCallState::Active,
                    _ => CarrierCallState::Ended,
                };
                HostInput::CarrierCall { ticket: ticket.map(Ticket), state }
            }
        }
    }
}

/// What comes of something at the carrier, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Doing {
    /// Whoever watches a phone sees it.
    See(String, Seen),
    /// A phone is told, if it is on.
    Tell(String, CarrierWord),
}

/// The carrier of one scenario.
#[derive(Debug, Default)]
pub struct Switch {
    /// Phones and the numbers of the SIMs in them, in the order of their names.
    holders: std::collections::BTreeMap<String, Vec<String>>,
    names: Names,
    /// Phones whose orders are refused.
    refused: BTreeSet<String>,
    /// The last SMS of the server's, to be delivered once more.
    last_sms: Option<(String, String, String)>,
    misroute: Option<String>,
    calls: Vec<CarrierCall>,
}

#[derive(Debug)]
struct CarrierCall {
    from: String,
    ticket: u64,
    to: Option<String>,
}

impl Switch {
    /// A carrier that knows everybody's name.
    #[must_use]
    pub fn new(names: Names) -> Switch {
        Switch { names, ..Switch::default() }
    }

    /// These SIMs are in a phone now.
    pub fn sims(&mut self, phone: &str, numbers: &[String]) {
        self.holders.insert(phone.to_owned(), numbers.to_vec());
    }

    /// SMS of the server's go to this phone or number instead, or to whom they are meant for.
    pub fn misroute(&mut self, to: Option<String>) {
        self.misroute = to.map(|to| self.names.number(&to));
    }

    /// Refuses what a phone orders, or stops refusing.
    pub fn refuse(&mut self, phone: &str, on: bool) {
        if on {
            self.refused.insert(phone.to_owned());
        } else {
            self.refused.remove(phone);
        }
    }

    /// A text of the server's, such as a verification SMS, arrives.
    pub fn server_sms(&mut self, to: String, from: String, body: String) -> Vec<Doing> {
        let goes_to = self.misroute.clone().unwrap_or_else(|| to.clone());
        self.last_sms = Some((to, from.clone(), body.clone()));
        let Some((name, line)) = self.holder(&goes_to) else { return Vec::new() };
        vec![
            Doing::See(name.clone(), object(json!({"see": "verification-sms", "line": line}))),
            Doing::Tell(name, CarrierWord::Sms { line, from, body }),
        ]
    }

    /// The newest SMS of the server's arrives once more; nothing when there was none.
    pub fn sms_again(&mut self) -> Option<Vec<Doing>> {
        let (to, from, body) = self.last_sms.clone()?;
        Some(self.server_sms(to, from, body))
    }

    /// A phone sends an SMS.
    pub fn phone_sms(&mut self, who: &str, ticket: u64, to: &str, body: String) -> Vec<Doing> {
        let ok = !self.refused.contains(who);
        let mut doings = vec![
            Doing::See(who.to_owned(), object(json!({"see": "carrier-sms", "to": self.names.told(to), "ok": ok}))),
            Doing::Tell(who.to_owned(), CarrierWord::SmsSent { ticket, ok }),
        ];
        if let Some((name, line)) = self.holder(to).filter(|_| ok) {
            let from = self.first_number(who).to_owned();
            doings.push(Doing::Tell(name, CarrierWord::Sms { line, from, body }));
        }
        doings
    }

    /// A phone dials.
    pub fn dial(&mut self, who: &str, ticket: u64, digits: &str) -> Vec<Doing> {
        let ok = !self.refused.contains(who);
        let to = self.holder(digits).map(|(name, _)| name);
        let shown = to.clone().unwrap_or_else(|| self.names.told(digits));
        let mut doings = vec![
            Doing::See(who.to_owned(), object(json!({"see": "carrier-dialed", "to": shown, "ok": ok}))),
            Doing::Tell(who.to_owned(), CarrierWord::Dialed { ticket, ok }),
        ];
        if !ok {
            return doings;
        }
        if let Some(name) = &to {
            let from = self.names.told(self.first_number(who));
            doings.push(Doing::See(name.clone(), object(json!({"see": "carrier-ring", "from": from}))));
            let ringing = CarrierWord::CarrierCall { ticket: None, state: "ringing".to_owned() };
            doings.push(Doing::Tell(name.clone(), ringing));
        }
        self.calls.push(CarrierCall { from: who.to_owned(), ticket, to });
        doings
    }

    /// A carrier call changes at both its ends, or only here when no other phone is in it.
    pub fn carrier_call(&mut self, name: &str, state: &str) -> Vec<Doing> {
        let at = |phone: &str, ticket| {
            Doing::Tell(phone.to_owned(), CarrierWord::CarrierCall { ticket, state: state.to_owned() })
        };
        let place = self.calls.iter().position(|call| call.from == name || call.to.as_deref() == Some(name));
        let Some(call) = place.and_then(|place| self.calls.get(place)) else { return vec![at(name, None)] };
        let doings =
            std::iter::once(at(&call.from, Some(call.ticket))).chain(call.to.as_ref().map(|to| at(to, None))).collect();
        if let Some(place) = place.filter(|_| state == "ended") {
            self.calls.remove(place);
        }
        doings
    }

    /// Which phone and slot hold a number.
    fn holder(&self, number: &str) -> Option<(String, u8)> {
        self.holders.iter().find_map(|(name, numbers)| {
            let slot = numbers.iter().position(|held| held == number)?;
            Some((name.clone(), u8::try_from(slot).ok()?))
        })
    }

    fn first_number(&self, phone: &str) -> &str {
        self.holders.get(phone).and_then(|numbers| numbers.first()).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::Msisdn;

    const ALICE: &str = "+4915112345601";
    const BOB: &str = "+4915112345602";

    fn switch() -> Switch {
        let mut switch = Switch::new(Names::new(
            [("alice", ALICE), ("bob", BOB)].map(|(name, number)| (name, Msisdn::from_e164(number).unwrap())),
        ));
        switch.sims("alice", &[ALICE.to_owned()]);
        switch.sims("bob", &["+4915112345609".to_owned(), BOB.to_owned()]);
        switch
    }

    #[test]
    fn a_call_rings_where_the_number_is_and_changes_at_both_ends_until_it_is_over() {
        let mut switch = switch();
        let rung = switch.dial("alice", 7, BOB);
        assert!(matches!(&rung[3], Doing::Tell(to, CarrierWord::CarrierCall { ticket: None, .. }) if to == "bob"));
        assert_eq!(switch.carrier_call("bob", "active").len(), 2);
        let ended = switch.carrier_call("bob", "ended");
        assert!(
            matches!(&ended[0], Doing::Tell(at, CarrierWord::CarrierCall { ticket: Some(7), .. }) if at == "alice")
        );
        assert_eq!(switch.carrier_call("bob", "ringing").len(), 1, "a call from nowhere is at one phone");
    }

    #[test]
    fn what_the_carrier_refuses_reaches_nobody() {
        let mut switch = switch();
        switch.refuse("alice", true);
        assert_eq!(switch.dial("alice", 1, BOB).len(), 2);
        assert_eq!(switch.phone_sms("alice", 2, BOB, "x".to_owned()).len(), 2);
        switch.refuse("alice", false);
        let sent = switch.phone_sms("alice", 3, BOB, "x".to_owned());
        assert!(matches!(&sent[2], Doing::Tell(to, CarrierWord::Sms { line: 1, .. }) if to == "bob"));
    }

    #[test]
    fn an_sms_goes_astray_when_it_is_told_to_and_comes_again() {
        let mut switch = switch();
        assert_eq!(switch.sms_again(), None);
        switch.misroute(Some(BOB.to_owned()));
        let astray = switch.server_sms(ALICE.to_owned(), "Tandem".to_owned(), "x".to_owned());
        assert!(matches!(&astray[0], Doing::See(at, _) if at == "bob"));
        switch.misroute(None);
        let again = switch.sms_again().unwrap();
        assert!(matches!(&again[0], Doing::See(at, _) if at == "alice"));
    }
}
