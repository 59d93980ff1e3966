//! A mock phone in a process of its own: the real engine, its ports joined to the lab by lines.

use super::audio;
use super::lines::{FromPhone, PhoneSpec, ToPhone};
use super::phone_ports::{FileKeys, LinkConnector, Modem, forward, say};
use crate::link::link_model;
use crate::names::Names;
use crate::person::Person;
use crate::scenario::{Fault, Link, Moment, Verb};
use crate::seen::{history_unavailable, mine, not_taken, object, refused, seen, theirs, written};
use serde_json::json;
use std::io::BufRead;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tandem_engine::faults::{FaultAt, Faults, Step, StoreFault};
use tandem_engine::{Engine, EngineConfig, Ports, ThreadText};
use tandem_machine::effect::Reply;
use tandem_machine::input::{HostInput, NetworkSnapshot};
use tandem_media::RtcMedia;
use tandem_model::{Country, Imsi, Line, Msisdn, Secret, SimSlot};
use tandem_shaper::LinkControl;

struct Phone {
    spec: PhoneSpec,
    names: Names,
    engine: Engine,
    link: LinkControl,
    state: Mutex<State>,
}

/// The person, and what the phone's own OS counts.
#[derive(Default)]
struct State {
    person: Person,
    path: u64,
}

/// Runs a phone until its standard input closes.
///
/// # Errors
/// When it cannot start.
pub fn run(spec: PhoneSpec) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let phone = Arc::new(runtime.block_on(start(spec))?);
    runtime.spawn(show(phone.clone()));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(order) => take(&runtime, &phone, order),
            Err(error) => return Err(format!("an order could not be read: {error}")),
        }
    }
    runtime.block_on(phone.engine.shutdown(Duration::from_secs(3)));
    Ok(())
}

async fn start(spec: PhoneSpec) -> Result<Phone, String> {
    std::fs::create_dir_all(&spec.folder).map_err(|e| e.to_string())?;
    let link = LinkControl::new(spec.seed, link_model(&spec.link));
    let server = spec.server.parse().map_err(|_| "the server's address cannot be read")?;
    let forwarded = forward(link.clone(), server).await.map_err(|e| e.to_string())?;
    let mut config = EngineConfig::new(format!("ws://{}", spec.server), spec.folder.join("phone.sqlite"));
    config.register_url = Some(format!("http://{forwarded}/v1/register"));
    config.media.bind = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    config.faults = spec.fault.map_or_else(Faults::default, |fault| faults(fault, Moment::Dial));
    let ports = Ports {
        sms: Some(Arc::new(Modem)),
        telephony: Some(Arc::new(Modem)),
        keys: Some(Arc::new(FileKeys { folder: spec.folder.clone() })),
        ..Ports::default()
    };
    let media = RtcMedia::new().with_gate(link.gate());
    let engine = Engine::start(config, ports, Arc::new(media), Arc::new(LinkConnector(link.clone())))
        .map_err(|e| e.to_string())?;
    let names = spec.names.clone();
    let phone = Phone { names, engine, link, state: Mutex::default(), spec };
    phone.tell(HostInput::Sims(phone.sims(&phone.spec.numbers)));
    phone.tell(HostInput::EmergencyNumbers(vec!["112".to_owned(), "110".to_owned()]));
    phone.tell(HostInput::Contacts { replace: true, added: phone.secrets(&phone.spec.contacts), removed: Vec::new() });
    phone.tell_network(&phone.spec.link);
    Ok(phone)
}

/// Shows what the core tells the app.
async fn show(phone: Arc<Phone>) {
    while let Some(event) = phone.engine.next_event().await {
        phone.state().person.sees(&event);
        for seen in seen(&event, &phone.names) {
            say(&FromPhone::Seen(seen));
        }
    }
    say(&FromPhone::Seen(object(json!({"see": "core-ended"}))));
}

fn take(runtime: &tokio::runtime::Runtime, phone: &Arc<Phone>, order: ToPhone) {
    match order {
        ToPhone::Do { number, verb } => {
            let error = act(runtime, phone, verb).err();
            say(&FromPhone::Done { number, error });
        }
        ToPhone::Carrier(word) => phone.tell(word.input()),
    }
}

