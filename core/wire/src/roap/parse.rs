//! Reading ROAP objects: liberal in form, strict in meaning.
//!
//! Clients in the field send ids and tie breakers as numbers or strings, write `tiebreaker`, send `"true"` for `true` and
//! `null` for nothing, add keys of their own and put `SDP` and a line feed before the object. All of that is read. What
//! the state machine cannot do without is required.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Roap, RoapError, RoapType};
use crate::limits::{ROAP_ID_MAX, ROAP_MAX};

/// Why a ROAP object is refused. It never holds anything of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RoapFault {
    /// Longer than [`ROAP_MAX`].
    #[error("the object is too large")]
    TooLarge,
    /// Not one JSON object, or a known key with a value of the wrong type.
    #[error("the object is malformed")]
    Malformed,
    /// A message this version does not know.
    #[error("the message type is unknown")]
    UnknownType,
    /// A required key is absent or empty.
    #[error("`{key}` is missing")]
    Missing {
        /// Its name.
        key: &'static str,
    },
    /// A value outside its range.
    #[error("`{key}` is out of range")]
    OutOfRange {
        /// Its name.
        key: &'static str,
    },
}

impl Roap {
    /// Reads one object, liberal in form and strict in meaning. Keys that do not belong to the message are dropped.
    ///
    /// # Errors
    /// [`RoapFault`] names what is wrong.
    pub fn parse(text: &str) -> Result<Roap, RoapFault> {
        if text.len() > ROAP_MAX {
            return Err(RoapFault::TooLarge);
        }
        let object = text.strip_prefix("SDP\n").unwrap_or(text);
        let raw: Raw = serde_json::from_str(object).map_err(|_| RoapFault::Malformed)?;
        raw.check()
    }
}

/// Every known key as it stood, in its loosest type.
#[derive(Default)]
struct Raw {
    message_type: Loose,
    offerer_session_id: Loose,
    answerer_session_id: Loose,
    seq: Loose,
    sdp: Loose,
    tie_breaker: Loose,
    more_coming: Loose,
    error_type: Loose,
}

impl Raw {
    fn check(self) -> Result<Roap, RoapFault> {
        let message_type = match self.message_type.text() {
            None => return Err(RoapFault::Missing { key: "messageType" }),
            Some(name) => type_named(&name).ok_or(RoapFault::UnknownType)?,
        };
        let seq = self.seq.number("seq")?.filter(|seq| *seq > 0).ok_or(RoapFault::Missing { key: "seq" })?;
        let offerer = session_id(self.offerer_session_id, "offererSessionId")?;
        let offerer_session_id = match (offerer, message_type) {
            (Some(id), _) => id,
            // The sender of an ERROR may not have understood the id.
            (None, RoapType::Error) => String::new(),
            (None, RoapType::Offer | RoapType::Answer | RoapType::Ok | RoapType::Shutdown) => {
                return Err(RoapFault::Missing { key: "offererSessionId" });
            }
        };
        let mut roap = Roap {
            message_type,
            offerer_session_id,
            answerer_session_id: session_id(self.answerer_session_id, "answererSessionId")?,
            seq,
            sdp: None,
            tie_breaker: None,
            more_coming: false,
            error_type: None,
        };
        let sdp = self.sdp.text().filter(|sdp| !sdp.is_empty()).ok_or(RoapFault::Missing { key: "sdp" });
        match message_type {
            RoapType::Offer => {
                roap.sdp = Some(sdp?);
                let tie_breaker = self.tie_breaker.number("tieBreaker")?;
                roap.tie_breaker = Some(tie_breaker.ok_or(RoapFault::Missing { key: "tieBreaker" })?);
            }
            RoapType::Answer => {
                roap.sdp = Some(sdp?);
                roap.more_coming = self.more_coming.flag()?;
            }
            RoapType::Error => roap.error_type = Some(self.error_type.text().map_or(RoapError::Failed, error_named)),
            RoapType::Ok | RoapType::Shutdown => {}
        }
        Ok(roap)
    }
}

fn session_id(id: Loose, key: &'static str) -> Result<Option<String>, RoapFault> {
    match id.text().filter(|id| !id.is_empty()) {
        Some(id) if id.len() > ROAP_ID_MAX => Err(RoapFault::OutOfRange { key }),
        id => Ok(id),
    }
}

fn type_named(name: &str) -> Option<RoapType> {
    match name {
        "OFFER" => Some(RoapType::Offer),
        "ANSWER" => Some(RoapType::Answer),
        "OK" => Some(RoapType::Ok),
        "ERROR" => Some(RoapType::Error),
        "SHUTDOWN" => Some(RoapType::Shutdown),
        _ => None,
    }
}

/// FAILED is "anything else" by the draft, so an unknown name is that.
fn error_named(name: String) -> RoapError {
    match name.as_str() {
        "NOMATCH" => RoapError::NoMatch,
        "TIMEOUT" => RoapError::Timeout,
        "REFUSED" => RoapError::Refused,
        "CONFLICT" => RoapError::Conflict,
        "DOUBLECONFLICT" => RoapError::DoubleConflict,
        _ => RoapError::Failed,
    }
}

/// A value in whatever type it came. Lists and objects are no value of any known key and end the parse.
#[derive(Default)]
enum Loose {
    #[default]
    Nothing,
    Text(String),
    Number(u64),
    Flag(bool),
    /// A negative or fractional number, which no key takes.
    Other,
}

impl Loose {
    fn text(self) -> Option<String> {
        match self {
            Loose::Text(text) => Some(text),
            Loose::Number(number) => Some(number.to_string()),
            Loose::Nothing | Loose::Flag(_) | Loose::Other => None,
        }
    }

    fn number(&self, key: &'static str) -> Result<Option<u32>, RoapFault> {
        let out_of_range = RoapFault::OutOfRange { key };
        match self {
            Loose::Nothing => Ok(None),
            Loose::Number(number) => u32::try_from(*number).map(Some).map_err(|_| out_of_range),
            Loose::Text(text) => text.trim().parse().map(Some).map_err(|_| out_of_range),
            Loose::Flag(_) | Loose::Other => Err(out_of_range),
        }
    }

    fn flag(&self) -> Result<bool, RoapFault> {
        match self {
            Loose::Nothing => Ok(false),
            Loose::Flag(flag) => Ok(*flag),
            Loose::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Loose::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Loose::Text(_) | Loose::Number(_) | Loose::Other => Err(RoapFault::OutOfRange { key: "moreComing" }),
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ROAP object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw::default();
        while let Some(key) = map.next_key::<String>()? {
            let place = match key.as_str() {
                "messageType" => &mut raw.message_type,
                "offererSessionId" => &mut raw.offerer_session_id,
                "answererSessionId" => &mut raw.answerer_session_id,
                "seq" => &mut raw.seq,
                "sdp" => &mut raw.sdp,
                "tieBreaker" | "tiebreaker" => &mut raw.tie_breaker,
                "moreComing" => &mut raw.more_coming,
                "errorType" => &mut raw.error_type,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *place = map.next_value()?;
        }
        Ok(raw)
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl Visitor<'_> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, true, false or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Loose, E> {
        Ok(Loose::Text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Loose, E> {
        Ok(Loose::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }
}
