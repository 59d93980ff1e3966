//! The GSM 7-bit default alphabet, one septet in an octet, written down a second time on purpose: a mock that shared the
//! sender's table could not notice a mistake in it.

/// Octet to character where the default alphabet differs from ASCII (3GPP TS 23.038, 6.2.1).
const DIFFERENT: &[(u8, char)] = &[
    (0x00, '@'),
    (0x01, '£'),
    (0x02, '$'),
    (0x03, '¥'),
    (0x04, 'è'),
    (0x05, 'é'),
    (0x06, 'ù'),
    (0x07, 'ì'),
    (0x08, 'ò'),
    (0x09, 'Ç'),
    (0x0B, 'Ø'),
    (0x0C, 'ø'),
    (0x0E, 'Å'),
    (0x0F, 'å'),
    (0x10, 'Δ'),
    (0x11, '_'),
    (0x12, 'Φ'),
    (0x13, 'Γ'),
    (0x14, 'Λ'),
    (0x15, 'Ω'),
    (0x16, 'Π'),
    (0x17, 'Ψ'),
    (0x18, 'Σ'),
    (0x19, 'Θ'),
    (0x1A, 'Ξ'),
    (0x1C, 'Æ'),
    (0x1D, 'æ'),
    (0x1E, 'ß'),
    (0x1F, 'É'),
    (0x24, '¤'),
    (0x40, '¡'),
    (0x5B, 'Ä'),
    (0x5C, 'Ö'),
    (0x5D, 'Ñ'),
    (0x5E, 'Ü'),
    (0x5F, '§'),
    (0x60, '¿'),
    (0x7B, 'ä'),
    (0x7C, 'ö'),
    (0x7D, 'ñ'),
    (0x7E, 'ü'),
    (0x7F, 'à'),
];

/// The octet after the escape, and its character (3GPP TS 23.038, 6.2.1.1).
const ESCAPED: &[(u8, char)] = &[
    (0x0A, '\u{0C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1B;

/// What the octets say; a question mark for what says nothing.
pub(crate) fn decode(octets: &[u8]) -> String {
    let mut text = String::new();
    let mut escaped = false;
    for &octet in octets {
        if octet == ESCAPE {
            escaped = true;
            continue;
        }
        let in_table =
            |table: &[(u8, char)]| table.iter().find(|(code, _)| *code == octet).map(|(_, character)| *character);
        let plain = || in_table(DIFFERENT).or_else(|| octet.is_ascii().then(|| char::from(octet)));
        let character = if escaped { in_table(ESCAPED) } else { plain() };
        text.push(character.unwrap_or('?'));
        escaped = false;
    }
    text
}

/// The octets of a text; a question mark for what the alphabet does not have.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for character in text.chars() {
        let in_table =
            |table: &[(u8, char)]| table.iter().find(|(_, known)| *known == character).map(|(code, _)| *code);
        if let Some(code) = in_table(ESCAPED) {
            octets.extend([ESCAPE, code]);
        } else if let Some(code) = in_table(DIFFERENT) {
            octets.push(code);
        } else {
            let ascii = u8::try_from(character).ok().filter(u8::is_ascii);
            let same = ascii.filter(|code| DIFFERENT.iter().all(|(different, _)| different != code));
            octets.push(same.unwrap_or(b'?'));
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verification_text_reads_back() {
        let text = "Tandem code 12345678. t:ABCDEFGHIJKLMNOPQRSTUVWXYZ\n@example.com #12345678 {}[]~_$";
        assert_eq!(decode(&encode(text)), text);
        assert_eq!(encode("@_["), [0x00, 0x11, ESCAPE, 0x3C]);
    }

    #[test]
    fn what_cannot_be_written_or_read_is_a_question_mark() {
        assert_eq!(encode("好`"), b"??");
        assert_eq!(decode(&[0x80, ESCAPE, 0x61]), "??");
    }
}
