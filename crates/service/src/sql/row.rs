//! Rows of an answer, read one after the other.

use std::fmt::Display;

use rusqlite::types::{FromSql, ValueRef};

use super::postgres::Value;
use super::{Error, Result};

/// A column, by its place from 0 or by its name.
pub trait Column: rusqlite::RowIndex + tokio_postgres::row::RowIndex + Display {}

impl Column for usize {}
impl Column for &str {}

/// One row; it is gone when the next one is read.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r>(Kind<'r>);

#[derive(Clone, Copy, Debug)]
enum Kind<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    pub(super) fn of_postgres(row: &'r tokio_postgres::Row) -> Row<'r> {
        Row(Kind::Postgres(row))
    }

    /// The value of a column.
    pub fn get<C: Column, T: FromSql>(&self, column: C) -> Result<T> {
        match self.0 {
            Kind::Sqlite(row) => Ok(row.get(column)?),
            Kind::Postgres(row) => Ok(T::column_result(row.try_get::<_, Value<'_>>(column)?.0)?),
        }
    }

    /// The value of a column as it is stored.
    pub fn get_ref<C: Column>(&self, column: C) -> Result<ValueRef<'r>> {
        match self.0 {
            Kind::Sqlite(row) => Ok(row.get_ref(column)?),
            Kind::Postgres(row) => Ok(row.try_get::<_, Value<'r>>(column)?.0),
        }
    }
}

/// The rows of an answer. PostgreSQL sends all of them at once.
pub struct Rows<'s>(pub(super) Source<'s>);

pub(super) enum Source<'s> {
    Sqlite(rusqlite::Rows<'s>),
    /// Those that are to come, and the one that is read.
    Postgres(std::vec::IntoIter<tokio_postgres::Row>, Option<tokio_postgres::Row>),
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Rows<'_> {
    /// The next row.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from its rows, which no iterator can say")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        match &mut self.0 {
            Source::Sqlite(rows) => Ok(rows.next()?.map(|row| Row(Kind::Sqlite(row)))),
            Source::Postgres(rest, read) => {
                *read = rest.next();
                Ok(read.as_ref().map(|row| Row(Kind::Postgres(row))))
            }
        }
    }
}

/// What a function makes of each row.
#[derive(Debug)]
pub struct Mapped<'s, F> {
    pub(super) rows: Rows<'s>,
    pub(super) read: F,
}

impl<T, E, F> Iterator for Mapped<'_, F>
where
    E: From<Error>,
    F: FnMut(&Row<'_>) -> std::result::Result<T, E>,
{
    type Item = std::result::Result<T, E>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.next() {
            Ok(row) => row.map(|row| (self.read)(&row)),
            Err(error) => Some(Err(error.into())),
        }
    }
}
