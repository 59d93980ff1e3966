//! Verbs in virtual time: what is done to a phone, to the carrier and to the server.

use super::handset::secrets;
use super::stage::VirtualStage;
use super::talk::Talk;
use crate::names::Names;
use crate::scenario::Verb;
use crate::seen::{Seen, mine, object, theirs};
use crate::stage::StageError;
use serde_json::{Value, json};
use tandem_machine::input::HostInput;
use tandem_model::Msisdn;
use tandem_sim::world::World;
use tandem_store::MemoryText;

/// How long an orderly end of the server may take, and what is queued needs to leave, in milliseconds.
const STOP_MS: u64 = 10_000;
const FAREWELL_MS: u64 = 100;

impl VirtualStage {
    /// What is done to the carrier or the server.
    pub(super) fn act_on_world(&mut self, verb: &Verb) -> Result<(), StageError> {
        match verb {
            Verb::Smsc { misroute_to, .. } => {
                self.switch.misroute(misroute_to.clone());
                self.smsc.turn(verb);
            }
            Verb::SmsAgain {} => {
                let doings = self.switch.sms_again();
                self.carry_out(doings.ok_or_else(|| StageError::NotNow("no SMS was sent yet".to_owned()))?);
            }
            Verb::ServerKill {} => self.world.kill_server(),
            Verb::ServerStart {} => self.world.start_server(),
            Verb::ServerRestart {} => {
                self.stop_server();
                self.world.start_server();
            }
            Verb::Pass { ms } => self.pass(*ms),
            other => return Err(StageError::NotNow(format!("\"{}\" needs a device", other.word()))),
        }
        Ok(())
    }

    /// What is done to a phone, or at the carrier for it.
    pub(super) fn act_on(&mut self, name: &str, verb: &Verb) -> Result<(), StageError> {
        let place = self.place(name)?;
        match verb {
            Verb::Kill {} => {
                self.talks.retain(|talk| talk.phone != place);
                self.world.kill_phone(place);
            }
            Verb::Start {} => {
                let (handset, names, world) = self.handset(place)?;
                handset.start(names, world);
            }
            Verb::CarrierCall { state } => {
                let doings = self.switch.carrier_call(name, state);
                if let Some(off) = self.carry_out(doings) {
                    return Err(not_running(&off));
                }
            }
            Verb::CarrierFails { on } => self.switch.refuse(name, *on),
            Verb::Attach { line, address } => {
                let address = address.as_deref().and_then(crate::access::address);
                let number = self.number(place, *line)?;
                let (access, _, now) = self.access()?;
                access.attach(number, address, now).map_err(|why| StageError::NotNow(format!("{name}: {why}")))?;
            }
            Verb::Detach { line } => {
                let number = self.number(place, *line)?;
                let (access, _, now) = self.access()?;
                access.detach(number, now).map_err(|why| StageError::NotNow(format!("{name}: {why}")))?;
            }
            Verb::Resolve { of } => {
                let (access, names, now) = self.access()?;
                let number = Msisdn::from_e164(&names.number(of)).map_err(|e| StageError::NotNow(e.to_string()))?;
                let seen = access.resolve(&names.told(of), number, now);
                self.see(name.to_owned(), seen);
            }
            other => {
                if let Verb::Sims { numbers } = other {
                    self.switch.sims(name, numbers);
                }
                return self.act_on_phone(place, other);
            }
        }
        Ok(())
    }

    /// What a phone that is on is made to do.
    fn act_on_phone(&mut self, place: usize, verb: &Verb) -> Result<(), StageError> {
        let name = self.name(place);
        let not_now = |why: String| StageError::NotNow(format!("{name}: {why}"));
        if self.world.phones.get(place).is_none_or(|phone| phone.device.is_none()) {
            return Err(not_running(&name));
        }
        let (handset, names, world) = self.handset(place)?;
        match verb {
            Verb::Link(link) => handset.change_link(*link, world),
            Verb::PathChange {} => handset.change_path(world),
            Verb::Contacts { add, remove } => {
                let (added, removed) = (secrets(names, add), secrets(names, remove));
                world.host(place, HostInput::Contacts { replace: false, added, removed });
            }
            Verb::Sims { numbers } => handset.change_sims(numbers, world).map_err(not_now)?,
            Verb::History { with } => {
                let shown = history(world, place, names, with);
                self.see(name, shown);
            }
            Verb::Talk { ms } => {
                let call = handset.person.call().map_err(not_now)?;
                if !world.media.is_open(call, place) {
                    return Err(not_now("the call has no sound".to_owned()));
                }
                let now = world.now;
                self.talks.push(Talk::new(place, call, now, now + ms));
            }
            other => {
                let command = handset.person.command(other.clone(), names).map_err(not_now)?;
                world.ask(place, command);
            }
        }
        Ok(())
    }

    /// An orderly end: what was asked is kept and answered, and everybody is told goodbye.
    fn stop_server(&mut self) {
        self.server_stopped = !self.world.server.is_up();
        self.world.ask_server_to_stop();
        let until = self.world.now + STOP_MS;
        self.settle();
        while !self.server_stopped && self.world.now < until {
            self.advance(until);
            self.settle();
        }
        self.pass(FAREWELL_MS);
        self.world.kill_server();
    }
}

fn not_running(name: &str) -> StageError {
    StageError::NotNow(format!("{name} is not running"))
}

/// A whole conversation, oldest first, as the database holds it.
fn history(world: &World, place: usize, names: &Names, with: &str) -> Seen {
    let rows = world.phones.get(place).map(|phone| &phone.rows);
    let peer = Msisdn::from_e164(&names.number(with)).ok();
    let texts: Vec<Value> = rows
        .zip(peer)
        .into_iter()
        .flat_map(|(rows, peer)| rows.thread(peer))
        .map(|text| match text {
            MemoryText::Written(row) => mine(row),
            MemoryText::Received(row) => theirs(row),
        })
        .collect();
    object(json!({"see": "history", "with": names.told(with), "texts": texts}))
}
