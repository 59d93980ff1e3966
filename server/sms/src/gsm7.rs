//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1), as SMPP carries it: one septet in one
//! octet, unpacked, under `data_coding` 0.

/// The most septets one segment carries without a user data header (3GPP TS 23.040).
pub const SEGMENT_SEPTETS: usize = 160;

/// Announces a character of the extension table.
const ESCAPE: u8 = 0x1B;

/// What stands for a septet with no meaning.
const UNREADABLE: char = '?';

/// The default alphabet, in order of code. Code 0x1B is the escape and stands here as itself.
const DEFAULT_ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1B}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table: each of these is sent as the escape and its code.
const EXTENSION: [(char, u8); 10] = [
    ('\u{0C}', 0x0A),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2F),
    ('[', 0x3C),
    ('~', 0x3D),
    (']', 0x3E),
    ('|', 0x40),
    ('€', 0x65),
];

/// A text has a character the alphabet does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text has characters outside the GSM 7-bit alphabet")]
pub struct NotGsm7;

/// The length of a text in septets; a character of the extension table counts twice.
pub fn septets(text: &str) -> Result<usize, NotGsm7> {
    encode_unpacked(text).map(|octets| octets.len())
}

/// Whether a text is one SMS: GSM-7 characters only, and no more than [`SEGMENT_SEPTETS`].
pub fn fits_one_segment(text: &str) -> bool {
    septets(text).is_ok_and(|count| count <= SEGMENT_SEPTETS)
}

/// The text, one septet in each octet.
pub fn encode_unpacked(text: &str) -> Result<Vec<u8>, NotGsm7> {
    let mut octets = Vec::with_capacity(text.len());
    for character in text.chars() {
        if let Some(code) = code_in_default_alphabet(character) {
            octets.push(code);
        } else {
            let (_, code) = EXTENSION.iter().find(|(extended, _)| *extended == character).ok_or(NotGsm7)?;
            octets.extend([ESCAPE, *code]);
        }
    }
    Ok(octets)
}

/// What octets of one septet each say. Never fails: an octet that has no meaning reads as a question mark, and an
/// unknown extension as its character in the default alphabet, as TS 23.038 asks.
pub fn decode_unpacked(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let mut octets = octets.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != ESCAPE {
            text.push(character_of(octet));
        } else if let Some(extended) = octets.next() {
            let known = EXTENSION.iter().find(|(_, code)| *code == extended).map(|(character, _)| *character);
            text.push(known.unwrap_or_else(|| character_of(extended)));
        }
    }
    text
}

fn code_in_default_alphabet(character: char) -> Option<u8> {
    let code = DEFAULT_ALPHABET.chars().position(|known| known == character)?;
    u8::try_from(code).ok().filter(|code| *code != ESCAPE)
}

fn character_of(octet: u8) -> char {
    DEFAULT_ALPHABET.chars().nth(usize::from(octet)).filter(|character| *character != '\u{1B}').unwrap_or(UNREADABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_alphabet_has_every_code_in_its_place() {
        assert_eq!(DEFAULT_ALPHABET.chars().count(), 128);
        for (character, code) in [
            ('@', 0),
            ('\n', 0x0A),
            ('\r', 0x0D),
            ('_', 0x11),
            (' ', 0x20),
            ('A', 0x41),
            ('§', 0x5F),
            ('a', 0x61),
            ('à', 0x7F),
        ] {
            assert_eq!(encode_unpacked(&character.to_string()).unwrap(), [code], "{character}");
        }
    }

    #[test]
    fn an_extension_character_costs_two_septets() {
        for (character, code) in EXTENSION {
            assert_eq!(encode_unpacked(&character.to_string()).unwrap(), [ESCAPE, code]);
        }
        assert_eq!(septets("a^b").unwrap(), 4);
    }

    #[test]
    fn one_segment_ends_at_160_septets() {
        for (length, fits) in [(159, true), (160, true), (161, false)] {
            assert_eq!(fits_one_segment(&"a".repeat(length)), fits, "{length} septets");
        }
        assert!(fits_one_segment(&"^".repeat(80)));
        assert!(!fits_one_segment(&("^".repeat(80) + "a")));
    }

    #[test]
    fn what_the_alphabet_does_not_have_is_refused() {
        for outside in ["ç", "`", "\u{1B}", "好", "🙂", "\t"] {
            assert_eq!(septets(outside), Err(NotGsm7), "{outside:?}");
            assert!(!fits_one_segment(outside));
        }
    }

    #[test]
    fn octets_without_meaning_do_not_stop_the_reading() {
        assert_eq!(decode_unpacked(&[0xFF, 0x61, ESCAPE]), "?a");
        assert_eq!(decode_unpacked(&[ESCAPE, 0x61]), "a");
    }

    proptest! {
        #[test]
        fn what_is_encoded_reads_back(text in "[ -_a-z{}~|€\\n£ñÜ]{0,200}") {
            prop_assert_eq!(decode_unpacked(&encode_unpacked(&text).unwrap()), text);
        }

        #[test]
        fn no_octets_are_too_strange_to_read(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            decode_unpacked(&octets);
        }
    }
}
