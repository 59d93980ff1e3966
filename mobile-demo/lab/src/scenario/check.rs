//! What a scenario's values may be: what can be read as TOML can still be nothing a phone, a link or a carrier has.

use super::party::People;
use super::{Device, Link, Verb, World};
use serde_json::Value;

/// SIM slots of a phone.
const SLOTS: usize = 2;
/// The fastest link and the longest delay that are no slip of the pen.
const RATE_KBPS_MAX: u64 = 10_000_000;
const DELAY_MS_MAX: u32 = 60_000;
/// Words that stand for somebody in what is seen, and so can be nobody's name.
const RESERVED: [&str; 5] = ["unknown", "dialed", "world", "carrier", "server"];

/// Makes sure that a world is one the server takes.
pub(super) fn world(world: &World) -> Result<(), String> {
    let settings = crate::settings::decisions(world);
    tandem_server::Config::from_toml(&settings, &|_| None).map(|_| ()).map_err(|error| format!("[world]: {error}"))
}

/// Makes sure that devices have names of their own, SIMs for their slots and links that can be.
pub(super) fn devices(devices: &[Device]) -> Result<(), String> {
    for (index, device) in devices.iter().enumerate() {
        let wrong = |what: String| Err(format!("device {}: {what}", device.name));
        let is_word = device.name.starts_with(|c: char| c.is_ascii_alphabetic())
            && device.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !is_word || RESERVED.contains(&device.name.as_str()) || device.name.starts_with("number-") {
            return wrong(format!("`name`: \"{}\" cannot be a name", device.name));
        }
        if devices.iter().take(index).any(|other| other.name == device.name) {
            return wrong("`name`: two devices are called so".to_owned());
        }
        if device.registered && device.numbers.is_empty() {
            return wrong("`registered`: there is no SIM to register".to_owned());
        }
        slots(&device.numbers).or_else(wrong)?;
        link(&device.link).or_else(|what| wrong(format!("`link`: {what}")))?;
    }
    Ok(())
}

/// Makes sure that a verb can be meant: at a device or without one, with values that exist.
pub(super) fn verb(device: Option<&str>, verb: &mut Verb, people: &mut People) -> Result<(), String> {
    let needs_device = !matches!(
        verb,
        Verb::Smsc { .. }
            | Verb::SmsAgain {}
            | Verb::ServerKill {}
            | Verb::ServerStart {}
            | Verb::ServerRestart {}
            | Verb::Pass { .. }
    );
    match (device, needs_device) {
        (None, true) => return Err(format!("`do`: \"{}\" needs a device", verb.word())),
        (Some(device), false) => {
            return Err(format!("`device`: \"{device}\": \"{}\" is done to no device", verb.word()));
        }
        (Some(_), true) | (None, false) => {}
    }
    match verb {
        Verb::Link(new) => link(new)?,
        Verb::Sims { numbers } => slots(numbers)?,
        Verb::Choose { choice } => one_of("choice", choice, &["carrier", "quit", "wait"])?,
        Verb::Standing { choice } => one_of("choice", choice, &["ask", "carrier"])?,
        Verb::CarrierCall { state } => one_of("state", state, &["ringing", "active", "ended"])?,
        Verb::Attach { address: Some(text), .. } if crate::access::address(text).is_none() => {
            return Err(format!("`address`: \"{text}\" is none of the network's, 10.64.0.0/16"));
        }
        Verb::Talk { ms: 0 } => return Err("`ms`: 0 is no time to talk".to_owned()),
        _ => {}
    }
    verb.parties().into_iter().try_for_each(|party| people.settle(device, party))
}

/// Makes sure that a slot is one this phone has at some time.
pub(super) fn line(value: &Value, slots: usize) -> Result<(), String> {
    let is_there = value.as_u64().is_some_and(|line| line < slots as u64);
    if is_there { Ok(()) } else { Err(format!("`line`: {value} is no slot with a SIM: there are {slots}")) }
}