fn act(runtime: &tokio::runtime::Runtime, phone: &Arc<Phone>, verb: Verb) -> Result<(), String> {
    let command = match verb {
        Verb::Link(link) => {
            phone.link.set(link_model(&link));
            phone.tell_network(&link);
            return Ok(());
        }
        Verb::Break { fault, at } => {
            phone.engine.inject(faults(fault, at));
            return Ok(());
        }
        Verb::PathChange {} => {
            phone.link.change_address();
            phone.tell_network(&Link::default());
            return Ok(());
        }
        Verb::Contacts { add, remove } => {
            let (added, removed) = (phone.secrets(&add), phone.secrets(&remove));
            phone.tell(HostInput::Contacts { replace: false, added, removed });
            return Ok(());
        }
        Verb::Sims { numbers } => {
            phone.tell(HostInput::Sims(phone.sims(&numbers)));
            return Ok(());
        }
        Verb::History { with } => {
            let phone = phone.clone();
            runtime.spawn(async move { show_history(&phone, &with).await });
            return Ok(());
        }
        Verb::Talk { ms } => return talk(phone, Duration::from_millis(ms)),
        other => phone.state().person.command(other, &phone.names)?,
    };
    let phone = phone.clone();
    runtime.spawn(async move {
        match phone.engine.command(command).await {
            Ok(Reply::Text(id)) => {
                phone.state().person.wrote(id);
                say(&FromPhone::Seen(written(id)));
            }
            Ok(Reply::Done | Reply::Call(_) | Reply::CarrierDialed | Reply::File(_) | Reply::Asking(_)) => {}
            Err(error) => say(&FromPhone::Seen(refused(error))),
        }
    });
    Ok(())
}

/// Shows a whole conversation, oldest first, as the database holds it.
async fn show_history(phone: &Phone, with: &str) {
    let mut bodies: Vec<serde_json::Value> = Vec::new();
    let mut before = None;
    let Ok(peer) = Msisdn::from_e164(&phone.names.number(with)) else { return };
    loop {
        let page = match phone.engine.thread(peer, before, 200).await {
            Ok(page) => page,
            Err(error) => return say(&FromPhone::Seen(history_unavailable(error))),
        };
        let Some(last) = page.last() else { break };
        before = Some(last.position);
        bodies.extend(page.iter().map(|item| match &item.text {
            ThreadText::Written(row) => mine(row),
            ThreadText::Received(row) => theirs(row),
        }));
    }
    bodies.reverse();
    say(&FromPhone::Seen(object(json!({"see": "history", "with": phone.names.told(with), "texts": bodies}))));
}

/// Talks in a thread of its own, as a sound device does, and then says what was heard.
fn talk(phone: &Arc<Phone>, time: Duration) -> Result<(), String> {
    let call = phone.state().person.call()?;
    let port = phone.engine.call_audio(call).ok_or("the call has no sound")?;
    let said = audio::read_speech(&phone.spec.speech)?;
    let expected = audio::read_speech(&phone.spec.expected_speech)?;
    let heard_path = phone.spec.heard.clone();
    std::thread::spawn(move || {
        let heard = audio::talk(&port, &said, time);
        let similarity = (audio::similarity(&expected, &heard) * 1000.0).round() / 1000.0;
        let kept = audio::write(&heard_path, &heard).is_ok();
        let seconds = (heard.len() as f64 / 4_800.0).round() / 10.0;
        say(&FromPhone::Seen(object(json!({
            "see": "heard", "seconds": seconds, "similarity": similarity, "kept": kept,
        }))));
    });
    Ok(())
}

impl Phone {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, input: HostInput) {
        if let Err(error) = self.engine.notify(input) {
            say(&FromPhone::Seen(not_taken(error)));
        }
    }

    fn tell_network(&self, link: &Link) {
        let path = {
            let mut state = self.state();
            state.path += 1;
            state.path
        };
        self.tell(HostInput::Network(NetworkSnapshot { path, connected: !link.down, wifi: false, hint_bps: None }));
    }

    fn secrets(&self, names: &[String]) -> Vec<Secret<String>> {
        names.iter().map(|name| Secret::new(self.names.number(name))).collect()
    }

    fn sims(&self, numbers: &[String]) -> Vec<SimSlot> {
        let slots = numbers.iter().enumerate().filter_map(|(slot, number)| {
            Some(SimSlot {
                line: Line(u8::try_from(slot).ok()?),
                number: self.spec.sim_tells_number.then(|| Msisdn::from_e164(number).ok()).flatten(),
                imsi: Imsi::parse(&format!("26201{:010}", Msisdn::from_e164(number).ok()?.as_u64() % 10_000_000_000)),
                country: Country::parse(&self.spec.country)?,
            })
        });
        slots.collect()
    }
}

fn faults(fault: Fault, at: Moment) -> Faults {
    let at = FaultAt::next(match at {
        Moment::Dial => Step::Dial,
        Moment::Answer => Step::Answer,
        Moment::Text => Step::SendText,
        Moment::Frame => Step::Frame,
        Moment::Media => Step::Media,
        Moment::Timer => Step::Timer,
    });
    let mut faults = Faults::default();
    match fault {
        Fault::Panic => faults.panic_at = Some(at),
        Fault::Hang => faults.hang_at = Some(at),
        Fault::LateDecision => faults.late_at = Some((at, Duration::from_millis(1_500))),
        Fault::BrokenStore => faults.store = Some(StoreFault::Broken),
    }
    faults
}
