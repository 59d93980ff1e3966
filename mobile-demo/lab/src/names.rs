//! Names for numbers: reports speak of alice and bob and never of a number.

use std::collections::BTreeMap;
use tandem_model::Msisdn;

/// Who has which number.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_number: BTreeMap<u64, String>,
}

impl Names {
    /// From names and their numbers in E.164; what is no number is left out.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let by_number = entries
            .into_iter()
            .filter_map(|(name, number)| {
                Msisdn::from_e164(number).ok().map(|number| (number.as_u64(), name.to_owned()))
            })
            .collect();
        Self { by_number }
    }

    /// The name of a number; `unknown` for numbers outside the scenario.
    #[must_use]
    pub fn of(&self, number: Msisdn) -> &str {
        self.by_number.get(&number.as_u64()).map_or("unknown", String::as_str)
    }

    /// The name of dialed digits, or `unknown`.
    #[must_use]
    pub fn of_digits(&self, digits: &str) -> &str {
        Msisdn::from_e164(digits).map_or("unknown", |number| self.of(number))
    }

    /// A number of that name, in E.164; what is no name stays as it is.
    #[must_use]
    pub fn number(&self, name_or_digits: &str) -> String {
        self.by_number
            .iter()
            .find(|(_, name)| *name == name_or_digits)
            .map_or_else(|| name_or_digits.to_owned(), |(number, _)| format!("+{number}"))
    }
}
