//! Reads a TOML file into a [`Config`], naming every key it does not know.

use super::Config;
use super::error::{ConfigError, ConfigProblem};
use super::schema::SectionDoc;
use serde::Deserialize;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A key found in the file: its full name and where its value stands.
struct Found {
    key: String,
    value_at: Range<usize>,
}

/// Reads and checks a configuration, without secrets from outside the file.
///
/// # Errors
/// Every problem found, each with the key's name.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| ConfigError(vec![syntax(text, &error)]))?;
    let reference = Config::reference();
    let (found, unknown) = survey(text, table.get_ref(), &reference);
    if !unknown.is_empty() {
        return Err(ConfigError(unknown));
    }
    let read = toml::de::Deserializer::parse(text)
        .map_err(|error| ConfigError(vec![syntax(text, &error)]))
        .map(Config::deserialize)?;
    read.map_err(|error| ConfigError(vec![bad_value(text, &found, &error)]))
}

fn syntax(text: &str, error: &toml::de::Error) -> ConfigProblem {
    ConfigProblem::Syntax {
        line: line_of(text, error.span().map_or(text.len(), |span| span.start)),
        why: error.message().to_owned(),
    }
}

/// Every known key with its place, and a problem for every other.
fn survey(text: &str, root: &DeTable<'_>, reference: &[SectionDoc]) -> (Vec<Found>, Vec<ConfigProblem>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for (name, value) in root {
        let line = line_of(text, name.span().start);
        let name: &str = name.get_ref();
        let Some(section) = reference.iter().find(|section| section.name == name) else {
            unknown.push(ConfigProblem::UnknownKey {
                key: name.to_owned(),
                line,
                nearest: nearest_section(name, value.get_ref(), reference),
            });
            continue;
        };
        let Some(table) = value.get_ref().as_table() else {
            unknown.push(ConfigProblem::BadValue {
                key: name.to_owned(),
                line,
                why: format!("is a section: write [{name}] and its keys below"),
            });
            continue;
        };
        for (key, value) in table {
            let full = format!("{name}.{}", key.get_ref());
            if section.keys.iter().any(|known| known.name == key.get_ref().as_ref()) {
                found.push(Found { key: full, value_at: value.span() });
            } else {
                let line = line_of(text, key.span().start);
                let nearest = nearest_key(section, key.get_ref(), reference);
                unknown.push(ConfigProblem::UnknownKey { key: full, line, nearest });
            }
        }
    }
    (found, unknown)
}

/// The section meant by a misspelled one, or the full name of a key that was written outside its section.
fn nearest_section(name: &str, value: &DeValue<'_>, reference: &[SectionDoc]) -> Option<String> {
    let sections = reference.iter().map(|section| section.name.to_owned());
    if value.is_table() {
        return nearest(name, sections);
    }
    let keys = reference
        .iter()
        .flat_map(|section| section.keys.iter().map(move |key| (section.name, key.name)))
        .find(|(_, key)| *key == name)
        .map(|(section, key)| format!("{section}.{key}"));
    keys.or_else(|| nearest(name, sections))
}

/// The key of this section that was meant, else the same key in another section.
fn nearest_key(section: &SectionDoc, key: &str, reference: &[SectionDoc]) -> Option<String> {
    let own = section.keys.iter().map(|known| known.name.to_owned());
    let elsewhere = || {
        reference
            .iter()
            .find(|other| other.keys.iter().any(|known| known.name == key))
            .map(|other| format!("{}.{key}", other.name))
    };
    nearest(key, own).map(|known| format!("{}.{known}", section.name)).or_else(elsewhere)
}

/// How alike two names must be for one to be offered for the other; 1 is equal.
const ALIKE: f64 = 0.75;

fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, &candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn bad_value(text: &str, found: &[Found], error: &toml::de::Error) -> ConfigProblem {
    let at = error.span().map_or(0, |span| span.start);
    let key = found
        .iter()
        .find(|found| found.value_at.contains(&at))
        .map_or_else(|| "the file".to_owned(), |found| found.key.clone());
    // The parser's words repeat the value, which must not be shown when it is a secret.
    let secret = ["password", "authorization"].iter().any(|word| key.contains(word));
    let why = if secret { "must be a string".to_owned() } else { error.message().to_owned() };
    ConfigProblem::BadValue { key, line: line_of(text, at), why }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
