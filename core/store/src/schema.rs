//! The tables, and how a file of an older build becomes one of this build.

use crate::outcome::StoreError;
use rusqlite::Connection;

/// "TNDM": tells our files from everybody else's (SQLite's `application_id`).
pub(crate) const APPLICATION_ID: i64 = 0x544E_444D;

/// One step per version, the first from an empty file. A step that was released is never edited.
const MIGRATIONS: [&str; 3] = [V1, V2, V3];

/// The newest version this build knows.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

const V1: &str = "
CREATE TABLE meta (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    device_epoch INTEGER NOT NULL,
    next_text    INTEGER NOT NULL,
    next_log     INTEGER NOT NULL
) STRICT;

-- phase: 0 asking, 1 proving, 2 registered, 3 unregistering; each has exactly its own columns. Epochs count from 1:
-- unregistering with 0 is the end of what the server may have registered without its word ever coming.
CREATE TABLE registration (
    line            INTEGER NOT NULL PRIMARY KEY,
    number          INTEGER NOT NULL,
    device_key      INTEGER NOT NULL,
    sealing_key     INTEGER NOT NULL,
    typed           INTEGER NOT NULL CHECK (typed IN (0, 1)),
    imsi_token      BLOB CHECK (length(imsi_token) = 32),
    phase           INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 3),
    registration_id BLOB CHECK (length(registration_id) = 16),
    expires_at      INTEGER,
    imsi_key        BLOB CHECK (length(imsi_key) = 32),
    epoch           INTEGER,
    since           INTEGER,
    CHECK ((registration_id IS NOT NULL) = (phase = 1)),
    CHECK ((expires_at IS NOT NULL) = (phase = 1)),
    CHECK ((imsi_key IS NOT NULL) = (phase IN (1, 2))),
    CHECK ((epoch IS NOT NULL) = (phase IN (2, 3))),
    CHECK ((since IS NOT NULL) = (phase = 2))
) STRICT;

-- The one order of a conversation, across both directions: the order in which its texts became durable here. The words
-- stand here, so that a changed status rewrites none of them. No words: a received text that could not be opened.
CREATE TABLE thread (
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    peer     INTEGER NOT NULL,
    body     TEXT
) STRICT;
CREATE INDEX thread_by_peer ON thread (peer, position);

-- status: 0 pending, 1 stored, 2 carrier sms, 3 sms failed, 4 refused, 5 ended, 6 left behind.
-- ending: 0 delivered, 1 expired, 2 cancelled, 3 handed to sms, 4 recipient changed.
CREATE TABLE outgoing (
    position     INTEGER NOT NULL PRIMARY KEY REFERENCES thread (position),
    device_epoch INTEGER NOT NULL,
    counter      INTEGER NOT NULL,
    line         INTEGER NOT NULL,
    recipient    INTEGER NOT NULL,
    to_epoch     INTEGER,
    seq          INTEGER,
    written_at   INTEGER NOT NULL,
    status       INTEGER NOT NULL CHECK (status BETWEEN 0 AND 6),
    ending       INTEGER CHECK (ending BETWEEN 0 AND 4),
    seen         INTEGER NOT NULL CHECK (seen IN (0, 1)),
    stored_at    INTEGER,
    UNIQUE (device_epoch, counter),
    CHECK ((ending IS NOT NULL) = (status = 5))
) STRICT;
CREATE INDEX outgoing_open ON outgoing (position) WHERE status IN (0, 1, 3);

-- Outlives the texts it was counted from.
CREATE TABLE sent_seq (
    device_epoch INTEGER NOT NULL,
    recipient    INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY (device_epoch, recipient)
) STRICT, WITHOUT ROWID;

-- bearer: 0 data, 1 carrier. receipt: 0 none, 1 owed, 2 sent.
CREATE TABLE incoming (
    position     INTEGER NOT NULL PRIMARY KEY REFERENCES thread (position),
    line         INTEGER NOT NULL,
    sender       INTEGER NOT NULL,
    device_epoch INTEGER NOT NULL,
    counter      INTEGER NOT NULL,
    seq          INTEGER,
    gap_before   INTEGER NOT NULL,
    bearer       INTEGER NOT NULL CHECK (bearer IN (0, 1)),
    sent_at      INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    seen         INTEGER NOT NULL CHECK (seen IN (0, 1)),
    receipt      INTEGER NOT NULL CHECK (receipt IN (0, 1, 2)),
    UNIQUE (sender, device_epoch, counter)
) STRICT;
CREATE INDEX incoming_owed ON incoming (position) WHERE receipt = 1;

