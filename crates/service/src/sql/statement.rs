//! A prepared statement and the ways to run it.

use rusqlite::CachedStatement;

use super::postgres::Session;
use super::row::Source;
use super::{Error, Mapped, Params, Result, Row, Rows};

/// A prepared statement.
pub struct Statement<'c>(Prepared<'c>);

impl std::fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement").finish_non_exhaustive()
    }
}

enum Prepared<'c> {
    Once(rusqlite::Statement<'c>),
    Kept(CachedStatement<'c>),
    /// The session keeps what is prepared.
    Postgres(&'c Session, String),
}

impl<'c> Statement<'c> {
    pub(super) fn once(statement: rusqlite::Statement<'c>) -> Statement<'c> {
        Statement(Prepared::Once(statement))
    }

    pub(super) fn kept(statement: CachedStatement<'c>) -> Statement<'c> {
        Statement(Prepared::Kept(statement))
    }

    pub(super) fn of(session: &'c Session, sql: &str) -> Statement<'c> {
        Statement(Prepared::Postgres(session, sql.to_owned()))
    }

    /// Runs it, and returns how many rows it has changed.
    pub fn execute(&mut self, params: impl Params) -> Result<usize> {
        match &mut self.0 {
            Prepared::Once(statement) => Ok(bind(statement, params)?.raw_execute()?),
            Prepared::Kept(statement) => Ok(bind(statement, params)?.raw_execute()?),
            Prepared::Postgres(session, sql) => session.execute(sql, params),
        }
    }

    /// Runs it; the rows come as they are read.
    pub fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        Ok(Rows(match &mut self.0 {
            Prepared::Once(statement) => Source::Sqlite(bind(statement, params)?.raw_query()),
            Prepared::Kept(statement) => Source::Sqlite(bind(statement, params)?.raw_query()),
            Prepared::Postgres(session, sql) => Source::Postgres(session.query(sql, params)?.into_iter(), None),
        }))
    }

    /// Runs it, and makes something of each row.
    pub fn query_map<T, F>(&mut self, params: impl Params, read: F) -> Result<Mapped<'_, F>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        Ok(Mapped { rows: self.query(params)?, read })
    }

    /// Runs it, and makes something of each row, which can fail in ways of its own.
    pub fn query_and_then<T, E, F>(&mut self, params: impl Params, read: F) -> Result<Mapped<'_, F>>
    where
        E: From<Error>,
        F: FnMut(&Row<'_>) -> std::result::Result<T, E>,
    {
        Ok(Mapped { rows: self.query(params)?, read })
    }

    /// Runs it, and reads its first row; without one it fails with [`Error::NoRows`].
    pub fn query_row<T>(&mut self, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        let mut rows = self.query(params)?;
        let row = rows.next()?.ok_or(Error::NoRows)?;
        read(&row)
    }

    /// Whether there is a row.
    pub fn exists(&mut self, params: impl Params) -> Result<bool> {
        Ok(self.query(params)?.next()?.is_some())
    }
}

fn bind<'s, 'c>(
    statement: &'s mut rusqlite::Statement<'c>,
    params: impl Params,
) -> Result<&'s mut rusqlite::Statement<'c>> {
    let expected = statement.parameter_count();
    let given = params.each(|number, value| Ok(statement.raw_bind_parameter(number, value)?))?;
    // A parameter that is left out would keep the value of the last time.
    match given == expected {
        true => Ok(statement),
        false => Err(rusqlite::Error::InvalidParameterCount(given, expected).into()),
    }
}
