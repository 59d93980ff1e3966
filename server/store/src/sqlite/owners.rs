//! Attempts, owners, their keys and leases.

use super::matching;
use super::opens;
use super::row::{Bits, Num, RowError, Rows, Sig, epoch, next_generation, next_reg, number, owner};
use super::texts::{self, TextKey};
use crate::budget;
use rusqlite::{Connection, OptionalExtension, params};
use tandem_logic::store_answer::{Aftermath, Attempt, ConfirmOutcome, SessionKey, Spent, StartOutcome};
use tandem_logic::store_op::{Charge, ConfirmRegistration, Owner, StartRegistration, TakeBackSms};
use tandem_model::{
    DeviceKey, ImsiToken, Msisdn, NumberEpoch, RegistrationId, SealingKey, SealingKeyId, ServerMillis, TerminalState,
};

/// The present owner of a number.
pub(crate) struct Present {
    pub(crate) epoch: NumberEpoch,
    pub(crate) device_key: DeviceKey,
    pub(crate) sealing_key: SealingKey,
    pub(crate) lease_until: ServerMillis,
    pub(crate) generation: i64,
}

pub(crate) fn present(conn: &Connection, of: Msisdn) -> rusqlite::Result<Option<Present>> {
    conn.prepare_cached(
        "SELECT epoch, device_key, sealing_id, sealing_public, sealing_signature, lease_until, generation
         FROM owners WHERE number = ?1 AND ended = 0",
    )?
    .query_row([number(of)], |row| {
        Ok(Present {
            epoch: NumberEpoch(row.get::<_, Bits>(0)?.0),
            device_key: DeviceKey(row.get(1)?),
            sealing_key: SealingKey {
                id: SealingKeyId(row.get(2)?),
                public: row.get(3)?,
                signature: row.get::<_, Sig>(4)?.0,
            },
            lease_until: ServerMillis(row.get(5)?),
            generation: row.get(6)?,
        })
    })
    .optional()
}

pub(crate) fn is_present(conn: &Connection, who: Owner) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM owners WHERE number = ?1 AND epoch = ?2 AND ended = 0")?
        .exists(params![number(who.number), epoch(who)])
}

pub(crate) fn fence(conn: &Connection, who: Owner) -> Rows<()> {
    if is_present(conn, who)? { Ok(()) } else { Err(RowError::Fenced) }
}

pub(crate) fn is_number_present(conn: &Connection, who: Msisdn) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM owners WHERE number = ?1 AND ended = 0")?.exists([number(who)])
}

/// The name of an owner's registration, which what it tells is kept under.
pub(crate) fn present_reg(conn: &Connection, who: Owner) -> Rows<i64> {
    conn.prepare_cached("SELECT reg FROM owners WHERE number = ?1 AND epoch = ?2 AND ended = 0")?
        .query_row(params![number(who.number), epoch(who)], |row| row.get(0))
        .optional()?
        .ok_or(RowError::Fenced)
}

/// The name of a number's last registration.
pub(crate) fn reg_of(conn: &Connection, who: Msisdn) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT reg FROM owners WHERE number = ?1")?
        .query_row([number(who)], |row| row.get(0))
        .optional()
}

/// Whose registration has this name, while it lasts.
pub(crate) fn number_of(conn: &Connection, reg: i64) -> rusqlite::Result<Option<Msisdn>> {
    conn.prepare_cached("SELECT number FROM owners WHERE reg = ?1 AND ended = 0")?
        .query_row([reg], |row| row.get::<_, Num>(0).map(|Num(who)| who))
        .optional()
}

/// Counts all of these budgets, or none and says which is spent.
pub(crate) fn charge(conn: &Connection, at: ServerMillis, charges: &[Charge]) -> rusqlite::Result<Option<Spent>> {
    let mut find = conn.prepare_cached("SELECT whole_at FROM budgets WHERE kind = ?1 AND a = ?2 AND b = ?3")?;
    let mut put =
        conn.prepare_cached("INSERT OR REPLACE INTO budgets (kind, a, b, whole_at) VALUES (?1, ?2, ?3, ?4)")?;
    let mut counted = Vec::with_capacity(charges.len());
    for charge in charges {
        let key = (charge.kind as u8, Bits(charge.about.0), Bits(charge.about.1));
        let stored: Option<i64> = find.query_row(key, |row| row.get(0)).optional()?;
        if let Some(healed) = stored.and_then(|stored| budget::healed(stored, at, charge)) {
            put.execute((key.0, key.1, key.2, healed))?;
        }
        match budget::charge(stored, at, charge) {
            Ok(whole_at) => counted.push((key.0, key.1, key.2, whole_at)),
            Err(retry_after) => return Ok(Some(Spent { kind: charge.kind, retry_after })),
        }
    }
    for row in counted {
        put.execute(row)?;
    }
    Ok(None)
}

