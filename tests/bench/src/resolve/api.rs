//! Lookups over HTTP, one number each, beside `GET` of Redis: the same connections, one request under way on each.

use super::Amounts;
use super::numbers::{Places, address, digits};
use super::ours::Ours;
use crate::exchange::{self, Talk};
use crate::http::request;
use crate::ports;
use crate::redis::{Get, Redis};
use crate::spread::Spread;
use serde_json::{Value, json};
use std::path::Path;

/// Connections, as `redis-benchmark` has by default.
const CONNECTIONS: usize = 50;

#[derive(Clone)]
struct Lookup {
    places: Places,
    key: &'static str,
}

impl Talk for Lookup {
    fn request(&mut self, out: &mut Vec<u8>) {
        let place = self.places.next().unwrap_or(0);
        out.extend(request("POST", "/v1/resolve", self.key, &format!("{{\"number\":\"+{}\"}}", digits(place))));
    }

    fn is_whole(&self, answer: &[u8]) -> Result<bool, String> {
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
        let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err("a lookup over HTTP was refused".to_owned());
        }
        let length = head.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.and_then(|text| text.trim().parse().ok()).ok_or("an answer without a length")?;
        if answer.len() < end + 4 + length {
            return Ok(false);
        }
        let told = answer.windows(9).any(|word| word == b"\"address\"");
        if told { Ok(true) } else { Err("a number was not told over HTTP".to_owned()) }
    }
}

/// Both, in turns; ours alone where there is no Redis.
pub fn measure(ours: &Ours, numbers: u32, amounts: Amounts, place: &Path, cpu: usize) -> Result<Value, String> {
    let each = amounts.asks / 10 / CONNECTIONS;
    let (to, key) = ours.api();
    let missing = Redis::need().err();
    let redis = match &missing {
        None => {
            let redis = Redis::start(&place.join("redis"), Some(cpu), ports::free(1)?.first().copied(), false)?;
            redis.fill((0..numbers).map(|place| (digits(place), address(place).to_string())))?;
            Some(redis)
        }
        Some(_) => None,
    };
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..amounts.rounds {
        let places = |connection: usize| Places::new((round * CONNECTIONS + connection) as u64, numbers);
        own.push(exchange::per_second(to, CONNECTIONS, each, |at| Lookup { places: places(at), key })?);
        if let Some(redis) = &redis {
            let get = |at| Get { keys: places(at).map(digits) };
            theirs.push(exchange::per_second(redis.address(), CONNECTIONS, each, get)?);
        }
    }
    Ok(json!({
        "connections": CONNECTIONS,
        "http_lookups_per_second": Spread::of(&own),
        "redis_get_per_second": missing.map_or_else(|| json!(Spread::of(&theirs)), |missing| json!(missing)),
    }))
}