fn slots(numbers: &[String]) -> Result<(), String> {
    if numbers.len() > SLOTS {
        return Err(format!("`numbers`: {} SIMs, and a phone has {SLOTS} slots", numbers.len()));
    }
    Ok(())
}

fn link(link: &Link) -> Result<(), String> {
    for (key, rate) in [("rate_kbps", link.rate_kbps), ("up_kbps", link.up_kbps), ("down_kbps", link.down_kbps)] {
        if let Some(rate) = rate.filter(|rate| !(1..=RATE_KBPS_MAX).contains(rate)) {
            return Err(format!(
                "`{key}`: {rate} is not within 1 and {RATE_KBPS_MAX}; without a rate there is no bound"
            ));
        }
    }
    for (key, delay) in [("delay_ms", link.delay_ms), ("jitter_ms", link.jitter_ms)] {
        if delay > DELAY_MS_MAX {
            return Err(format!("`{key}`: {delay} is more than {DELAY_MS_MAX}"));
        }
    }
    if !(0.0..=1.0).contains(&link.loss) {
        return Err(format!("`loss`: {} is no share between 0 and 1", link.loss));
    }
    Ok(())
}

fn one_of(key: &str, word: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&word) { Ok(()) } else { Err(format!("`{key}`: \"{word}\" is none of {}", words.join(", "))) }
}

#[cfg(test)]
mod tests {
    use crate::scenario::read;

    const TWO: &str = r#"
name = "two"
[[device]]
name = "alice"
numbers = ["+4915100000001"]
contacts = ["bob", "0800 1234567", "112", "*31#0151 00000002"]
[[device]]
name = "bob"
numbers = ["0151 00000002", "+49 151 00000003"]
country = "DE"
link = { rate_kbps = 48, loss = 0.5 }
[[flow]]
name = "first"
steps = [{ device = "alice", do = "register" }]
[[flow]]
name = "second"
steps = [
  { wait_ms = 1 },
  STEP
]
"#;

    fn with(step: &str) -> String {
        TWO.replace("STEP", step)
    }

    /// What is said against a scenario with this instead of that.
    fn error(that: &str, this: &str) -> String {
        let text = with("").replace(that, this);
        assert_ne!(text, with(""), "{that} is there");
        read(&text).unwrap_err().to_string()
    }

    fn step_error(step: &str) -> String {
        read(&with(step)).unwrap_err().to_string()
    }

