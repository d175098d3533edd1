//! What `SQLite`'s errors mean for a caller. Only codes are passed on: `SQLite`'s own texts may quote statements.

use std::path::Path;

use crate::records::StoreError;

/// Primary result codes of `SQLite` (<https://www.sqlite.org/rescode.html>).
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const AUTH: i32 = 23;
    pub(super) const NOTADB: i32 = 26;
}

/// Translates an error of the database in `path`: what passes by itself is [`StoreError::Unavailable`], what needs
/// somebody to act is [`StoreError::Invalid`] with the remedy.
pub(super) fn store_error(path: &Path, error: &sqlx::Error) -> StoreError {
    let path = path.display();
    let invalid = |rule: &str| StoreError::Invalid(format!("{path} {rule}"));
    let number = match error {
        sqlx::Error::Database(database) => database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0),
        sqlx::Error::PoolTimedOut => return StoreError::Unavailable("all connections are in use".into()),
        sqlx::Error::PoolClosed => return StoreError::Unavailable("it is shutting down".into()),
        sqlx::Error::Io(error) => return StoreError::Unavailable(format!("input/output error ({})", error.kind())),
        _ => return invalid("cannot be read as a records store: restore it from a backup"),
    };
    match number & 0xff {
        code::BUSY | code::LOCKED => StoreError::Unavailable("the database is locked by another writer".into()),
        code::NOMEM => StoreError::Unavailable("out of memory".into()),
        code::IOERR => StoreError::Unavailable(format!("disk error (SQLite code {number})")),
        code::READONLY => invalid("is read-only: make the file, its folder and its volume writable"),
        code::FULL => invalid("has no space left: enlarge the volume; nothing of the refused write was stored"),
        code::CORRUPT | code::NOTADB => invalid("is damaged or no database: restore it from a backup"),
        code::PERM | code::CANTOPEN | code::AUTH => {
            invalid("cannot be opened: check that its folder exists and is writable")
        }
        _ => invalid(&format!("refused a statement (SQLite code {number}): report this as a defect")),
    }
}
