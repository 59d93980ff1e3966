//! The real stage: child processes for phones and server, the carrier in this process, one channel to wait on.

use super::access::{RealAccess, resolve};
use super::carrier::Carrier;
use super::lines::{FromPhone, PhoneSpec, ToPhone};
use super::process::{Incoming, Process};
use super::server::LabServer;
use crate::access;
use crate::names::Names;
use crate::scenario::{Device, Scenario, Verb};
use crate::seen::{Seen, object};
use crate::stage::{Sighting, Stage, StageError};
use crate::switch::{Doing, Switch};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tandem_model::Msisdn;

struct PhoneProcess {
    spec: PhoneSpec,
    process: Option<Process>,
    life: u64,
}

/// One scenario in real processes.
pub struct RealStage {
    began: Instant,
    names: Names,
    phones: BTreeMap<String, PhoneProcess>,
    server: LabServer,
    carrier: Option<Carrier>,
    access: RealAccess,
    incoming: Receiver<Incoming>,
    lines: Sender<Incoming>,
    waiting: VecDeque<Sighting>,
    switch: Switch,
    orders: u64,
    done: BTreeMap<u64, Option<String>>,
}

const ORDER_WAIT: Duration = Duration::from_secs(10);

impl RealStage {
    /// Starts the carrier, the server and every phone.
    ///
    /// # Errors
    /// When a process or a socket cannot be had.
    pub fn open(scenario: &Scenario, seed: u64, folder: &Path) -> Result<RealStage, String> {
        let (lines, incoming) = channel();
        let carrier = Carrier::start(lines.clone())?;
        let server = LabServer::start(&scenario.world, &folder.join("server"), carrier.smsc_address(), lines.clone())?;
        let access = RealAccess::open(server.accounting())?;
        let speech = speech(folder)?;
        let mut phones = BTreeMap::new();
        for (index, device) in scenario.devices.iter().enumerate() {
            let spec =
                phone_spec(device, &scenario.names, &server, folder, seed.wrapping_add(index as u64), &speech, index);
            phones.insert(device.name.clone(), PhoneProcess { spec, process: None, life: 0 });
        }
        let mut stage = RealStage {
            began: Instant::now(),
            names: scenario.names.clone(),
            phones,
            switch: scenario.switch(),
            server,
            carrier: Some(carrier),
            access,
            incoming,
            lines,
            waiting: VecDeque::new(),
            orders: 0,
            done: BTreeMap::new(),
        };
        for device in &scenario.devices {
            stage.start_phone(&device.name)?;
        }
        Ok(stage)
    }

    fn start_phone(&mut self, name: &str) -> Result<(), String> {
        let phone = self.phones.get_mut(name).ok_or("no such phone")?;
        phone.life += 1;
        let spec = serde_json::to_string(&phone.spec).map_err(|e| e.to_string())?;
        let args = ["phone", "--spec", &spec];
        let process = Process::start(name, phone.life, &args, self.lines.clone()).map_err(|e| e.to_string())?;
        phone.process = Some(process);
        Ok(())
    }

    fn tell(&mut self, name: &str, line: &ToPhone) -> Result<(), StageError> {
        let process = self.phones.get_mut(name).and_then(|phone| phone.process.as_mut());
        let Some(process) = process else { return Err(StageError::NotNow(format!("{name} is not running"))) };
        let text = serde_json::to_string(line).map_err(|e| StageError::Broken(e.to_string()))?;
        process.say(&text).map_err(|e| StageError::Broken(format!("{name}: {e}")))
    }

    fn order(&mut self, name: &str, verb: &Verb) -> Result<(), StageError> {
        self.orders += 1;
        let number = self.orders;
        self.tell(name, &ToPhone::Do { number, verb: verb.clone() })?;
        let until = Instant::now() + ORDER_WAIT;
        while Instant::now() < until {
            self.take_one(until.saturating_duration_since(Instant::now()))?;
            if let Some(error) = self.done.remove(&number) {
                return error.map_or(Ok(()), |why| Err(StageError::NotNow(format!("{name}: {why}"))));
            }
        }
        Err(StageError::Broken(format!("{name} does not answer")))
    }

