//! How numbers and ids cross: as the plain values every language has.

use crate::errors::TandemError;
use tandem_model::{CallId, Line, Msisdn, PromptId, TextBody, Ticket, WallMillis};

uniffi::custom_type!(Msisdn, String, {
    remote,
    lower: |number| number.e164(),
    try_lift: |raw| Msisdn::from_e164(&raw).map_err(|_| TandemError::BadNumber.into()),
});

uniffi::custom_type!(CallId, String, {
    remote,
    lower: |call| hex(call),
    try_lift: |raw| unhex(&raw).ok_or_else(|| TandemError::Stale.into()),
});

uniffi::custom_type!(Line, u8, {
    remote,
    lower: |line| line.0,
    try_lift: |line| Ok(Line(line)),
});

uniffi::custom_type!(PromptId, u64, {
    remote,
    lower: |prompt| prompt.0,
    try_lift: |prompt| Ok(PromptId(prompt)),
});

uniffi::custom_type!(Ticket, u64, {
    remote,
    lower: |ticket| ticket.0,
    try_lift: |ticket| Ok(Ticket(ticket)),
});

uniffi::custom_type!(WallMillis, i64, {
    remote,
    lower: |at| at.0,
    try_lift: |at| Ok(WallMillis(at)),
});

uniffi::custom_type!(TextBody, String, {
    remote,
    lower: |body| body.as_str().to_owned(),
    try_lift: |raw| TextBody::new(raw).ok_or_else(|| TandemError::BadBody.into()),
});

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn hex(call: CallId) -> String {
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from);
    call.0.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

fn unhex(raw: &str) -> Option<CallId> {
    let nibble = |octet: &u8| DIGITS.iter().position(|digit| digit == octet);
    let octets = raw.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(nibble(high)? * 16 + nibble(low)?).ok(),
        _ => None,
    });
    let octets: Vec<u8> = octets.collect::<Option<_>>()?;
    octets.try_into().ok().map(CallId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_is_thirty_two_hex_digits_and_anything_else_is_a_call_that_is_not_there() {
        let call = CallId([0, 1, 0x7f, 0x80, 0xff, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(hex(call), "00017f80ff05060708090a0b0c0d0e0f");
        assert_eq!(unhex(&hex(call)), Some(call));
        for wrong in ["", "0", "00017F80ff05060708090a0b0c0d0e0f", "00017f80ff05060708090a0b0c0d0e0", "zz", "é"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
        assert_eq!(unhex(&"00".repeat(17)), None);
    }
}