CREATE TABLE received_seq (
    sender       INTEGER NOT NULL,
    device_epoch INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY (sender, device_epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE marks_seen (
    line       INTEGER NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT;

-- An unmarked number has none of the columns from epoch on.
CREATE TABLE mark (
    line              INTEGER NOT NULL REFERENCES marks_seen (line) ON DELETE CASCADE,
    number            INTEGER NOT NULL,
    generation        INTEGER NOT NULL,
    epoch             INTEGER,
    device_key        BLOB CHECK (length(device_key) = 32),
    sealing_id        INTEGER,
    sealing_public    BLOB CHECK (length(sealing_public) = 32),
    sealing_signature BLOB CHECK (length(sealing_signature) = 64),
    lease_until       INTEGER,
    PRIMARY KEY (line, number),
    CHECK ((epoch IS NULL) = (device_key IS NULL)),
    CHECK ((epoch IS NULL) = (sealing_id IS NULL)),
    CHECK ((epoch IS NULL) = (sealing_public IS NULL)),
    CHECK ((epoch IS NULL) = (sealing_signature IS NULL)),
    CHECK ((epoch IS NULL) = (lease_until IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE contact (
    number INTEGER NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE preference (
    contact TEXT NOT NULL PRIMARY KEY,
    number  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- finish: 0 hung up, 1 peer hung up, 2 cancelled, 3 refused, 4 busy, 5 no answer, 6 missed, 7 superseded, 8 quit,
-- 9 carrier, 10 media lost, 11 peer lost, 12 rejected, 13 carrier failed.
CREATE TABLE log (
    id         INTEGER NOT NULL PRIMARY KEY,
    call       BLOB CHECK (length(call) = 16),
    line       INTEGER NOT NULL,
    peer       INTEGER,
    dialed     TEXT,
    outgoing   INTEGER NOT NULL CHECK (outgoing IN (0, 1)),
    started_at INTEGER NOT NULL,
    finish     INTEGER CHECK (finish BETWEEN 0 AND 13),
    CHECK ((peer IS NULL) <> (dialed IS NULL))
) STRICT;
CREATE INDEX log_open ON log (id) WHERE finish IS NULL;

-- why: 0 own offline, 1 own too slow, 2 own unmeasured, 3 peer too slow, 4 peer offline, 5 peer not seen lately,
-- 6 peer not available, 7 no answer in time, 8 media failed, 9 not registered, 10 store failed.
CREATE TABLE log_leg (
    log       INTEGER NOT NULL REFERENCES log (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    bearer    INTEGER NOT NULL CHECK (bearer IN (0, 1)),
    talked_ms INTEGER NOT NULL,
    why       INTEGER CHECK (why BETWEEN 0 AND 10),
    PRIMARY KEY (log, position)
) STRICT, WITHOUT ROWID;

-- standing_choice: 0 ask, 1 carrier.
CREATE TABLE settings (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    standing_choice INTEGER NOT NULL CHECK (standing_choice IN (0, 1)),
    read_receipts   INTEGER NOT NULL CHECK (read_receipts IN (0, 1))
) STRICT;
";

/// How many texts of somebody are unread.
const V2: &str = "CREATE INDEX incoming_unread ON incoming (sender) WHERE seen = 0;";

/// Private matching of contacts.
const V3: &str = "
-- Every key ever shown: a retired one's row stays, so that its name is never taken by another.
CREATE TABLE mark_key (
    id     INTEGER NOT NULL PRIMARY KEY,
    public BLOB NOT NULL CHECK (length(public) = 32)
) STRICT;

CREATE TABLE pseudonym (
    key    INTEGER NOT NULL,
    number INTEGER NOT NULL,
    value  BLOB NOT NULL CHECK (length(value) = 32),
    PRIMARY KEY (key, number)
) STRICT, WITHOUT ROWID;

-- kind: 0 pair, 1 open, 2 blocked.
CREATE TABLE told (
    line   INTEGER NOT NULL,
    key    INTEGER NOT NULL,
    number INTEGER NOT NULL,
    kind   INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),
    token  BLOB NOT NULL CHECK (length(token) = 16),
    PRIMARY KEY (line, key, number, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE blocked (
    number INTEGER NOT NULL PRIMARY KEY
) STRICT;
";

/// Whose file this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing in it yet.
    New,
    /// Ours, of this or an older build.
    Ours {
        /// Its version.
        version: i64,
    },
}

/// Reads whose file this is, and changes nothing.
pub(crate) fn origin(conn: &Connection) -> Result<Origin, StoreError> {
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, objects) {
        (0, 0) if version == 0 => Ok(Origin::New),
        (APPLICATION_ID, _) if version > VERSION => Err(StoreError::Newer { found: version, known: VERSION }),
        (APPLICATION_ID, 1..) if version > 0 => Ok(Origin::Ours { version }),
        (APPLICATION_ID, _) => Err(StoreError::Damaged),
        _ => Err(StoreError::Foreign),
    }
}

/// Brings the file to this build's version in one transaction, the version written last.
pub(crate) fn migrate(conn: &mut Connection, origin: Origin) -> Result<(), StoreError> {
    let from = match origin {
        Origin::New => 0,
        Origin::Ours { version } if version == VERSION => return Ok(()),
        Origin::Ours { version } => usize::try_from(version).map_err(|_| StoreError::Damaged)?,
    };
    let transaction = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for step in MIGRATIONS.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}