pub(crate) fn start_registration(conn: &Connection, at: ServerMillis, op: &StartRegistration) -> Rows<StartOutcome> {
    let open = conn
        .prepare_cached(
            "SELECT id, expires_at, sms_at FROM attempts
             WHERE number = ?1 AND device_key = ?2 AND expires_at > ?3 AND tries_left > 0 AND epoch IS NULL",
        )?
        .query_row(params![number(op.number), op.device_key.0, at.0], |row| {
            Ok((RegistrationId(row.get(0)?), ServerMillis(row.get(1)?), ServerMillis(row.get(2)?)))
        })
        .optional()?;
    if let Some((_, _, sms_at)) = open {
        let next_sms = sms_at.after(op.resend_after);
        if next_sms > at {
            return Ok(StartOutcome::TooSoon { retry_after: next_sms.since(at) });
        }
    }
    if let Some(spent) = charge(conn, at, &op.charges)? {
        return Ok(StartOutcome::Spent(spent));
    }
    if let Some((id, expires_at, _)) = open {
        conn.prepare_cached("UPDATE attempts SET sms_at = ?2 WHERE id = ?1")?.execute(params![id.0, at.0])?;
        return Ok(StartOutcome::Open { id, expires_at });
    }
    conn.prepare_cached("DELETE FROM attempts WHERE number = ?1 AND device_key = ?2")?
        .execute(params![number(op.number), op.device_key.0])?;
    conn.prepare_cached(
        "INSERT INTO attempts (id, number, device_key, token_digest, code_digest, expires_at, tries_left, sms_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        op.id.0,
        number(op.number),
        op.device_key.0,
        op.token_digest,
        op.code_digest,
        op.expires_at.0,
        op.tries,
        at.0
    ])?;
    Ok(StartOutcome::Open { id: op.id, expires_at: op.expires_at })
}

/// The time of the SMS is what fences: it is gone with the first giving back.
pub(crate) fn take_back_sms(conn: &Connection, at: ServerMillis, op: &TakeBackSms) -> Rows<()> {
    let fenced = conn
        .prepare_cached("UPDATE attempts SET sms_at = ?3 WHERE id = ?1 AND sms_at = ?2")?
        .execute(params![op.id.0, op.ordered_at.0, i64::MIN])?;
    if fenced == 0 {
        return Ok(());
    }
    let mut find = conn.prepare_cached("SELECT whole_at FROM budgets WHERE kind = ?1 AND a = ?2 AND b = ?3")?;
    let mut put = conn.prepare_cached("UPDATE budgets SET whole_at = ?4 WHERE kind = ?1 AND a = ?2 AND b = ?3")?;
    for charge in &op.charges {
        let (kind, a, b) = (charge.kind as u8, Bits(charge.about.0), Bits(charge.about.1));
        let stored: Option<i64> = find.query_row(params![kind, a, b], |row| row.get(0)).optional()?;
        if let Some(less) = stored.and_then(|stored| budget::give_back(stored, op.ordered_at, at, charge)) {
            put.execute(params![kind, a, b, less])?;
        }
    }
    Ok(())
}

pub(crate) fn find_attempt(conn: &Connection, at: ServerMillis, id: RegistrationId) -> Rows<Option<Attempt>> {
    let found = conn
        .prepare_cached(
            "SELECT number, device_key, token_digest, code_digest, tries_left FROM attempts
             WHERE id = ?1 AND expires_at > ?2",
        )?
        .query_row(params![id.0, at.0], |row| {
            Ok(Attempt {
                number: row.get::<_, Num>(0)?.0,
                device_key: DeviceKey(row.get(1)?),
                token_digest: row.get(2)?,
                code_digest: row.get(3)?,
                tries_left: row.get(4)?,
            })
        })
        .optional()?;
    Ok(found)
}