    /// Takes one thing from outside, waiting at most `at_most`. False when nothing came.
    fn take_one(&mut self, at_most: Duration) -> Result<bool, StageError> {
        match self.incoming.recv_timeout(at_most) {
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Err(StageError::Broken("the lab lost its lines".to_owned())),
            Ok(Incoming::Line { who, life, line }) => self.line(&who, life, &line)?,
            Ok(Incoming::Closed { who, life }) => {
                let expected = self.phones.get(&who).is_none_or(|phone| phone.life != life || phone.process.is_none());
                if !expected {
                    self.see(&who, object(json!({"see": "process-ended"})));
                }
            }
            Ok(Incoming::Sms { to, from, body }) => {
                let doings = self.switch.server_sms(to, from, body);
                self.carry_out(doings);
            }
        }
        Ok(true)
    }

    fn line(&mut self, who: &str, life: u64, line: &str) -> Result<(), StageError> {
        if self.phones.get(who).is_none_or(|phone| phone.life != life) {
            return Ok(());
        }
        let said = serde_json::from_str(line).map_err(|e| StageError::Broken(format!("{who} said nonsense: {e}")))?;
        match said {
            FromPhone::Seen(seen) => self.see(who, seen),
            FromPhone::Done { number, error } => {
                self.done.insert(number, error);
            }
            FromPhone::SendSms { ticket, to, body } => {
                let doings = self.switch.phone_sms(who, ticket, &to, body);
                self.carry_out(doings);
            }
            FromPhone::Dial { ticket, digits } => {
                let doings = self.switch.dial(who, ticket, &digits);
                self.carry_out(doings);
            }
        }
        Ok(())
    }

    /// The number of a phone's SIM.
    fn number(&self, name: &str, line: u8) -> Result<Msisdn, StageError> {
        let phone = self.phones.get(name);
        let digits = phone.and_then(|phone| phone.spec.numbers.get(usize::from(line)));
        let number = digits.and_then(|digits| Msisdn::from_e164(digits).ok());
        number.ok_or_else(|| StageError::NotNow(format!("{name} has no SIM in slot {line}")))
    }

    fn see(&mut self, who: &str, seen: Seen) {
        self.waiting.push_back(Sighting { at: self.began.elapsed(), device: who.to_owned(), seen });
    }

    /// Shows and tells what the switch says; a phone that is off hears nothing.
    fn carry_out(&mut self, doings: Vec<Doing>) {
        for doing in doings {
            match doing {
                Doing::See(who, seen) => self.see(&who, seen),
                Doing::Tell(who, word) => {
                    let _phone_is_off = self.tell(&who, &ToPhone::Carrier(word));
                }
            }
        }
    }

    fn act_on_world(&mut self, verb: &Verb) -> Result<(), StageError> {
        match verb {
            Verb::Smsc { misroute_to, .. } => {
                self.switch.misroute(misroute_to.clone());
                if let Some(carrier) = &mut self.carrier {
                    carrier.smsc(verb);
                }
            }
            Verb::SmsAgain {} => {
                let doings = self.switch.sms_again();
                self.carry_out(doings.ok_or_else(|| StageError::NotNow("no SMS was sent yet".to_owned()))?);
            }
            Verb::ServerKill {} => self.server.kill(),
            Verb::ServerStart {} => self.server.launch().map_err(StageError::Broken)?,
            Verb::ServerRestart {} => {
                self.server.stop();
                self.server.launch().map_err(StageError::Broken)?;
            }
            Verb::Pass { ms } => std::thread::sleep(Duration::from_millis(*ms)),
            other => return Err(StageError::NotNow(format!("\"{}\" needs a device", other.word()))),
        }
        Ok(())
    }
}

