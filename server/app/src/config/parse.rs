//! Reads a TOML file into a [`Config`], naming every key it does not know.

use super::Config;
use super::error::ConfigProblem;
use super::schema::{KeyDoc, SectionDoc};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Reads a configuration, without secrets from outside the file: every key that can be read, the default for every other,
/// and a problem for each of those. What is no TOML at all is one problem.
pub fn parse(text: &str) -> (Config, Vec<ConfigProblem>) {
    let mut config = Config::default();
    let problems = match DeTable::parse(text) {
        Ok(table) => read(text, table.into_inner(), &mut config),
        Err(error) => vec![syntax(text, &error)],
    };
    (config, problems)
}

fn syntax(text: &str, error: &toml::de::Error) -> ConfigProblem {
    ConfigProblem::Syntax {
        line: line_of(text, error.span().map_or(text.len(), |span| span.start)),
        why: error.message().to_owned(),
    }
}

/// Sets every known key. Gives a problem for every key that is unknown or has a value it cannot have.
fn read(text: &str, root: DeTable<'_>, config: &mut Config) -> Vec<ConfigProblem> {
    let reference = Config::reference();
    let mut problems = Vec::new();
    for (name, value) in root {
        let line = line_of(text, name.span().start);
        let name: &str = name.get_ref();
        let Some(section) = reference.iter().find(|section| section.name == name) else {
            problems.push(ConfigProblem::UnknownKey {
                key: name.to_owned(),
                line,
                nearest: nearest_section(name, value.get_ref(), &reference),
            });
            continue;
        };
        let DeValue::Table(table) = value.into_inner() else {
            problems.push(ConfigProblem::BadValue {
                key: name.to_owned(),
                line,
                why: format!("is a section: write [{name}] and its keys below"),
            });
            continue;
        };
        for (key, value) in table {
            let full = format!("{name}.{}", key.get_ref());
            let Some(known) = section.keys.iter().find(|known| known.name == key.get_ref().as_ref()) else {
                let line = line_of(text, key.span().start);
                let nearest = nearest_key(section, key.get_ref(), &reference);
                problems.push(ConfigProblem::UnknownKey { key: full, line, nearest });
                continue;
            };
            problems.extend(set(text, config, name, known, value).err());
        }
    }
    problems
}

fn set(
    text: &str,
    config: &mut Config,
    section: &str,
    key: &KeyDoc,
    value: Spanned<DeValue<'_>>,
) -> Result<(), ConfigProblem> {
    let at = value.span();
    config.set(section, key.name, ValueDeserializer::from(value)).map_err(|error| ConfigProblem::BadValue {
        key: format!("{section}.{}", key.name),
        line: line_of(text, at.start),
        why: bad_value(key, text.get(at).unwrap_or_default(), &error),
    })
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

/// Longest value that is shown again.
const SHOWN_MAX: usize = 60;

/// What the value is and what it may be. The parser's words repeat the value, which must not be shown when it is a secret.
fn bad_value(key: &KeyDoc, written: &str, error: &toml::de::Error) -> String {
    if ["password", "authorization"].contains(&key.name) {
        return "must be a string".to_owned();
    }
    if ["nas", "api_keys", "reporters"].contains(&key.name) {
        return "has an entry with a field that is unknown or cannot be read; --print-config names them all".to_owned();
    }
    let written: String = written.lines().next().unwrap_or_default().chars().take(SHOWN_MAX).collect();
    let range = key.range.as_ref().map(|(least, most)| format!(", from {least} to {most}")).unwrap_or_default();
    format!("{written} cannot be used: {}; the default is {}{range}", error.message(), key.default)
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
