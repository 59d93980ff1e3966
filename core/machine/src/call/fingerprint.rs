//! The DTLS fingerprint of a description: what each side signs, so that no server can put itself in the middle of a call.

use crate::ctx::Ctx;
use tandem_model::vault::signed;
use tandem_model::{CallId, DeviceKey, Msisdn, Signature};

/// Whether a description's fingerprint is signed by this key, for this call, by its sender and for its receiver.
pub(crate) fn is_signed_by(
    key: &DeviceKey,
    signature: Option<Signature>,
    call: CallId,
    from: Msisdn,
    to: Msisdn,
    sdp: &str,
    ctx: &Ctx<'_>,
) -> bool {
    let (Some(signature), Some(fingerprint)) = (signature, of_sdp(sdp)) else { return false };
    ctx.vault.verify(key, &signed::fingerprint(call, from, to, &fingerprint), &signature)
}

/// The one SHA-256 fingerprint of a description as it is signed: `sha-256 AB:CD:…`. `None` when there is none, when lines
/// differ, or when another hash is named: a certificate checked by a weaker hash is not the one that was signed.
pub(crate) fn of_sdp(sdp: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for value in sdp.lines().filter_map(|line| line.trim().strip_prefix("a=fingerprint:")) {
        let one = canonical(value)?;
        if !value.to_ascii_lowercase().starts_with("sha-256 ") || found.as_ref().is_some_and(|found| *found != one) {
            return None;
        }
        found = Some(one);
    }
    found
}

/// A fingerprint as it is signed, from `sha-256 ab:cd:…` or from the octets alone; `None` when it is no SHA-256 one.
pub(crate) fn canonical(fingerprint: &str) -> Option<String> {
    let octets = match fingerprint.trim().split_once(' ') {
        Some((hash, octets)) if hash.eq_ignore_ascii_case("sha-256") => octets.trim(),
        Some(_) => return None,
        None => fingerprint.trim(),
    };
    let pairs: Vec<&str> = octets.split(':').collect();
    let whole = pairs.len() == 32 && pairs.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
    whole.then(|| format!("sha-256 {}", octets.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(pair: &str) -> String {
        [pair; 32].join(":")
    }

    #[test]
    fn every_way_to_write_a_fingerprint_is_signed_as_one() {
        let signed = format!("sha-256 {}", octets("AB"));
        assert_eq!(canonical(&octets("ab")), Some(signed.clone()));
        assert_eq!(canonical(&format!("SHA-256 {}", octets("aB"))), Some(signed.clone()));
        let sdp = format!("v=0\r\na=fingerprint:sha-256 {}\r\nm=audio\r\na=fingerprint:sha-256 {0}\r\n", octets("ab"));
        assert_eq!(of_sdp(&sdp), Some(signed));
    }

    #[test]
    fn none_two_or_weak_ones_are_none() {
        let line = |hash: &str, pair: &str| format!("a=fingerprint:{hash} {}\n", octets(pair));
        assert_eq!(of_sdp("v=0\n"), None);
        assert_eq!(of_sdp(&(line("sha-256", "ab") + &line("sha-256", "cd"))), None);
        assert_eq!(of_sdp(&(line("sha-256", "ab") + "a=fingerprint:sha-1 AB:CD\n")), None);
        assert_eq!(of_sdp(&line("sha-1", "ab")), None);
        assert_eq!(of_sdp(&format!("a=fingerprint:{}\n", octets("ab"))), None);
        assert_eq!(canonical("sha-256 AB:CD"), None);
    }
}
