//! One source for a configuration key: its name, its type, its default, its range and what it means.
//!
//! [`section!`] makes the struct, its defaults, its range checks and its documentation from one declaration, so that
//! `--print-config`, the reference in `docs/operator.md` and the parser cannot disagree.

use super::error::ConfigProblem;
use std::fmt;

/// What is known of one key.
#[derive(Clone, Debug)]
pub struct KeyDoc {
    /// Its name within the section.
    pub name: &'static str,
    /// What it means, a line each.
    pub doc: Vec<&'static str>,
    /// Its default as TOML.
    pub default: toml::Value,
    /// Its least and greatest value.
    pub range: Option<(String, String)>,
}

/// What is known of one section.
#[derive(Clone, Debug)]
pub struct SectionDoc {
    /// Its name, as in `[name]`.
    pub name: &'static str,
    /// What it is about, a line each.
    pub doc: Vec<&'static str>,
    /// Its keys in order.
    pub keys: Vec<KeyDoc>,
}

/// A section made by [`section!`].
pub trait Section {
    /// Its documentation.
    fn doc(name: &'static str) -> SectionDoc;

    /// Sets one key. A key that is none changes nothing.
    ///
    /// # Errors
    /// What the value is instead of what it must be.
    fn set(&mut self, key: &str, value: toml::de::ValueDeserializer<'_>) -> Result<(), toml::de::Error>;

    /// Adds a problem for every value out of its range.
    fn check_ranges(&self, section: &str, problems: &mut Vec<ConfigProblem>);
}

/// Adds a problem when a value lies out of its range.
pub fn check_range<T: PartialOrd + fmt::Display>(
    section: &str,
    key: &str,
    value: &T,
    least: &T,
    most: &T,
    problems: &mut Vec<ConfigProblem>,
) {
    if value < least || value > most {
        problems.push(ConfigProblem::OutOfRange {
            key: format!("{section}.{key}"),
            value: value.to_string(),
            least: least.to_string(),
            most: most.to_string(),
        });
    }
}

/// The default of a key as TOML. A type that has no TOML form is a defect of this file, and shows as such.
pub fn toml_of<T: serde::Serialize>(value: &T) -> toml::Value {
    toml::Value::try_from(value).unwrap_or_else(|_| toml::Value::String("(no TOML form)".to_owned()))
}

/// Declares a section: `key: Type = default => [least, most];`, the range optional.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident : $type:ty = $default:expr $(=> [$least:expr, $most:expr])? ;
            )*
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $key: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $key: $default, )* }
            }
        }

        impl $crate::config::schema::Section for $name {
            fn doc(name: &'static str) -> $crate::config::schema::SectionDoc {
                let standard = Self::default();
                $crate::config::schema::SectionDoc {
                    name,
                    doc: vec![$($about.trim()),+],
                    keys: vec![$(
                        $crate::config::schema::KeyDoc {
                            name: stringify!($key),
                            doc: vec![$($doc.trim()),+],
                            default: $crate::config::schema::toml_of(&standard.$key),
                            range: $crate::config::schema::first_range([
                                $({
                                    let (least, most): ($type, $type) = ($least, $most);
                                    (least.to_string(), most.to_string())
                                })?
                            ]),
                        },
                    )*],
                }
            }

            fn set(
                &mut self,
                key: &str,
                value: toml::de::ValueDeserializer<'_>,
            ) -> Result<(), toml::de::Error> {
                match key {
                    $( stringify!($key) => self.$key = serde::Deserialize::deserialize(value)?, )*
                    _ => {}
                }
                Ok(())
            }

            fn check_ranges(
                &self,
                section: &str,
                problems: &mut Vec<$crate::config::error::ConfigProblem>,
            ) {
                let _ = (section, &problems);
                $($(
                    $crate::config::schema::check_range(
                        section, stringify!($key), &self.$key, &$least, &$most, problems,
                    );
                )?)*
            }
        }
    };
}
pub(crate) use section;

/// The one range of a key that has one.
pub fn first_range<const N: usize>(ranges: [(String, String); N]) -> Option<(String, String)> {
    ranges.into_iter().next()
}

/// Declares the whole configuration: `section_name: Section;`.
macro_rules! sections {
    (
        $(#[$about:meta])+
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $section:ident : $type:ty; )*
        }
    ) => {
        $(#[$about])+
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $section: $type, )*
        }

        impl $name {
            /// Every section with every key.
            #[must_use]
            pub fn reference() -> Vec<$crate::config::schema::SectionDoc> {
                vec![$(
                    <$type as $crate::config::schema::Section>::doc(stringify!($section)),
                )*]
            }

            /// Sets one key of a section.
            fn set(
                &mut self,
                section: &str,
                key: &str,
                value: toml::de::ValueDeserializer<'_>,
            ) -> Result<(), toml::de::Error> {
                match section {
                    $( stringify!($section) => $crate::config::schema::Section::set(&mut self.$section, key, value), )*
                    _ => Ok(()),
                }
            }

            fn check_ranges(&self, problems: &mut Vec<$crate::config::error::ConfigProblem>) {
                $(
                    $crate::config::schema::Section::check_ranges(
                        &self.$section, stringify!($section), problems,
                    );
                )*
            }
        }
    };
}
pub(crate) use sections;

/// The default configuration as a TOML file with every key and its comment: what `--print-config` prints.
#[must_use]
pub fn commented_defaults(sections: &[SectionDoc]) -> String {
    let mut out =
        String::from("# Configuration of tandem-server. Every key is optional; what stands here is its default.\n");
    for section in sections {
        out.push('\n');
        for line in &section.doc {
            out.push_str(&format!("# {line}\n"));
        }
        out.push_str(&format!("[{}]\n", section.name));
        for key in &section.keys {
            for line in &key.doc {
                out.push_str(&format!("# {line}\n"));
            }
            if let Some((least, most)) = &key.range {
                out.push_str(&format!("# From {least} to {most}.\n"));
            }
            out.push_str(&format!("{} = {}\n", key.name, key.default));
        }
    }
    out
}

/// The reference as Markdown tables, for `docs/operator.md`.
#[must_use]
pub fn markdown_reference(sections: &[SectionDoc]) -> String {
    let mut out = String::new();
    for section in sections {
        out.push_str(&format!("### `[{}]`\n\n{}\n\n", section.name, section.doc.join(" ")));
        out.push_str("| key | default | range | meaning |\n|---|---|---|---|\n");
        for key in &section.keys {
            let range = key.range.as_ref().map_or_else(String::new, |(least, most)| format!("{least} to {most}"));
            let doc = key.doc.join(" ").replace('|', "\\|");
            let default = key.default.to_string().replace('|', "\\|");
            out.push_str(&format!("| `{}` | `{default}` | {range} | {doc} |\n", key.name));
        }
        out.push('\n');
    }
    out
}
