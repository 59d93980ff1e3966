//! What an AAA without RADIUS accounting says of a session, already read.

use crate::accounting::{Change, Reboot, Report, Said, SessionKey, Unusable, nas_key, session_key};
use crate::address::{Addresses, Prefix};
use crate::nas::Client;
use std::time::Duration;
use tandem_model::{Msisdn, ServerMillis};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushedEvent {
    /// To one session.
    Session(Change),
    /// To all sessions of a gateway: none from before goes on.
    Reboot,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed<'a> {
    /// The gateway, by the name its AAA has for it.
    pub nas: &'a str,
    /// What happened.
    pub event: PushedEvent,
    /// Which session, by the name its gateway has for it. Nothing for a reboot.
    pub session: &'a str,
    /// Whose it is. A Stop may leave it out.
    pub number: Option<Msisdn>,
    /// Its IPv4 address.
    pub v4: Option<Prefix>,
    /// Its IPv6 prefix or address.
    pub v6: Option<Prefix>,
    /// A prefix delegated to networks behind it.
    pub delegated: Option<Prefix>,
    /// Its APN.
    pub apn: Option<&'a str>,
    /// When, where the report says so; else when it came.
    pub at: ServerMillis,
    /// Whether the report says when.
    pub stamped: bool,
    /// How long the session has been going on by then, where that is said.
    pub lasted: Option<Duration>,
    /// With this end the subscriber has left altogether.
    pub last_of_subscriber: bool,
}

impl Pushed<'_> {
    /// What it says, when it comes from this client.
    ///
    /// # Errors
    /// [`Unusable`]: nothing.
    pub fn said_by(&self, client: &Client) -> Result<Said, Unusable> {
        if client.must_be_stamped && !self.stamped {
            return Err(Unusable::Unstamped);
        }
        let nas = nas_key(client, self.nas);
        let change = match self.event {
            PushedEvent::Reboot => return Ok(Said::Reboot(Reboot { nas, at: self.at })),
            PushedEvent::Session(change) => change,
        };
        if self.session.is_empty() {
            return Err(Unusable::NoSession);
        }
        let blind = change == Change::Stop && self.apn.is_none() && !client.counts(None);
        if !blind && !client.counts(self.apn) {
            return Err(Unusable::Apn);
        }
        if self.number.is_none() && change != Change::Stop {
            return Err(Unusable::NoNumber);
        }
        let says = self.v4.or(self.v6).or(self.delegated).is_some() && !blind;
        let held = client.hold(self.v4, self.v6, self.delegated);
        let addresses: Option<Addresses> = says.then(|| held.unwrap_or_default());
        let session: SessionKey = session_key(nas, self.session.as_bytes());
        Ok(Said::Session(Box::new(Report {
            nas,
            session,
            change,
            at: self.at,
            stamped: self.stamped,
            lasted: self.lasted,
            number: self.number.filter(|_| !blind),
            imsi: None,
            addresses,
            out_of_pool: says && held.is_err(),
            last_of_subscriber: self.last_of_subscriber,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Kind, Pool};
    use crate::nas::NumberFrom;
    use std::net::Ipv4Addr;
    use tandem_model::Secret;

    fn client() -> Client {
        Client {
            name: "aaa".to_owned(),
            sources: Vec::new(),
            certificates: Vec::new(),
            secret: Secret::new(Vec::new()),
            pools: vec![Pool {
                network: Prefix::network(Ipv4Addr::new(10, 64, 0, 0).into(), 16).unwrap(),
                kind: Kind::BehindNat,
            }],
            apns: vec!["internet".to_owned()],
            number_from: NumberFrom::CallingStationId,
            must_vouch: false,
            must_be_stamped: false,
        }
    }

    fn start() -> Pushed<'static> {
        Pushed {
            nas: "pgw-1",
            event: PushedEvent::Session(Change::Start),
            session: "a",
            number: Msisdn::from_e164("+15551230001").ok(),
            v4: Some(Prefix::v4(Ipv4Addr::new(10, 64, 0, 7))),
            v6: None,
            delegated: None,
            apn: Some("internet"),
            at: ServerMillis(1_800_000_000_000),
            stamped: true,
            lasted: None,
            last_of_subscriber: false,
        }
    }

    fn report(pushed: &Pushed<'_>) -> Report {
        match pushed.said_by(&client()).unwrap() {
            Said::Session(report) => *report,
            Said::Reboot(reboot) => panic!("{reboot:?}"),
        }
    }

    #[test]
    fn a_start_says_who_and_where() {
        let report = report(&start());
        assert_eq!((report.change, report.number), (Change::Start, start().number));
        assert_eq!(report.addresses.unwrap().v4.unwrap().prefix, start().v4.unwrap());
    }

    #[test]
    fn sessions_are_told_apart_by_client_gateway_and_name() {
        let own = report(&start()).session;
        assert_eq!(own, report(&Pushed { event: PushedEvent::Session(Change::Stop), ..start() }).session);
        assert_ne!(own, report(&Pushed { session: "b", ..start() }).session);
        assert_ne!(own, report(&Pushed { nas: "pgw-2", ..start() }).session);
        let other = Client { name: "other".to_owned(), ..client() };
        let Said::Session(others) = start().said_by(&other).unwrap() else { panic!() };
        assert_ne!(own, others.session);
    }

    #[test]
    fn an_address_that_is_not_the_clients_to_give_is_none() {
        let outside = report(&Pushed { v4: Some(Prefix::v4(Ipv4Addr::new(192, 0, 2, 1))), ..start() });
        assert!(outside.out_of_pool && outside.addresses.unwrap().is_empty());
    }

    #[test]
    fn what_lacks_what_it_needs_is_unusable() {
        let unusable = |pushed: Pushed<'_>, client: &Client| pushed.said_by(client).unwrap_err();
        let own = client();
        assert_eq!(unusable(Pushed { session: "", ..start() }, &own), Unusable::NoSession);
        assert_eq!(unusable(Pushed { number: None, ..start() }, &own), Unusable::NoNumber);
        assert_eq!(unusable(Pushed { apn: Some("ims"), ..start() }, &own), Unusable::Apn);
        let strict = Client { must_be_stamped: true, ..client() };
        assert_eq!(unusable(Pushed { stamped: false, ..start() }, &strict), Unusable::Unstamped);
    }

    #[test]
    fn a_stop_without_its_apn_ends_its_session_and_says_nothing_else() {
        let stop = Pushed { event: PushedEvent::Session(Change::Stop), apn: None, ..start() };
        assert_eq!((report(&stop).number, report(&stop).addresses), (None, None));
    }

    #[test]
    fn a_reboot_is_of_the_whole_gateway() {
        let said = Pushed { event: PushedEvent::Reboot, session: "", number: None, ..start() }.said_by(&client());
        assert_eq!(said, Ok(Said::Reboot(Reboot { nas: report(&start()).nas, at: start().at })));
    }
}
