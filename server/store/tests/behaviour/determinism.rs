//! Same seed, same script, same trace (law 2), and nothing secret in it (law 8).

use crate::rig::{Rig, call, end, id, number, offer, seconds};
use tandem_logic::{Config, Input};
use tandem_model::TerminalState;
use tandem_wire::ClientFrame;
use tandem_wire::frame::CallOver;

fn script(seed: u64) -> Vec<String> {
    let mut rig = Rig::seeded(Config::default(), seed);
    let (a, b) = rig.friends();
    for counter in 1..=20 {
        rig.text(a, b, counter);
        if counter % 4 == 0 {
            rig.taken(b, a, &[counter, counter - 1]);
        }
    }
    rig.measure(b, 90_000);
    rig.gate(a, call(1), 2);
    rig.pass(seconds(2));
    rig.say(a, b, call(1), offer());
    rig.say(b, a, call(1), end(CallOver::Refused));
    let ticket = rig.ticket();
    let end = TerminalState::Cancelled;
    rig.send(a.conn, ClientFrame::TextSwap { ticket, id: id(2), to: number(2), end });
    let b = rig.reconnect(b);
    rig.pass(seconds(200));
    rig.handle(Input::SendQueueFull { conn: b.conn });
    rig.handle(Input::Shutdown);
    assert!(rig.stopped);
    rig.trace
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte_and_another_seed_another_one() {
    let first = script(1);
    assert!(first.len() > 200, "{}", first.len());
    assert_eq!(first, script(1));
    // The trace redacts nonces, so a seed shows where it draws waits.
    assert_ne!(first, script(2));
}

#[test]
fn no_effect_prints_a_number_a_token_or_a_code() {
    let mut rig = Rig::seeded(Config::default(), 1);
    rig.friends();
    let code = rig.sms[0].code.expose().clone();
    for line in &rig.trace {
        assert!(!line.contains("4915100000"), "{line}");
        assert!(!line.contains(&code), "{line}");
    }
}