    #[test]
    fn numbers_are_read_as_their_devices_country_writes_them() {
        let scenario = read(&with(r#"{ device = "alice", do = "history", with = "0151/00000002" }"#)).unwrap();
        assert_eq!(scenario.devices[1].numbers, ["+4915100000002", "+4915100000003"]);
        let with = format!("{:?}", scenario.flows[1].steps[1]);
        assert!(with.contains("+4915100000002"), "{with}");
    }

    #[test]
    fn what_can_be_dialed_may_be_called_and_held() {
        for to in ["bob", "112", "1-1-2", "*#06#", "0800 1234567", "+1 202 555 0123", "22020"] {
            assert!(read(&with(&format!(r#"{{ device = "alice", do = "call", to = "{to}" }}"#))).is_ok(), "{to}");
        }
    }

    #[test]
    fn a_device_with_what_cannot_be_is_refused_with_its_key_and_value() {
        for (that, this, words) in [
            ("+4915100000001", "garbage", ["alice", "`numbers`", "garbage"]),
            ("\"bob\", ", "\"nobody\", ", ["alice", "`contacts`", "nobody"]),
            ("\"bob\", ", "\"+49\", ", ["alice", "`contacts`", "+49"]),
            ("\"bob\", ", "\"12345678901234567890123\", ", ["alice", "`contacts`", "12345678901234567890123"]),
            ("\"DE\"", "\"ZZ\"", ["bob", "`country`", "ZZ"]),
            ("loss = 0.5", "loss = 7.0", ["bob", "`loss`", "7"]),
            ("loss = 0.5", "loss = nan", ["bob", "`loss`", "NaN"]),
            ("rate_kbps = 48", "rate_kbps = 0", ["bob", "`rate_kbps`", "0"]),
            ("\"0151 00000002\"", "\"+4915100000001\"", ["bob", "`numbers`", "two places"]),
            ("name = \"bob\"", "name = \"alice\"", ["alice", "`name`", "two devices"]),
            ("name = \"bob\"", "name = \"number-1\"", ["number-1", "`name`", "cannot"]),
            ("[\"+4915100000001\"]", "[]\nregistered = true", ["alice", "`registered`", "no SIM"]),
        ] {
            let error = error(that, this);
            assert!(words.iter().all(|word| error.contains(word)), "{this}: {error}");
        }
    }

    #[test]
    fn a_step_with_what_cannot_be_is_refused_with_its_flow_place_key_and_value() {
        for (step, key, value) in [
            (r#"{ device = "alice", do = "register", line = 9 }"#, "`line`", "9"),
            (r#"{ device = "alice", do = "register", line = 1 }"#, "`line`", "1"),
            (r#"{ device = "bob", see = "registration", line = 2 }"#, "`line`", "2"),
            (r#"{ do = "smsc", misroute_to = "nobody" }"#, "`misroute_to`", "nobody"),
            (r#"{ device = "alice", do = "sims", numbers = ["abc"] }"#, "`numbers`", "abc"),
            (
                r#"{ device = "alice", do = "sims", numbers = ["+491511", "+491512", "+491513"] }"#,
                "`numbers`",
                "3 SIMs",
            ),
            (r#"{ device = "alice", do = "call", to = "nobody" }"#, "`to`", "nobody"),
            (r#"{ device = "alice", do = "text", to = "+49", body = "x" }"#, "`to`", "+49"),
            (r#"{ device = "alice", do = "contacts", add = ["nobody"] }"#, "`add`", "nobody"),
            (r#"{ device = "alice", do = "read-all", from = "112" }"#, "`from`", "112"),
            (r#"{ device = "alice", do = "history", with = "nobody" }"#, "`with`", "nobody"),
            (r#"{ device = "alice", do = "link", loss = -0.1 }"#, "`loss`", "-0.1"),
            (r#"{ device = "alice", do = "link", up_kbps = 0 }"#, "`up_kbps`", "0"),
            (r#"{ device = "alice", do = "choose", choice = "cariier" }"#, "`choice`", "cariier"),
            (r#"{ device = "alice", do = "standing", choice = "never" }"#, "`choice`", "never"),
            (r#"{ device = "alice", do = "carrier-call", state = "rings" }"#, "`state`", "rings"),
            (r#"{ device = "alicia", do = "accept" }"#, "`device`", "alicia"),
            (r#"{ do = "accept" }"#, "`do`", "accept"),
            (r#"{ device = "alice", do = "server-kill" }"#, "`device`", "alice"),
            (r#"{ device = "alice", see = "mark", peer = "nobody" }"#, "`peer`", "nobody"),
            (r#"{ device = "alice", see = "prompt", quiet_ms = 0 }"#, "`quiet_ms`", "0"),
            (r#"{ device = "alice", see = "prompt", quiet_ms = 5, within_ms = 5 }"#, "`within_ms`", "`quiet_ms`"),
        ] {
            let error = step_error(step);
            let words = ["flow second, step 2", key, value];
            assert!(words.iter().all(|word| error.contains(word)), "{step}: {error}");
        }
    }

    #[test]
    fn a_slot_counts_as_there_when_a_sim_comes_into_it_at_any_time() {
        let swapped = r#"{ device = "alice", do = "sims", numbers = ["+4915100000001", "+4915100000009"] },
            { device = "alice", do = "register", line = 1 }"#;
        assert!(read(&with(swapped)).is_ok());
    }

    #[test]
    fn a_flow_of_nothing_and_a_world_the_server_refuses_are_refused() {
        assert!(error("steps = [{ device = \"alice\", do = \"register\" }]", "steps = []").contains("flow first"));
        assert!(
            error("[[flow]]\nname = \"first\"", "[world]\nring_ms = 0\n[[flow]]\nname = \"first\"").contains("ring")
        );
    }
}
