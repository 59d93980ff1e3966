//! Sending: the orders of a rung under way.

use super::terms::{Rung, TokenId};
use tandem_model::{Mono, Ticket};

/// One order to a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) ticket: Ticket,
    pub(super) token: Option<TokenId>,
}

/// A rung under way. It ends when every order was refused, or with its budget.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) rung: Rung,
    pub(super) began: Mono,
    pub(super) ends_at: Mono,
    pub(super) orders: Vec<Order>,
}

impl Sending {
    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.orders.iter().any(|order| order.ticket == ticket)
    }

    /// An order was refused. True when it was the last.
    pub(super) fn refused(&mut self, ticket: Ticket) -> bool {
        self.orders.retain(|order| order.ticket != ticket);
        self.orders.is_empty()
    }
}
