//! Reading the certificate fingerprint of a session description.

/// The one SHA-256 fingerprint of `sdp`, normalised; see [`Sdp::fingerprint`](crate::Sdp::fingerprint).
pub(crate) fn sha256_of(sdp: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in sdp.lines() {
        let Some(value) = line.trim_end().strip_prefix("a=fingerprint:") else {
            continue;
        };
        let (hash, digest) = value.split_once(' ')?;
        if !hash.eq_ignore_ascii_case("sha-256") {
            continue;
        }
        let digest = normalise(digest.trim())?;
        match &found {
            Some(earlier) if *earlier != digest => return None,
            Some(_) | None => found = Some(digest),
        }
    }
    found
}

/// 32 hex pairs joined by `:`, in upper case; `None` for anything else.
fn normalise(digest: &str) -> Option<String> {
    let pairs: Vec<&str> = digest.split(':').collect();
    let whole =
        pairs.len() == 32 && pairs.iter().all(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()));
    whole.then(|| digest.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(fill: &str) -> String {
        vec![fill; 32].join(":")
    }

    #[test]
    fn reads_the_fingerprint_whatever_its_case_and_line_ending() {
        let sdp = format!("v=0\r\na=fingerprint:SHA-256 {}\r\nm=audio 9\r\n", digest("ab"));
        assert_eq!(sha256_of(&sdp), Some(digest("AB")));
    }

    #[test]
    fn two_equal_lines_are_one_fingerprint_and_two_different_ones_are_none() {
        let same = format!("a=fingerprint:sha-256 {}\na=fingerprint:sha-256 {}\n", digest("0A"), digest("0a"));
        assert_eq!(sha256_of(&same), Some(digest("0A")));
        let differ = format!("a=fingerprint:sha-256 {}\na=fingerprint:sha-256 {}\n", digest("0A"), digest("0B"));
        assert_eq!(sha256_of(&differ), None);
    }

    #[test]
    fn weaker_hashes_short_digests_and_nonsense_are_none() {
        assert_eq!(sha256_of("a=fingerprint:sha-1 AA:BB\n"), None);
        assert_eq!(sha256_of("a=fingerprint:sha-256 AA:BB\n"), None);
        assert_eq!(sha256_of(&format!("a=fingerprint:sha-256 {}\n", digest("G0"))), None);
        assert_eq!(sha256_of("a=fingerprint:sha-256\n"), None);
        assert_eq!(sha256_of(""), None);
    }
}