pub(crate) fn confirm_registration(
    conn: &Connection,
    at: ServerMillis,
    op: &ConfirmRegistration,
) -> Rows<ConfirmOutcome> {
    let Some(attempt) = find_attempt(conn, at, op.id)? else {
        return Ok(ConfirmOutcome::Gone);
    };
    if let Some(used_for) = used_for(conn, op.id)? {
        return confirmed_before(conn, op, &attempt, used_for);
    }
    if attempt.tries_left == 0 {
        return Ok(ConfirmOutcome::UsedUp);
    }
    if !op.proven {
        conn.prepare_cached("UPDATE attempts SET tries_left = tries_left - 1 WHERE id = ?1")?.execute([op.id.0])?;
        return Ok(match attempt.tries_left - 1 {
            0 => ConfirmOutcome::UsedUp,
            tries_left => ConfirmOutcome::Wrong { tries_left },
        });
    }
    let mut aftermath = Aftermath::default();
    let (who, new_epoch) = next_owner(conn, at, &attempt, &mut aftermath)?;
    conn.prepare_cached("UPDATE attempts SET epoch = ?2 WHERE id = ?1")?.execute(params![op.id.0, epoch(who)])?;
    let (reg, open) = if new_epoch { (next_reg(conn)?, false) } else { reg_and_open(conn, who)? };
    conn.prepare_cached(
        "INSERT OR REPLACE INTO owners (number, epoch, device_key, sealing_id, sealing_public, sealing_signature,
         imsi, lease_until, ended, generation, reg, open) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11)",
    )?
    .execute(params![
        number(who.number),
        epoch(who),
        attempt.device_key.0,
        op.sealing_key.id.0,
        op.sealing_key.public,
        Sig(op.sealing_key.signature),
        op.imsi.map(|ImsiToken(token)| token),
        op.lease_until.0,
        next_generation(conn)?,
        reg,
        open
    ])?;
    if opens::showing(conn)?.shows(open) {
        opens::want(conn, reg)?;
    }
    aftermath.viewers.extend(matching::viewers_of(conn, who.number)?);
    tidy(&mut aftermath);
    Ok(ConfirmOutcome::Registered { owner: who, new_epoch, aftermath })
}

fn reg_and_open(conn: &Connection, who: Owner) -> Rows<(i64, bool)> {
    let open = conn
        .prepare_cached("SELECT open FROM owners WHERE number = ?1")?
        .query_row([number(who.number)], |row| row.get(0))?;
    Ok((present_reg(conn, who)?, open))
}

fn used_for(conn: &Connection, id: RegistrationId) -> rusqlite::Result<Option<Bits>> {
    conn.prepare_cached("SELECT epoch FROM attempts WHERE id = ?1")?.query_row([id.0], |row| row.get(0))
}

/// The reply was lost and the same is asked again: the same answer, as long as it is true.
fn confirmed_before(
    conn: &Connection,
    op: &ConfirmRegistration,
    attempt: &Attempt,
    used_for: Bits,
) -> Rows<ConfirmOutcome> {
    let owner = owner(number(attempt.number), used_for);
    if !op.proven || !is_present(conn, owner)? {
        return Ok(ConfirmOutcome::Gone);
    }
    Ok(ConfirmOutcome::Registered { owner, new_epoch: false, aftermath: Aftermath::default() })
}

/// The same key keeps its epoch; another one ends the owner before it and begins the next.
fn next_owner(
    conn: &Connection,
    at: ServerMillis,
    attempt: &Attempt,
    aftermath: &mut Aftermath,
) -> Rows<(Owner, bool)> {
    let before = conn
        .prepare_cached("SELECT epoch, device_key, ended FROM owners WHERE number = ?1")?
        .query_row([number(attempt.number)], |row| {
            Ok((row.get::<_, Bits>(0)?.0, DeviceKey(row.get(1)?), row.get::<_, bool>(2)?))
        })
        .optional()?;
    let of = |epoch| Owner { number: attempt.number, epoch: NumberEpoch(epoch) };
    match before {
        None => Ok((of(1), true)),
        Some((epoch, key, false)) if key == attempt.device_key => Ok((of(epoch), false)),
        Some((epoch, _, ended)) => {
            if !ended {
                *aftermath = end_owner(conn, at, of(epoch), true)?;
            }
            Ok((of(epoch.saturating_add(1)), true))
        }
    }
}

pub(crate) fn end_registration(conn: &Connection, at: ServerMillis, who: Owner) -> Rows<Aftermath> {
    fence(conn, who)?;
    end_owner(conn, at, who, false)
}

pub(crate) fn withdraw_registration(
    conn: &Connection,
    at: ServerMillis,
    of: Msisdn,
    key: DeviceKey,
) -> Rows<Option<(Owner, Aftermath)>> {
    conn.prepare_cached("DELETE FROM attempts WHERE number = ?1 AND device_key = ?2")?
        .execute(params![number(of), key.0])?;
    let Some(row) = present(conn, of)?.filter(|row| row.device_key == key) else {
        return Ok(None);
    };
    let who = Owner { number: of, epoch: row.epoch };
    Ok(Some((who, end_owner(conn, at, who, false)?)))
}

