//! What can go wrong with a database, told apart by what has to be done about it.

use std::io;
use std::path::{Path, PathBuf};

use keymuster_core::codes::{self, Code};
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use tokio_postgres::error::SqlState;

use crate::sql;

/// Why the database did not do what was asked of it; nothing of the transaction has happened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is no room to write; reading still works, and writing does again once there is room.
    #[error("the disk of the database is full; free some space, nothing else is needed")]
    DiskFull,
    /// Another process kept the database locked for longer than we wait.
    #[error("the database is locked by another program; try again, and see which program keeps it open")]
    Busy,
    /// A row that no version of this program writes: the disk or somebody else did.
    #[error("the database contradicts itself: table {table}, column {column}, row {row}: {reason}; restore a backup")]
    Damaged {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The key of the row.
        row: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The file as a whole is not a sound SQLite database.
    #[error("the database file is damaged: {0}; restore a backup")]
    Corrupt(#[source] rusqlite::Error),
    /// A newer version of this program has changed the schema.
    #[error(
        "the database was made by a newer version of this program (schema {found}, this version knows {known}); \
         install that version again"
    )]
    Newer {
        /// The version of the schema that was found.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// The file system refused.
    #[error("cannot {verb} the database {path}: {source}", path = path.display())]
    Io {
        /// What was attempted.
        verb: &'static str,
        /// The database file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The server of the database cannot be reached, or does not take what is written; it is tried again each time.
    #[error("the database cannot be used at the moment: {0}; nothing has to be done here once it can be")]
    Away(#[source] sql::Error),
    /// The database is one that must not be used, or its place is not readable.
    #[error("the database is not fit for use: {0}")]
    Unfit(String),
    /// An answer that is not what was asked for.
    #[error("the database failed: {0}")]
    Statement(#[source] sql::Error),
    /// The disk fails. Nothing is tried again here: what a failed sync should have made last may be gone, and only a new
    /// transaction writes it anew.
    #[error(
        "the disk of the database fails ({0}); look into the system's log, and move to another disk if it goes on: what was \
         acknowledged before is not touched"
    )]
    Disk(#[source] rusqlite::Error),
    /// Anything else that SQLite reports.
    #[error("the database failed: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl Failure {
    /// The failure of a row whose content contradicts what this program writes.
    pub fn damaged(
        table: impl Into<String>,
        column: impl Into<String>,
        row: impl ToString,
        reason: impl Into<String>,
    ) -> Failure {
        Failure::Damaged { table: table.into(), column: column.into(), row: row.to_string(), reason: reason.into() }
    }

    /// The stable code by which it is explained, where there is one.
    pub fn code(&self) -> Option<&'static Code> {
        match self {
            Failure::DiskFull | Failure::Disk(_) | Failure::Away(_) => Some(&codes::HOST_READ_ONLY),
            Failure::Damaged { .. } | Failure::Corrupt(_) => Some(&codes::DATABASE_DAMAGED),
            Failure::Newer { .. } => Some(&codes::DATABASE_NEWER),
            Failure::Io { source, .. } => {
                use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
                let is_unwritable = matches!(source.kind(), NotADirectory | PermissionDenied | ReadOnlyFilesystem);
                is_unwritable.then_some(&codes::STORE_UNWRITABLE)
            }
            Failure::Busy | Failure::Unfit(_) | Failure::Statement(_) | Failure::Sqlite(_) => None,
        }
    }

    pub(super) fn io(verb: &'static str, path: &Path, source: io::Error) -> Failure {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::DiskFull,
            _ => Failure::Io { verb, path: path.to_owned(), source },
        }
    }
}

impl From<sql::Error> for Failure {
    fn from(error: sql::Error) -> Failure {
        match error {
            sql::Error::Sqlite(error) => Failure::from(error),
            sql::Error::Postgres(error) => of_server(error),
            sql::Error::Unfit(why) => Failure::Unfit(why),
            sql::Error::Away(_) | sql::Error::Uncertain => Failure::Away(error),
            error => Failure::Statement(error),
        }
    }
}

/// What a PostgreSQL said, or the way to it.
fn of_server(error: tokio_postgres::Error) -> Failure {
    let Some(state) = error.code().map(SqlState::code) else {
        // The library tells its own mistakes by these words alone.
        let words = error.to_string();
        let is_ours = ["error serializing", "error deserializing", "invalid column", "expected "];
        let is_ours = is_ours.iter().any(|begin| words.starts_with(begin));
        let error = sql::Error::Postgres(error);
        return if is_ours { Failure::Statement(error) } else { Failure::Away(error) };
    };
    match state {
        "53100" => Failure::DiskFull,
        // Somebody else kept a lock for too long.
        "55P03" | "40001" | "40P01" => Failure::Busy,
        // It does not take us, does not take orders to write, or is going down.
        "25006" | "53300" | "57014" | "3D000" => Failure::Away(error.into()),
        other if ["08", "28", "57P"].iter().any(|class| other.starts_with(class)) => Failure::Away(error.into()),
        _ => Failure::Statement(error.into()),
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        let Some(sqlite) = error.sqlite_error() else { return Failure::Sqlite(error) };
        match sqlite.code {
            ErrorCode::DiskFull => Failure::DiskFull,
            // The index of the write-ahead log could not grow: the one place where SQLite does not say "full".
            ErrorCode::SystemIoFailure if sqlite.extended_code == SQLITE_IOERR_SHMSIZE => Failure::DiskFull,
            ErrorCode::SystemIoFailure => Failure::Disk(error),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Failure::Busy,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Failure::Corrupt(error),
            _ => Failure::Sqlite(error),
        }
    }
}
