//! The state an app can look at any time, as of the last input the machine took.

use std::collections::BTreeMap;
use tandem_machine::view::{CallView, MarkShown, MarkView, Prompt, RegistrationView};
use tandem_machine::{Device, Event};
use tandem_model::rows::SettingsRow;
use tandem_model::{Country, Line, Msisdn};

/// A snapshot of state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Views {
    /// Every line's registration.
    pub registrations: Vec<RegistrationView>,
    /// Lines whose session stands.
    pub online: Vec<Line>,
    /// Calls that are not over.
    pub calls: Vec<CallView>,
    /// Open questions, oldest first.
    pub prompts: Vec<Prompt>,
    /// What is shown beside numbers; a number that is not here shows nothing.
    pub marks: BTreeMap<Msisdn, MarkShown>,
    /// The country each SIM reads its numbers in.
    pub homes: BTreeMap<Line, Country>,
    /// The user's settings.
    pub settings: SettingsRow,
    /// Blocked numbers, in order.
    pub blocked: Vec<Msisdn>,
    /// Lines whose server said whether whoever has the number may see the mark, and what.
    pub open_marks: BTreeMap<Line, bool>,
}

/// Which parts of the views an input changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Touched {
    pub(crate) registrations: bool,
    pub(crate) matching: bool,
    calls: bool,
    prompts: bool,
}

/// The parts an input changed, as the machine has them now.
pub(crate) struct Fresh {
    registrations: Option<(Vec<RegistrationView>, BTreeMap<Line, Country>)>,
    calls: Option<Vec<CallView>>,
    prompts: Option<Vec<Prompt>>,
    matching: Option<(Vec<Msisdn>, BTreeMap<Line, bool>)>,
    settings: SettingsRow,
}

impl Fresh {
    pub(crate) fn of(touched: Touched, device: &Device) -> Fresh {
        Fresh {
            registrations: touched.registrations.then(|| {
                let registrations = device.registrations();
                let homes = homes(&registrations, device);
                (registrations, homes)
            }),
            calls: touched.calls.then(|| device.calls()),
            prompts: touched.prompts.then(|| device.prompts()),
            matching: touched.matching.then(|| (device.blocked(), open_marks(device))),
            settings: device.settings(),
        }
    }
}

impl Views {
    pub(crate) fn of(device: &Device) -> Views {
        let registrations = device.registrations();
        let online = registrations.iter().map(|view| view.line).filter(|line| device.online(*line)).collect();
        let homes = homes(&registrations, device);
        let (calls, prompts) = (device.calls(), device.prompts());
        let settings = device.settings();
        let (blocked, open_marks) = (device.blocked(), open_marks(device));
        let marks = BTreeMap::new();
        let mut views = Views { registrations, online, calls, prompts, marks, homes, settings, blocked, open_marks };
        views.show(&device.marks());
        views
    }

    /// Takes in what an event says by itself, and notes what must be asked of the machine afterwards.
    pub(crate) fn follow(&mut self, event: &Event, touched: &mut Touched) {
        match event {
            Event::Registration(_) => touched.registrations = true,
            Event::Online { line, online } => {
                self.online.retain(|other| other != line);
                if *online {
                    self.online.push(*line);
                    self.online.sort_unstable();
                }
            }
            Event::Marks(marks) => self.show(marks),
            Event::Call(_) => touched.calls = true,
            Event::Prompt(_) | Event::PromptGone(_) => touched.prompts = true,
            Event::Text(_)
            | Event::TextArrived(_)
            | Event::File(_)
            | Event::FileArrived(_)
            | Event::DatagramArrived { .. }
            | Event::Log(_)
            | Event::Notice(_) => {}
        }
    }

    /// A number as a contact or a person wrote it, read in the country of a SIM (absent: the first that tells one). `None`
    /// for what is no telephone number.
    #[must_use]
    pub fn number(&self, line: Option<Line>, raw: &str) -> Option<Msisdn> {
        let home = match line {
            Some(line) => self.homes.get(&line),
            None => self.homes.values().next(),
        };
        Msisdn::parse(raw, home.copied().unwrap_or(Country::UNKNOWN)).ok()
    }

    pub(crate) fn take_in(&mut self, fresh: Fresh) {
        if let Some((registrations, homes)) = fresh.registrations {
            self.registrations = registrations;
            self.homes = homes;
        }
        if let Some(calls) = fresh.calls {
            self.calls = calls;
        }
        if let Some(prompts) = fresh.prompts {
            self.prompts = prompts;
        }
        if let Some((blocked, open_marks)) = fresh.matching {
            self.blocked = blocked;
            self.open_marks = open_marks;
        }
        self.settings = fresh.settings;
    }

    fn show(&mut self, marks: &[MarkView]) {
        for mark in marks {
            match mark.shown {
                MarkShown::Marked | MarkShown::NotSeenLately => self.marks.insert(mark.number, mark.shown),
                MarkShown::Unmarked => self.marks.remove(&mark.number),
            };
        }
    }
}

fn open_marks(device: &Device) -> BTreeMap<Line, bool> {
    device.registrations().iter().filter_map(|view| Some((view.line, device.open_mark(view.line)?))).collect()
}

fn homes(lines: &[RegistrationView], device: &Device) -> BTreeMap<Line, Country> {
    lines.iter().filter_map(|view| Some((view.line, device.country(view.line)?))).collect()
}
