//! What can go wrong with a database, told apart by what has to be done about it.

use std::io;
use std::path::{Path, PathBuf};

use keymuster_core::codes::{self, Code};
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

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
    /// Anything else that SQLite reports, input and output errors of the disk among it.
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
            Failure::DiskFull => Some(&codes::HOST_READ_ONLY),
            Failure::Damaged { .. } | Failure::Corrupt(_) => Some(&codes::DATABASE_DAMAGED),
            Failure::Newer { .. } => Some(&codes::DATABASE_NEWER),
            Failure::Io { source, .. } => {
                use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
                let is_unwritable = matches!(source.kind(), NotADirectory | PermissionDenied | ReadOnlyFilesystem);
                is_unwritable.then_some(&codes::STORE_UNWRITABLE)
            }
            Failure::Busy | Failure::Sqlite(_) => None,
        }
    }

    pub(super) fn io(verb: &'static str, path: &Path, source: io::Error) -> Failure {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::DiskFull,
            _ => Failure::Io { verb, path: path.to_owned(), source },
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        let Some(sqlite) = error.sqlite_error() else { return Failure::Sqlite(error) };
        match sqlite.code {
            ErrorCode::DiskFull => Failure::DiskFull,
            // The index of the write-ahead log could not grow: the one place where SQLite does not say "full".
            ErrorCode::SystemIoFailure if sqlite.extended_code == SQLITE_IOERR_SHMSIZE => Failure::DiskFull,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Failure::Busy,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Failure::Corrupt(error),
            _ => Failure::Sqlite(error),
        }
    }
}
