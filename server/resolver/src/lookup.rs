//! Who may ask for whose address (DESIGN 1, S2).
//!
//! What is not told for want of a right, and what is not there, are one answer: nobody learns from asking whether a number
//! is attached.

use crate::address::Kind;
use crate::bindings::Binding;
use std::collections::BTreeSet;
use tandem_model::Msisdn;

/// The operator's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Policy {
    /// Any authenticated asker may ask about any number.
    Open,
    /// An asker whose role is allowed to may.
    Role,
    /// The subscriber must have consented. Nobody can say so yet over this interface, so that nobody is told anything.
    #[default]
    Consent,
}

/// Who asks, once it is known that it is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Asker {
    /// Whether its role may resolve.
    pub may_resolve: bool,
    /// First digits of the numbers it may ask about; all, when there is none.
    pub prefixes: Vec<String>,
}

/// Whether this asker may know anything of a number.
#[must_use]
pub fn may_know(policy: Policy, asker: &Asker, withheld: &BTreeSet<Msisdn>, number: Msisdn) -> bool {
    let may = match policy {
        Policy::Open => true,
        Policy::Role => asker.may_resolve,
        Policy::Consent => false,
    };
    let within = asker.prefixes.is_empty() || asker.prefixes.iter().any(|prefix| begins_with(number, prefix));
    may && within && !withheld.contains(&number)
}

/// Whether these are a number's first digits. Numbers never begin with 0, and no text is made of them.
fn begins_with(number: Msisdn, prefix: &str) -> bool {
    let digits = number.as_u64().checked_ilog10().unwrap_or(0).saturating_add(1);
    let behind = u32::try_from(prefix.len()).ok().and_then(|length| digits.checked_sub(length));
    let first = behind.and_then(|behind| number.as_u64().checked_div(10_u64.checked_pow(behind)?));
    first.is_some_and(|first| prefix.parse() == Ok(first)) || prefix.is_empty()
}

/// What this asker is told of what is known.
#[must_use]
pub fn told(
    policy: Policy,
    asker: &Asker,
    withheld: &BTreeSet<Msisdn>,
    number: Msisdn,
    known: Option<Binding>,
) -> Option<Binding> {
    let mut binding = known.filter(|_| may_know(policy, asker, withheld, number))?;
    // An address that is for a relay only is for nobody else.
    let reachable = |kind: Kind| kind != Kind::RelayOnly;
    let addresses = &mut binding.addresses;
    addresses.v4 = addresses.v4.filter(|held| reachable(held.kind));
    addresses.v6 = addresses.v6.filter(|held| reachable(held.kind));
    addresses.delegated = addresses.delegated.filter(|held| reachable(held.kind));
    (!addresses.is_empty()).then_some(binding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Addresses, Held, Prefix};
    use crate::session::Generation;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn number() -> Msisdn {
        Msisdn::from_e164("+4915112345601").unwrap()
    }

    fn binding(kind: Kind) -> Option<Binding> {
        let held = Held { prefix: Prefix::v4(Ipv4Addr::new(203, 0, 113, 7)), kind };
        let addresses = Addresses { v4: Some(held), ..Addresses::default() };
        Some(Binding { addresses, kind, generation: Generation(1), age: Duration::ZERO })
    }

    fn asked(policy: Policy, asker: &Asker, kind: Kind) -> bool {
        told(policy, asker, &BTreeSet::new(), number(), binding(kind)).is_some()
    }

    #[test]
    fn each_policy_tells_whom_it_says() {
        let (plain, role) = (Asker::default(), Asker { may_resolve: true, ..Asker::default() });
        assert!(asked(Policy::Open, &plain, Kind::Public));
        assert!(!asked(Policy::Role, &plain, Kind::Public) && asked(Policy::Role, &role, Kind::Public));
        assert!(!asked(Policy::Consent, &role, Kind::Public), "until a subscriber can say so");
    }

    #[test]
    fn an_asker_is_told_of_its_own_prefixes_only() {
        let own = |prefix: &str| Asker { prefixes: vec![prefix.to_owned()], ..Asker::default() };
        assert!(asked(Policy::Open, &own("4915"), Kind::BehindNat));
        for other in ["4916", "49151123456011", "049", "1"] {
            assert!(!asked(Policy::Open, &own(other), Kind::BehindNat), "{other}");
        }
        for whole in ["4", "4915112345601"] {
            assert!(asked(Policy::Open, &own(whole), Kind::BehindNat), "{whole}");
        }
    }

    #[test]
    fn who_is_reached_through_a_relay_only_or_withheld_never_resolves() {
        assert!(!asked(Policy::Open, &Asker::default(), Kind::RelayOnly));
        let withheld = BTreeSet::from([number()]);
        assert_eq!(told(Policy::Open, &Asker::default(), &withheld, number(), binding(Kind::Public)), None);
    }
}
