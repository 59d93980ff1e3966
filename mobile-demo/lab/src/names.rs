//! Names for numbers: reports speak of alice and bob, of `number-1` where a number is nobody's, and never of a number.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::Msisdn;

/// So few digits are no subscriber's number: emergency, short and service codes are told as they are.
const CODE_DIGITS_MAX: usize = 6;

/// Who has which number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Names {
    by_number: BTreeMap<u64, String>,
    /// Other ways of dialing somebody: as a person writes it, punctuation left out.
    by_spelling: BTreeMap<String, String>,
    strangers: u32,
    /// Who is called by name, with a number or without.
    people: BTreeSet<String>,
}

impl Names {
    /// From names and their numbers.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, Msisdn)>) -> Self {
        let by_number = entries.into_iter().map(|(name, number)| (number.as_u64(), name.to_owned())).collect();
        let people = BTreeMap::<u64, String>::values(&by_number).cloned().collect();
        Self { by_number, people, ..Self::default() }
    }

    /// Somebody is called so who has no number, or none yet.
    pub fn call(&mut self, name: &str) {
        self.people.insert(name.to_owned());
    }

    /// Something to dial is mentioned. From here on it is told by the name of whoever has the number, or by a placeholder of
    /// its own; a code stays what it is.
    pub fn mention(&mut self, dialed: &str, number: Option<Msisdn>) {
        let spelling = compact(dialed);
        if is_code(&spelling) || self.by_spelling.contains_key(&spelling) {
            return;
        }
        let known = number.and_then(|number| self.by_number.get(&number.as_u64()).cloned());
        let name = known.unwrap_or_else(|| {
            self.strangers += 1;
            format!("number-{}", self.strangers)
        });
        if let Some(number) = number {
            self.by_number.insert(number.as_u64(), name.clone());
        }
        self.by_spelling.insert(spelling, name);
    }

    /// The name of a number; `unknown` for numbers outside the scenario.
    #[must_use]
    pub fn of(&self, number: Msisdn) -> &str {
        self.by_number.get(&number.as_u64()).map_or("unknown", String::as_str)
    }

    /// How a name, a code or dialed digits are told: digits of more than a code's length never are.
    #[must_use]
    pub fn told(&self, word: &str) -> String {
        let spelling = compact(word);
        if self.is_name(word) || (is_code(&spelling) && !spelling.is_empty()) {
            return word.to_owned();
        }
        let by_number = || Msisdn::from_e164(&spelling).ok().map(|number| self.of(number));
        let name = self.by_spelling.get(&spelling).map(String::as_str).or_else(by_number);
        name.unwrap_or("unknown").to_owned()
    }

    /// Whether somebody or some number is called so.
    #[must_use]
    pub fn is_name(&self, word: &str) -> bool {
        self.people.contains(word) || self.by_spelling.values().any(|name| name == word)
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

/// What is left of a number without its punctuation.
fn compact(dialed: &str) -> String {
    dialed.chars().filter(|c| c.is_ascii_digit() || "+*#".contains(*c)).collect()
}

fn is_code(spelling: &str) -> bool {
    !spelling.contains('+') && spelling.chars().filter(char::is_ascii_digit).count() <= CODE_DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(e164: &str) -> Msisdn {
        Msisdn::from_e164(e164).unwrap()
    }

    fn names() -> Names {
        Names::new([("alice", number("+4915112345601"))])
    }

    #[test]
    fn a_number_of_somebody_is_told_by_name_however_it_is_written() {
        let mut names = names();
        names.mention("0151 123456-01", Some(number("+4915112345601")));
        assert_eq!(names.told("0151 12345601"), "alice");
        assert_eq!(names.told("+4915112345601"), "alice");
        assert_eq!(names.told("alice"), "alice");
        assert_eq!(names.number("alice"), "+4915112345601");
    }

    #[test]
    fn a_number_of_nobody_is_told_by_one_placeholder_and_one_nobody_mentioned_by_none() {
        let mut names = names();
        names.mention("0800 1234567", Some(number("+498001234567")));
        names.mention("+498001234567", Some(number("+498001234567")));
        names.mention("+4930901820", Some(number("+4930901820")));
        names.call("carol");
        assert_eq!(names.told("carol"), "carol");
        assert_eq!(names.told("08001234567"), "number-1");
        assert_eq!(names.of(number("+498001234567")), "number-1");
        assert_eq!(names.told("+4930901820"), "number-2");
        assert_eq!(names.told("+4930901821"), "unknown");
        assert_eq!(names.told("030901821"), "unknown");
    }

    #[test]
    fn a_code_is_told_as_it_is_and_a_number_behind_a_code_is_not() {
        let mut names = names();
        names.mention("*31#015112345699", None);
        assert_eq!(names.told("1-1-2"), "1-1-2");
        assert_eq!(names.told("*#06#"), "*#06#");
        assert_eq!(names.told("*31#015112345699"), "number-1");
        assert_eq!(names.told("hello"), "unknown");
    }
}
