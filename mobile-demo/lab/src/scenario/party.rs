//! Who is meant in a scenario: a phone by its name, a number as people write it, or a code to dial.

use super::{Device, Verb};
use crate::names::Names;
use tandem_model::{Country, Msisdn};

/// What may stand in a place where somebody is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// A SIM's number.
    Sim,
    /// A phone or a number.
    Somebody,
    /// A phone or whatever can be dialed, codes among it.
    Dialed,
}

/// A place where somebody is meant.
#[derive(Debug)]
pub(super) struct Party<'a> {
    pub(super) key: &'static str,
    pub(super) meant: Meant,
    pub(super) word: &'a mut String,
}

impl Verb {
    /// Everybody this verb means.
    pub(super) fn parties(&mut self) -> Vec<Party<'_>> {
        let one = |key, meant, word| vec![Party { key, meant, word }];
        match self {
            Verb::Call { to, .. } | Verb::Text { to, .. } => one("to", Meant::Dialed, to),
            Verb::ReadAll { from } => one("from", Meant::Somebody, from),
            Verb::History { with } => one("with", Meant::Somebody, with),
            Verb::Resolve { of } => one("of", Meant::Somebody, of),
            Verb::Smsc { misroute_to: Some(to), .. } => one("misroute_to", Meant::Somebody, to),
            Verb::Sims { numbers } => all("numbers", Meant::Sim, numbers).collect(),
            Verb::Contacts { add, remove } => {
                all("add", Meant::Dialed, add).chain(all("remove", Meant::Dialed, remove)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// This verb as it may be written down: names for numbers, and no word of a person.
    #[must_use]
    pub fn told(&self, names: &Names) -> Verb {
        let mut verb = self.clone();
        for party in verb.parties() {
            *party.word = names.told(party.word);
        }
        match &mut verb {
            Verb::Text { body: words, .. }
            | Verb::EnterCode { code: words, .. }
            | Verb::Register { typed: Some(words), .. } => "<redacted>".clone_into(words),
            _ => {}
        }
        verb
    }
}

fn all<'a>(key: &'static str, meant: Meant, words: &'a mut [String]) -> impl Iterator<Item = Party<'a>> {
    words.iter_mut().map(move |word| Party { key, meant, word })
}

/// Everybody in a scenario.
#[derive(Debug)]
pub(super) struct People {
    phones: Vec<Phone>,
    pub(super) names: Names,
}

#[derive(Debug)]
struct Phone {
    name: String,
    home: Country,
}

impl People {
    /// Reads the devices' numbers and contacts, each in its device's country.
    ///
    /// # Errors
    /// The device, its key and the value that is wrong.
    pub(super) fn meet(devices: &mut [Device]) -> Result<People, String> {
        let mut people = People { phones: Vec::new(), names: Names::default() };
        let mut held = Vec::new();
        for device in devices.iter_mut() {
            let wrong = |what: String| format!("device {}: {what}", device.name);
            let home = home(&device.country).map_err(wrong)?;
            people.phones.push(Phone { name: device.name.clone(), home });
            for number in &mut device.numbers {
                let read = read(number, home).ok_or_else(|| wrong(no_number("numbers", number)))?;
                if held.iter().any(|(_, other)| *other == read) {
                    return Err(wrong(format!("`numbers`: \"{number}\" is in two places")));
                }
                *number = read.e164();
                held.push((device.name.clone(), read));
            }
        }
        people.names = Names::new(held.iter().map(|(name, number)| (name.as_str(), *number)));
        for device in devices {
            people.names.call(&device.name);
            for party in all("contacts", Meant::Dialed, &mut device.contacts) {
                people.settle(Some(&device.name), party).map_err(|what| format!("device {}: {what}", device.name))?;
            }
        }
        Ok(people)
    }

    /// Whether a phone is called so.
    pub(super) fn has_phone(&self, name: &str) -> bool {
        self.phones.iter().any(|phone| phone.name == name)
    }

    /// Makes sure that somebody is meant by a word: numbers become E.164, as read at this device or, where there is none, at
    /// the first.
    ///
    /// # Errors
    /// The key, the value and what it should have been.
    pub(super) fn settle(&mut self, device: Option<&str>, party: Party<'_>) -> Result<(), String> {
        let Party { key, meant, word } = party;
        if meant != Meant::Sim && self.has_phone(word) {
            return Ok(());
        }
        let at = |phone: &&Phone| device.is_none_or(|name| phone.name == name);
        let number = self.phones.iter().find(at).and_then(|phone| read(word, phone.home));
        match (meant, number) {
            (Meant::Sim, None) => return Err(no_number(key, word)),
            (Meant::Somebody, None) => return Err(format!("{}, and no device is called so", no_number(key, word))),
            (Meant::Dialed, None) if !is_code(word) => {
                return Err(format!("`{key}`: \"{word}\" is no device and nothing that can be dialed"));
            }
            (Meant::Dialed, _) => self.names.mention(word, number),
            (Meant::Sim | Meant::Somebody, Some(number)) => {
                self.names.mention(word, Some(number));
                *word = number.e164();
            }
        }
        Ok(())
    }

    /// Makes sure that a word that is to be seen can be: a phone, a number or code the scenario has, or the words for those
    /// it has not.
    ///
    /// # Errors
    /// The key, the value and what it should have been.
    pub(super) fn settle_seen(&mut self, device: Option<&str>, key: &str, word: &mut String) -> Result<(), String> {
        if self.names.is_name(word) || ["unknown", "dialed"].contains(&word.as_str()) {
            return Ok(());
        }
        let told = Party { key: "to", meant: Meant::Dialed, word };
        self.settle(device, told).map_err(|_| format!("`{key}`: \"{word}\" is no device, number or code"))?;
        *word = self.names.told(word);
        Ok(())
    }
}

fn home(country: &str) -> Result<Country, String> {
    let home = Country::parse(country).filter(|country| tandem_model::numbering::mobile_digits(*country).is_some());
    home.ok_or_else(|| format!("`country`: \"{country}\" is no country"))
}

fn read(word: &str, home: Country) -> Option<Msisdn> {
    let is_written = |c: char| c.is_ascii_digit() || "+()-./ ".contains(c);
    word.chars().all(is_written).then(|| Msisdn::parse(word, home).ok()).flatten()
}

/// Emergency, short and service codes, and what is dialed to the network itself.
fn is_code(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_dialed = |c: char| c.is_ascii_digit() || "*#()-./ ".contains(c);
    word.len() <= 64 && digits > 0 && word.chars().all(is_dialed) && (digits <= 6 || word.contains(['*', '#']))
}

fn no_number(key: &str, word: &str) -> String {
    format!("`{key}`: \"{word}\" is no telephone number")
}
