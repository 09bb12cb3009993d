//! Why a statement failed, in the words of the database; what is to be done about it says `database::Failure`.

use rusqlite::types::FromSqlError;

/// A failure of a statement or of reading a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no row where one was asked for.
    #[error("the query returned no row")]
    NoRows,
    /// A value is not of the type that was asked for.
    #[error("a value cannot be read: {0}")]
    Value(#[from] FromSqlError),
    /// A value is of a type that no column has.
    #[error("a value of this type is not stored")]
    Unstorable,
    /// SQLite's own.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL's own, or that of the way to it.
    #[error("{}", told(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The server cannot be reached, or not be asked.
    #[error("{0}")]
    Away(String),
    /// The server is one that could lose what it acknowledges.
    #[error("{0}")]
    Unfit(String),
    /// Nobody knows whether a transaction has happened.
    #[error("the server did not say that the transaction is on its disks")]
    Uncertain,
}

/// What becomes of a statement.
pub type Result<T> = std::result::Result<T, Error>;

/// Its own words say where the failure is, and those of its causes what it is.
fn told(error: &tokio_postgres::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// Takes a missing row for an answer.
pub trait OptionalExtension<T> {
    /// The row, or `None` where there is none.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRows) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
