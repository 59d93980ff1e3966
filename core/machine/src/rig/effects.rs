//! What a test picks out of everything that was ordered.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::effect::{Effect, Event, Refusal, Reply};
use tandem_model::{TextStatus, Ticket};
use tandem_wire::frame::{SendText, TokensSync};
use tandem_wire::{ClientFrame, RegisterRequest};

pub fn frames(effects: &[Effect]) -> Vec<ClientFrame> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { frame, .. } => Some(frame.clone()),
            _ => None,
        })
        .collect()
}

pub fn token_pages(effects: &[Effect]) -> Vec<TokensSync> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::TokensSync(page) => Some(page),
            _ => None,
        })
        .collect()
}

pub fn sent_texts(effects: &[Effect]) -> Vec<SendText> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::SendText(text) => Some(text),
            _ => None,
        })
        .collect()
}

pub fn events(effects: &[Effect]) -> Vec<Event> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Emit(event) => Some(event.clone()),
            _ => None,
        })
        .collect()
}

pub fn reply_to(ticket: Ticket, effects: &[Effect]) -> Option<Result<Reply, Refusal>> {
    let mut replies = effects.iter().filter_map(|effect| match effect {
        Effect::Reply { ticket: to, reply } if *to == ticket => Some(reply.clone()),
        _ => None,
    });
    let reply = replies.next();
    assert!(replies.next().is_none(), "a command is answered once");
    reply
}

pub fn register_asks(effects: &[Effect]) -> Vec<(Ticket, RegisterRequest)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Register { ticket, request } => Some((*ticket, request.clone())),
            _ => None,
        })
        .collect()
}

pub fn sms_orders(effects: &[Effect]) -> Vec<(Ticket, String, String)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendSms { ticket, to, body, .. } => Some((*ticket, to.expose().clone(), body.as_str().to_owned())),
            _ => None,
        })
        .collect()
}

pub fn statuses(effects: &[Effect]) -> Vec<TextStatus> {
    events(effects)
        .into_iter()
        .filter_map(|event| match event {
            Event::Text(view) => Some(view.status),
            _ => None,
        })
        .collect()
}
