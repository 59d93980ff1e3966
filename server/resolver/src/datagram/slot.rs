//! What is told of one number, in so many bytes whether it is anything or nothing.
//!
//! ```text
//!    0  which addresses are held: 1 IPv4, 2 IPv6, 4 delegated; 0 when nothing is told, and then all is 0
//!    1  kinds: bits 0 and 1 of the IPv4 address, 2 and 3 of the IPv6 prefix, 4 and 5 of the delegated one
//!    2  length of the IPv6 prefix        3  length of the delegated one
//!    4  IPv4 address                     8  generation          16  age in milliseconds
//!   24  first address of the IPv6 prefix                        40  and of the delegated one
//! ```

use super::asking::Found;
use crate::address::{Addresses, Held, Kind, Prefix};
use crate::bindings::Binding;
use crate::session::Generation;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Bytes of a slot.
pub const SLOT: usize = 56;

const V4: u8 = 1;
const V6: u8 = 2;
const DELEGATED: u8 = 4;

/// A slot's fields in their order.
type Fields = ([u8; 4], [u8; 4], [u8; 8], [u8; 8], [u8; 16], [u8; 16]);

/// Writes what is told of a number over a slot of zeros.
pub(super) fn write(slot: &mut [u8], binding: &Binding) {
    let held = binding.addresses;
    let v4 = held.v4.and_then(|held| Some((held.prefix.as_v4()?, held.kind as u8)));
    let (v6, delegated) = (held.v6.map(parts), held.delegated.map(parts));
    let which = |is: bool, bit: u8| if is { bit } else { 0 };
    let first = [
        which(v4.is_some(), V4) | which(v6.is_some(), V6) | which(delegated.is_some(), DELEGATED),
        v4.map_or(0, |v4| v4.1) | v6.map_or(0, |v6| v6.2 << 2) | delegated.map_or(0, |delegated| delegated.2 << 4),
        v6.map_or(0, |v6| v6.1),
        delegated.map_or(0, |delegated| delegated.1),
    ];
    let age = u64::try_from(binding.age.as_millis()).unwrap_or(u64::MAX);
    let parts: [&[u8]; 6] = [
        &first,
        &v4.map_or([0; 4], |v4| v4.0.octets()),
        &binding.generation.0.to_be_bytes(),
        &age.to_be_bytes(),
        &v6.map_or([0; 16], |v6| v6.0.to_be_bytes()),
        &delegated.map_or([0; 16], |delegated| delegated.0.to_be_bytes()),
    ];
    let mut rest = slot;
    for part in parts {
        let Some((place, behind)) = rest.split_at_mut_checked(part.len()) else { return };
        place.copy_from_slice(part);
        rest = behind;
    }
}

fn parts(held: Held) -> (u128, u8, u8) {
    (held.prefix.first(), held.prefix.length(), held.kind as u8)
}

/// What a slot tells; an error when no server writes it.
pub(super) fn read(slot: &[u8]) -> Result<Option<Found>, NoSlot> {
    let ([which, kinds, v6_length, delegated_length], v4, generation, age, v6, delegated) =
        fields(slot).ok_or(NoSlot)?;
    if which == 0 {
        return if slot.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(NoSlot) };
    }
    let kind = |shift: u8| Kind::of(kinds >> shift & 3).ok_or(NoSlot);
    let prefix = |first: [u8; 16], length: u8| Prefix::from_parts(u128::from_be_bytes(first), length).ok_or(NoSlot);
    let mut addresses = Addresses::default();
    if which & V4 != 0 {
        addresses.v4 = Some(Held { prefix: Prefix::v4(Ipv4Addr::from(v4)), kind: kind(0)? });
    }
    if which & V6 != 0 {
        addresses.v6 = Some(Held { prefix: prefix(v6, v6_length)?, kind: kind(2)? });
    }
    if which & DELEGATED != 0 {
        addresses.delegated = Some(Held { prefix: prefix(delegated, delegated_length)?, kind: kind(4)? });
    }
    let generation = Generation(u64::from_be_bytes(generation));
    Ok(Some(Found { addresses, generation, age: Duration::from_millis(u64::from_be_bytes(age)) }))
}

fn fields(slot: &[u8]) -> Option<Fields> {
    let (first, rest) = slot.split_first_chunk()?;
    let (v4, rest) = rest.split_first_chunk()?;
    let (generation, rest) = rest.split_first_chunk()?;
    let (age, rest) = rest.split_first_chunk()?;
    let (v6, rest) = rest.split_first_chunk()?;
    let (delegated, rest) = rest.split_first_chunk()?;
    rest.is_empty().then_some((*first, *v4, *generation, *age, *v6, *delegated))
}

/// No server writes this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSlot;
