//! The tables, by version. A migration is never changed once released; the next one is added.

/// "TAND": tells our files from others.
pub(crate) const APPLICATION_ID: i32 = 0x5441_4E44;

/// From version `index` to version `index + 1`.
pub(crate) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE meta (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    policy      INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    ord         INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, 0);

CREATE TABLE attempts (
    id           BLOB    NOT NULL PRIMARY KEY,
    number       INTEGER NOT NULL,
    device_key   BLOB    NOT NULL,
    token_digest BLOB    NOT NULL,
    code_digest  BLOB    NOT NULL,
    expires_at   INTEGER NOT NULL,
    tries_left   INTEGER NOT NULL,
    sms_at       INTEGER NOT NULL,
    epoch        INTEGER,
    UNIQUE (number, device_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_expire ON attempts (expires_at);

CREATE TABLE owners (
    number            INTEGER NOT NULL PRIMARY KEY,
    epoch             INTEGER NOT NULL,
    device_key        BLOB    NOT NULL,
    sealing_id        INTEGER NOT NULL,
    sealing_public    BLOB    NOT NULL,
    sealing_signature BLOB    NOT NULL,
    imsi              BLOB,
    lease_until       INTEGER NOT NULL,
    ended             INTEGER NOT NULL,
    generation        INTEGER NOT NULL
) STRICT;
CREATE INDEX owners_silent ON owners (lease_until) WHERE ended = 0;

CREATE TABLE past_owners (
    number     INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    device_key BLOB    NOT NULL,
    replaced   INTEGER NOT NULL,
    PRIMARY KEY (number, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE contacts (
    owner   INTEGER NOT NULL,
    contact INTEGER NOT NULL,
    stale   INTEGER NOT NULL,
    PRIMARY KEY (owner, contact)
) STRICT, WITHOUT ROWID;
CREATE INDEX contacts_holders ON contacts (contact, owner);

CREATE TABLE marks (
    viewer     INTEGER NOT NULL,
    seen       INTEGER NOT NULL,
    visible    INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (viewer, seen)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_seen ON marks (seen, viewer) WHERE visible = 1;

CREATE TABLE texts (
    sender          INTEGER NOT NULL,
    device_epoch    INTEGER NOT NULL,
    counter         INTEGER NOT NULL,
    sender_epoch    INTEGER NOT NULL,
    recipient       INTEGER NOT NULL,
    recipient_epoch INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    sealed          BLOB,
    stored_at       INTEGER,
    expires_at      INTEGER NOT NULL,
    ord             INTEGER NOT NULL,
    end_state       INTEGER,
    end_at          INTEGER,
    end_ord         INTEGER,
    end_taken       INTEGER NOT NULL DEFAULT 0,
    read_ord        INTEGER,
    read_taken      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sender, device_epoch, counter)
) STRICT;
CREATE INDEX texts_waiting ON texts (recipient, ord) WHERE end_state IS NULL;
CREATE INDEX texts_expire ON texts (expires_at) WHERE end_state IS NULL;
CREATE INDEX texts_ends ON texts (sender, end_ord) WHERE end_state IS NOT NULL AND end_taken = 0;
CREATE INDEX texts_reads ON texts (sender, read_ord) WHERE read_ord IS NOT NULL AND read_taken = 0;
CREATE INDEX texts_forget ON texts (end_at) WHERE end_state IS NOT NULL;

CREATE TABLE mailboxes (
    number INTEGER NOT NULL PRIMARY KEY,
    texts  INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT;

CREATE TABLE budgets (
    kind     INTEGER NOT NULL,
    a        INTEGER NOT NULL,
    b        INTEGER NOT NULL,
    whole_at INTEGER NOT NULL,
    PRIMARY KEY (kind, a, b)
) STRICT, WITHOUT ROWID;
CREATE INDEX budgets_whole ON budgets (whole_at);
",
    "
CREATE TABLE attached (
    key        BLOB    NOT NULL,
    epoch      INTEGER NOT NULL,
    nas        BLOB    NOT NULL,
    number     INTEGER,
    start      INTEGER NOT NULL,
    latest     INTEGER NOT NULL,
    v4         BLOB,
    v6         BLOB,
    delegated  BLOB,
    since      INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    other      INTEGER NOT NULL,
    ended      INTEGER,
    was_last   INTEGER NOT NULL,
    unclear    INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (key, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE restarts (
    nas BLOB    NOT NULL,
    at  INTEGER NOT NULL,
    PRIMARY KEY (nas, at)
) STRICT, WITHOUT ROWID;
",
    // Phones tell tokens in the place of numbers, all of them at their next session, because nothing is held of them. Marks end
    // here and come back when both sides have told: one that went on on the strength of a number could not be withdrawn.
    "
ALTER TABLE meta ADD COLUMN opening INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN reg     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN link    INTEGER NOT NULL DEFAULT 0;

ALTER TABLE owners ADD COLUMN reg  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE owners ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
UPDATE owners SET reg = numbered.place
    FROM (SELECT number, row_number() OVER (ORDER BY number) AS place FROM owners) AS numbered
    WHERE owners.number = numbered.number;
UPDATE meta SET reg = (SELECT count(*) FROM owners);
CREATE INDEX owners_reg ON owners (reg) WHERE ended = 0;
CREATE INDEX owners_open ON owners (number) WHERE open = 1 AND ended = 0;

CREATE TABLE mark_keys (
    id        INTEGER NOT NULL PRIMARY KEY,
    public    BLOB    NOT NULL,
    state     INTEGER NOT NULL,
    filled_to INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    key   INTEGER NOT NULL,
    reg   INTEGER NOT NULL,
    token BLOB    NOT NULL,
    kind  INTEGER NOT NULL,
    round INTEGER NOT NULL,
    PRIMARY KEY (key, reg, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_blocked ON tokens (reg) WHERE kind = 1;

CREATE TABLE holders (
    token BLOB    NOT NULL,
    key   INTEGER NOT NULL,
    reg   INTEGER NOT NULL,
    PRIMARY KEY (token, key, reg)
) STRICT, WITHOUT ROWID;

CREATE TABLE told (
    key           INTEGER NOT NULL,
    reg           INTEGER NOT NULL,
    count         INTEGER NOT NULL,
    digest        BLOB    NOT NULL,
    round         INTEGER NOT NULL,
    syncing       INTEGER NOT NULL,
    named_pairs   INTEGER NOT NULL,
    named_numbers INTEGER NOT NULL,
    named_blocked INTEGER NOT NULL,
    PRIMARY KEY (key, reg)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_regs (
    reg INTEGER NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE opens (
    token  BLOB    NOT NULL,
    key    INTEGER NOT NULL,
    reg    INTEGER NOT NULL,
    linked INTEGER NOT NULL,
    PRIMARY KEY (token, key, reg)
) STRICT, WITHOUT ROWID;
CREATE INDEX opens_owner ON opens (key, reg);
CREATE INDEX opens_unlinked ON opens (linked) WHERE linked >= 0;

CREATE TABLE opens_due (
    reg INTEGER NOT NULL,
    key INTEGER NOT NULL,
    PRIMARY KEY (reg, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    id     INTEGER NOT NULL PRIMARY KEY,
    a      INTEGER NOT NULL,
    b      INTEGER NOT NULL,
    token  BLOB    NOT NULL,
    key    INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    state  INTEGER NOT NULL,
    by     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX links_token ON links (token, a, b);
CREATE INDEX links_ab ON links (a, b);
CREATE INDEX links_ba ON links (b, a);
CREATE INDEX links_pending ON links (id) WHERE state IN (0, 2);
CREATE INDEX links_key ON links (key);

UPDATE meta SET generation = generation + 1;
UPDATE marks SET visible = 0, generation = (SELECT generation FROM meta) WHERE visible = 1;
DROP TABLE contacts;
",
    "
CREATE TABLE consents (
    owner        INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    owner_epoch  INTEGER NOT NULL,
    number_epoch INTEGER NOT NULL,
    PRIMARY KEY (owner, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_number ON consents (number);
",
];
