//! Whether whoever has a line's number may see its mark: kept by the server, changed here.

use crate::ctx::{Ctx, SessionFacts};
use crate::effect::{Refusal, Reply};
use tandem_model::{Mono, Ticket};
use tandem_wire::ClientFrame;

/// The setting of one line.
#[derive(Debug, Default)]
pub(crate) struct OpenMark {
    /// As the server last said.
    known: Option<bool>,
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    ticket: Ticket,
    command: Ticket,
    open: bool,
    until: Mono,
}

impl OpenMark {
    /// As the server last said; `None` before it did.
    pub(crate) const fn known(&self) -> Option<bool> {
        self.known
    }

    /// The server says how it stands.
    pub(crate) const fn told(&mut self, open: bool) {
        self.known = Some(open);
    }

    /// The user changes it. Answered when the server has it.
    pub(crate) fn set(&mut self, command: Ticket, open: bool, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        if self.asked.is_some() {
            ctx.reply(command, Err(Refusal::Busy));
            return;
        }
        let ticket = ctx.ticket();
        ctx.send(session, ClientFrame::OpenMark { ticket, open });
        self.asked = Some(Asked { ticket, command, open, until: ctx.now.mono.after(ctx.config.request) });
    }

    /// The server has it. False when the ticket is none of ours.
    pub(crate) fn done(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.ticket == ticket) else {
            return false;
        };
        self.known = Some(asked.open);
        ctx.reply(asked.command, Ok(Reply::Done));
        true
    }

    /// The server cannot keep it now. False when the ticket is none of ours.
    pub(crate) fn refused(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.ticket == ticket) else {
            return false;
        };
        ctx.reply(asked.command, Err(Refusal::Offline));
        true
    }

    /// The session stands no more. Whether the server has it is told at the start of the next.
    pub(crate) fn session_down(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(asked) = self.asked.take() {
            ctx.reply(asked.command, Err(Refusal::Offline));
        }
    }

    /// When [`OpenMark::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        self.asked.map(|asked| (asked.until, "open mark answer"))
    }

    /// True when the server left it unanswered: the connection is dead, and the end of the session answers the command.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let late = self.asked.is_some_and(|asked| asked.until <= ctx.now.mono);
        if late {
            self.session_down(ctx);
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use crate::effect::{Refusal, Reply};
    use crate::input::Command;
    use crate::rig::{LINE, Rig, RigKeys, reply_to};

    const OPEN: Command = Command::SetOpenMark { line: LINE, open: true };

    #[test]
    fn a_mark_is_open_when_the_server_has_it_and_so_again_after_a_boot() {
        let (mut rig, mut keys) = (Rig::registered(&[2]), RigKeys::with_keys(&[1]));
        assert_eq!(rig.device.open_mark(LINE), None);
        rig.connect_with(&mut keys);
        assert_eq!(rig.device.open_mark(LINE), Some(false));
        let (ticket, effects) = rig.command(OPEN);
        assert_eq!(reply_to(ticket, &effects), None);
        assert_eq!(rig.device.open_mark(LINE), Some(false), "not before the server has it");
        let effects = rig.matched(&mut keys, effects);
        assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
        assert_eq!(rig.device.open_mark(LINE), Some(true));
        rig.crash();
        rig.connect_with(&mut keys);
        assert_eq!(rig.device.open_mark(LINE), Some(true));
    }

    #[test]
    fn without_a_session_or_an_answer_nothing_is_changed() {
        let mut rig = Rig::registered(&[2]);
        let (ticket, effects) = rig.command(OPEN);
        assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Offline)));
        rig.connect();
        let (ticket, _) = rig.command(OPEN);
        let (second, effects) = rig.command(OPEN);
        assert_eq!(reply_to(second, &effects), Some(Err(Refusal::Busy)));
        let effects = rig.close();
        assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Offline)));
    }

    #[test]
    fn a_server_that_does_not_answer_is_a_dead_connection() {
        let mut rig = Rig::online(&[2]);
        let (ticket, _) = rig.command(OPEN);
        assert_eq!(reply_to(ticket, &rig.pass_online(9_999)), None);
        let effects = rig.pass_online(1);
        assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Offline)));
        assert!(!rig.device.online(LINE));
    }
}
