//! Section about lookups by phones.

use super::Config;
use super::resolver::LookupPolicy;
use super::schema::section;
use super::values::{Budget, Span};
use tandem_logic::config as logic;
use tandem_model::Msisdn;

section! {
    /// Lookups by phones over their sessions: where another phone listens for direct data. Who may ask is `resolver.policy`:
    /// under `consent`, whom the other phone's user lets.
    pub struct PhoneLookup {
        /// Numbers of phones that may ask under `resolver.policy = "role"`, such as `["+4915112345601"]`.
        phones: Vec<String> = Vec::new();
        /// A capability is no use after this.
        capability_life: Span = Span::secs(30) => [Span::secs(1), Span::secs(600)];
        /// Capabilities of one phone that wait to be used; one more ends the oldest.
        capabilities_max: u32 = 8 => [1, 256];
        /// Numbers one phone may let learn where it is.
        consents_max: u32 = 1_000 => [1, 100_000];
        /// Questions of one phone about one number.
        per_pair: Budget = Budget::new(200, Span::days(1));
        /// Questions of one phone about anybody.
        per_asker: Budget = Budget::new(2_000, Span::days(1));
        /// Questions open at once.
        open_max: u32 = 65_536 => [16, 1_048_576];
    }
}

impl Config {
    pub(super) fn logic_lookup(&self) -> logic::LookupConfig {
        let own = &self.phone_lookup;
        logic::LookupConfig {
            policy: match self.resolver.policy {
                LookupPolicy::Open => logic::LookupPolicy::Open,
                LookupPolicy::Role => logic::LookupPolicy::Role,
                LookupPolicy::Consent => logic::LookupPolicy::Consent,
            },
            phones: own.phones.iter().filter_map(|number| Msisdn::from_e164(number).ok()).collect(),
            capability_life: own.capability_life.0,
            capabilities_max: super::logic::size(own.capabilities_max),
            consents_max: own.consents_max,
            per_pair: own.per_pair.into(),
            per_asker: own.per_asker.into(),
            open_max: super::logic::size(own.open_max),
        }
    }
}

/// What cannot hold in this section.
pub(super) fn check(config: &Config, refuse: &mut impl FnMut(&str, String)) {
    for (place, number) in config.phone_lookup.phones.iter().enumerate() {
        if Msisdn::from_e164(number).is_err() {
            refuse("phone_lookup.phones", format!("has no number of the form +4915112345601 in place {}", place + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_is_no_number_is_refused_by_its_place() {
        let text = "[phone_lookup]\nphones = [\"+4915112345601\", \"4915112345602x\"]\n";
        let refused = Config::from_toml(text, &|_| None).unwrap_err().to_string();
        assert!(refused.contains("phone_lookup.phones") && refused.contains("place 2"), "{refused}");
    }
}
