//! Words for whoever watches while something slow goes on.

use std::time::Duration;

/// So long nothing need be said.
pub const EVERY: Duration = Duration::from_secs(2);

/// Something that takes its time.
#[derive(Debug)]
pub struct Slow {
    began: Duration,
    at_most: Duration,
    next: Duration,
    what: String,
}

impl Slow {
    /// Begins now and is over after so long at most.
    #[must_use]
    pub fn new(now: Duration, at_most: Duration, what: String) -> Slow {
        Slow { began: now, at_most, next: now + EVERY, what }
    }

    /// How long until something is to be said, when its end is not due before.
    #[must_use]
    pub fn pause(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }

    /// What is to be said now, if anything.
    pub fn word(&mut self, now: Duration, talks: &Talks) -> Option<String> {
        if now < self.next || now >= self.began + self.at_most {
            return None;
        }
        while self.next <= now {
            self.next += EVERY;
        }
        let so_far = now.saturating_sub(self.began).as_secs();
        let waiting = || format!("{so_far} of {} s", self.at_most.as_secs_f64().round());
        Some(talks.words(now).unwrap_or_else(|| self.what.replace("{}", &waiting())))
    }
}

/// Who talks, from when and until when.
#[derive(Debug, Default)]
pub struct Talks(Vec<(String, Duration, Duration)>);

impl Talks {
    /// Somebody begins to talk.
    pub fn begin(&mut self, who: &str, now: Duration, time: Duration) {
        self.0.retain(|(other, _, until)| other != who && *until > now);
        self.0.push((who.to_owned(), now, now + time));
    }

    fn words(&self, now: Duration) -> Option<String> {
        let talking: Vec<_> = self.0.iter().filter(|(_, _, until)| *until > now).collect();
        let (from, until) = (talking.iter().map(|talk| talk.1).min()?, talking.iter().map(|talk| talk.2).max()?);
        let names: Vec<&str> = talking.iter().map(|talk| talk.0.as_str()).collect();
        let are = if names.len() == 1 { "is" } else { "are" };
        let (so_far, all) = ((now - from).as_secs(), (until - from).as_secs());
        Some(format!("{} {are} talking, {so_far} of {all} s", names.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_slow_wait_says_every_two_seconds_how_far_it_is() {
        let mut slow = Slow::new(s(10), s(11), "waiting, {}: it must age".to_owned());
        let talks = Talks::default();
        assert_eq!(slow.word(s(11), &talks), None);
        assert_eq!(slow.pause(s(11)), s(1));
        assert_eq!(slow.word(s(12), &talks).unwrap(), "waiting, 2 of 11 s: it must age");
        assert_eq!(slow.word(s(12), &talks), None);
        assert_eq!(slow.word(s(17), &talks).unwrap(), "waiting, 7 of 11 s: it must age");
        assert_eq!(slow.word(s(21), &talks), None, "it is over");
    }

    #[test]
    fn while_people_talk_it_is_they_who_are_told_of() {
        let mut talks = Talks::default();
        talks.begin("alice", s(1), s(10));
        talks.begin("bob", s(1), s(10));
        let mut slow = Slow::new(s(1), s(15), "waiting, {}".to_owned());
        assert_eq!(slow.word(s(5), &talks).unwrap(), "alice and bob are talking, 4 of 10 s");
        assert_eq!(slow.word(s(12), &talks).unwrap(), "waiting, 11 of 15 s");
    }
}