impl Stage for RealStage {
    fn act(&mut self, device: Option<&str>, verb: &Verb) -> Result<(), StageError> {
        let Some(name) = device else { return self.act_on_world(verb) };
        match verb {
            Verb::Kill {} => {
                if let Some(mut process) = self.phones.get_mut(name).and_then(|phone| phone.process.take()) {
                    process.kill();
                }
                Ok(())
            }
            Verb::Start {} => self.start_phone(name).map_err(StageError::Broken),
            Verb::CarrierCall { state } => {
                for doing in self.switch.carrier_call(name, state) {
                    if let Doing::Tell(who, word) = doing {
                        self.tell(&who, &ToPhone::Carrier(word))?;
                    }
                }
                Ok(())
            }
            Verb::Attach { line, address } => {
                let address = address.as_deref().and_then(access::address);
                let number = self.number(name, *line)?;
                self.access.attach(number, address).map_err(|why| StageError::NotNow(format!("{name}: {why}")))
            }
            Verb::Detach { line } => {
                let number = self.number(name, *line)?;
                self.access.detach(number).map_err(|why| StageError::NotNow(format!("{name}: {why}")))
            }
            Verb::Resolve { of } => {
                let number =
                    Msisdn::from_e164(&self.names.number(of)).map_err(|e| StageError::NotNow(e.to_string()))?;
                let seen = resolve(self.server.address(), &self.names.told(of), number).map_err(StageError::NotNow)?;
                self.see(name, seen);
                Ok(())
            }
            Verb::CarrierFails { on } => {
                self.switch.refuse(name, *on);
                Ok(())
            }
            Verb::Sims { numbers } => {
                self.switch.sims(name, numbers);
                if let Some(phone) = self.phones.get_mut(name) {
                    phone.spec.numbers.clone_from(numbers);
                }
                self.order(name, verb)
            }
            other => self.order(name, other),
        }
    }

    fn watch(&mut self, at_most: Duration) -> Result<Vec<Sighting>, StageError> {
        let until = Instant::now() + at_most;
        while self.waiting.is_empty() && Instant::now() < until {
            self.take_one(until.saturating_duration_since(Instant::now()))?;
        }
        while self.take_one(Duration::ZERO)? {}
        Ok(self.waiting.drain(..).collect())
    }

    fn takes_real_time(&self) -> bool {
        true
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn close(&mut self) {
        for phone in self.phones.values_mut() {
            if let Some(mut process) = phone.process.take() {
                process.stop(Duration::from_secs(4));
            }
        }
        self.server.stop();
        if let Some(carrier) = self.carrier.take() {
            carrier.stop();
        }
    }
}

fn phone_spec(
    device: &Device,
    names: &Names,
    server: &LabServer,
    folder: &Path,
    seed: u64,
    speech: &[PathBuf; 2],
    index: usize,
) -> PhoneSpec {
    let [first, second] = speech;
    let (said, expected) = if index == 0 { (first, second) } else { (second, first) };
    PhoneSpec {
        name: device.name.clone(),
        numbers: device.numbers.clone(),
        sim_tells_number: device.sim_tells_number,
        country: device.country.clone(),
        names: names.clone(),
        contacts: device.contacts.clone(),
        link: device.link,
        seed,
        server: server.address().to_string(),
        folder: folder.join(&device.name),
        speech: said.clone(),
        expected_speech: expected.clone(),
        heard: folder.join(format!("{}-heard.wav", device.name)),
        fault: device.fault,
    }
}

/// Lays the recordings that are built into this program beside the scenario's results.
fn speech(folder: &Path) -> Result<[PathBuf; 2], String> {
    let files = [
        ("said-by-first.wav", include_bytes!("../../speech/caller.wav").as_slice()),
        ("said-by-second.wav", include_bytes!("../../speech/callee.wav").as_slice()),
    ];
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| e.to_string())?;
        paths.push(path);
    }
    paths.try_into().map_err(|_| "two recordings".to_owned())
}
