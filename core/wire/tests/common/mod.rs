//! What the tests of the wire share: any message of the four roots, samples of each, and strategies that draw them.

// Each test binary uses its own part of this.
#![allow(dead_code, reason = "shared by test binaries that each use a part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a helper of tests stops at the first surprise"
)]

pub mod samples;
pub mod samples_server;
pub mod strategies;

use tandem_wire::{ClientFrame, RegisterReply, RegisterRequest, ServerFrame, WireError};

/// A message of any root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Client(ClientFrame),
    Server(ServerFrame),
    Request(RegisterRequest),
    Reply(RegisterReply),
}

/// The four roots of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    Client,
    Server,
    Request,
    Reply,
}

impl Root {
    pub const ALL: [Root; 4] = [Root::Client, Root::Server, Root::Request, Root::Reply];

    pub fn decode(self, bytes: &[u8]) -> Result<Message, WireError> {
        match self {
            Root::Client => tandem_wire::decode_client(bytes).map(Message::Client),
            Root::Server => tandem_wire::decode_server(bytes).map(Message::Server),
            Root::Request => tandem_wire::decode_register_request(bytes).map(Message::Request),
            Root::Reply => tandem_wire::decode_register_reply(bytes).map(Message::Reply),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Root::Client => "ClientFrame",
            Root::Server => "ServerFrame",
            Root::Request => "RegisterRequest",
            Root::Reply => "RegisterReply",
        }
    }
}

impl Message {
    pub fn root(&self) -> Root {
        match self {
            Message::Client(_) => Root::Client,
            Message::Server(_) => Root::Server,
            Message::Request(_) => Root::Request,
            Message::Reply(_) => Root::Reply,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        match self {
            Message::Client(frame) => tandem_wire::encode_client(frame),
            Message::Server(frame) => tandem_wire::encode_server(frame),
            Message::Request(request) => tandem_wire::encode_register_request(request),
            Message::Reply(reply) => tandem_wire::encode_register_reply(reply),
        }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