/// The owner is no more: it sees nothing, nobody sees it, and texts for it have ended.
pub(crate) fn end_owner(conn: &Connection, at: ServerMillis, who: Owner, replaced: bool) -> Rows<Aftermath> {
    let mut aftermath = Aftermath::default();
    conn.prepare_cached(
        "INSERT OR REPLACE INTO past_owners (number, epoch, device_key, replaced)
         SELECT number, epoch, device_key, ?2 FROM owners WHERE number = ?1",
    )?
    .execute(params![number(who.number), replaced])?;
    conn.prepare_cached("UPDATE owners SET ended = 1 WHERE number = ?1")?.execute([number(who.number)])?;
    opens::end(conn, who.number, &mut aftermath.viewers)?;
    let waiting: Vec<TextKey> = conn
        .prepare_cached(
            "SELECT sender, device_epoch, counter FROM texts WHERE recipient = ?1 AND end_state IS NULL ORDER BY ord",
        )?
        .query_map([number(who.number)], texts::key_of)?
        .collect::<Result<_, _>>()?;
    for key in waiting {
        aftermath.senders.push(key.0);
        texts::end_text(conn, key, TerminalState::RecipientChanged, at)?;
    }
    // Its own view ended with it.
    aftermath.viewers.retain(|viewer| *viewer != who.number);
    tidy(&mut aftermath);
    Ok(aftermath)
}

pub(crate) fn find_session_key(conn: &Connection, who: Owner) -> Rows<SessionKey> {
    if let Some(row) = present(conn, who.number)?.filter(|row| row.epoch == who.epoch) {
        return Ok(SessionKey::Present { device_key: row.device_key, lease_until: row.lease_until });
    }
    let replaced: Option<[u8; 32]> = conn
        .prepare_cached("SELECT device_key FROM past_owners WHERE number = ?1 AND epoch = ?2 AND replaced = 1")?
        .query_row(params![number(who.number), epoch(who)], |row| row.get(0))
        .optional()?;
    Ok(replaced.map_or(SessionKey::Unknown, |key| SessionKey::Replaced { device_key: DeviceKey(key) }))
}

pub(crate) fn renew_leases(conn: &Connection, leases: &[(Owner, ServerMillis)]) -> Rows<()> {
    let mut renew = conn.prepare_cached(
        "UPDATE owners SET lease_until = ?3, generation = ?4
         WHERE number = ?1 AND epoch = ?2 AND ended = 0 AND lease_until < ?3",
    )?;
    for (who, until) in leases {
        let generation = next_generation(conn)?;
        renew.execute(params![number(who.number), epoch(*who), until.0, generation])?;
    }
    Ok(())
}

/// A lease that ran out by itself stays as it is.
pub(crate) fn end_lease(conn: &Connection, at: ServerMillis, of: Msisdn) -> Rows<Vec<Msisdn>> {
    let ended = conn
        .prepare_cached(
            "UPDATE owners SET lease_until = ?2, generation = ?3 WHERE number = ?1 AND ended = 0 AND lease_until > ?2",
        )?
        .execute(params![number(of), at.0, next_generation(conn)?])?;
    if ended == 0 { Ok(Vec::new()) } else { Ok(matching::viewers_of(conn, of)?) }
}

pub(crate) fn publish_sealing_key(conn: &Connection, who: Owner, key: &SealingKey) -> Rows<Vec<Msisdn>> {
    fence(conn, who)?;
    let changed = conn
        .prepare_cached(
            "UPDATE owners SET sealing_id = ?2, sealing_public = ?3, sealing_signature = ?4, generation = ?5
             WHERE number = ?1 AND sealing_id < ?2",
        )?
        .execute(params![number(who.number), key.id.0, key.public, Sig(key.signature), next_generation(conn)?])?;
    if changed == 0 {
        return Ok(Vec::new());
    }
    Ok(matching::viewers_of(conn, who.number)?)
}

/// Owners whose lease ran out long ago.
pub(crate) fn silent(conn: &Connection, before: ServerMillis, limit: u32) -> rusqlite::Result<Vec<Owner>> {
    conn.prepare_cached(
        "SELECT number, epoch FROM owners WHERE ended = 0 AND lease_until < ?1 ORDER BY number LIMIT ?2",
    )?
    .query_map(params![before.0, limit], |row| Ok(owner(row.get(0)?, row.get(1)?)))?
    .collect()
}

/// Each once, in order.
pub(crate) fn tidy(aftermath: &mut Aftermath) {
    for numbers in [&mut aftermath.viewers, &mut aftermath.senders] {
        numbers.sort_unstable();
        numbers.dedup();
    }
}
