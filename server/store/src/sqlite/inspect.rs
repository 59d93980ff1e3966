//! Looking at the file without changing it or anything beside it.

use super::SqliteStore;
use super::open::{
    OpenError, SqliteConfig, check_header, check_kind, check_whole, has_log, lone_log, refuse_lost, sign_of_life,
};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

impl SqliteStore {
    /// Whether the file could be opened, and holds anything a lost key would be missed for. Nothing is made and nothing
    /// changed; no server may use the file meanwhile.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn inspect(config: &SqliteConfig) -> Result<bool, OpenError> {
        let sign = sign_of_life(config);
        if !check_header(&config.path)? {
            refuse_lost(sign.or_else(|| lone_log(config)).as_deref())?;
            return Ok(false);
        }
        let conn = look_into(&config.path)?;
        conn.busy_timeout(config.busy_wait)?;
        if check_kind(&conn)? == 0 {
            refuse_lost(sign.as_deref())?;
            return Ok(false);
        }
        check_whole(&conn)?;
        Ok(holds_registrations(&conn)?)
    }

    /// Whether anybody is registered, was, or is about to be.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn holds_registrations(&self) -> Result<bool, OpenError> {
        Ok(holds_registrations(&self.conn)?)
    }
}

fn holds_registrations(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("SELECT EXISTS (SELECT 1 FROM owners) OR EXISTS (SELECT 1 FROM attempts)", [], |row| row.get(0))
}

/// A log is part of the database: it is read with the index of it kept in memory, and left as it is at the end. Without one
/// the file is read as if nobody could ever write it, which makes none.
fn look_into(path: &Path) -> Result<Connection, OpenError> {
    let plain = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    if !has_log(path) {
        let uri = format!("file:{}?immutable=1", escaped(path));
        return Ok(Connection::open_with_flags(uri, plain | OpenFlags::SQLITE_OPEN_READ_ONLY)?);
    }
    let conn =
        Connection::open_with_flags(format!("file:{}", escaped(path)), plain | OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    Ok(conn)
}

/// A path as part of a URI.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
