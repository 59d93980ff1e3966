//! The lab: mock phones, a mock carrier and shaped links around the real core and the real server.
//!
//! A [`scenario`] says who is there, what happens and what must be seen. It runs on one of two [`stage`]s: [`real`] (real
//! engines in processes of their own, a real server process, real sockets, real speech) or [`virtual_time`] (core and server
//! logic in one thread). What was seen goes to the [`report`]: JSON lines, JUnit, a sequence diagram.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the many verbs each place knows its own and refuses the rest by name"
)]

pub mod access;
pub mod demo;
pub mod kill_loop;
pub mod link;
pub mod names;
pub mod person;
pub mod progress;
pub mod real;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod seen;
pub mod settings;
pub mod sights;
pub mod stage;
pub mod switch;
pub mod virtual_time;
mod words;
