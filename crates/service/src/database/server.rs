//! The schema in a PostgreSQL: made and brought up to date as in a file, from the same migrations.
//!
//! One row tells what a file tells in its header: the version of the schema, who may use it, and how often it was written to.

use std::sync::Arc;

use super::{BUSY_TIMEOUT, Failure, oldest_reader};
use crate::sql::postgres::{Access, translated};
use crate::sql::{Connection, OptionalExtension as _};

/// What comes before all migrations. SQLite's `instr` has another name here.
const BEGIN: &str = "
    CREATE TABLE store (schema BIGINT NOT NULL, reader BIGINT NOT NULL, version BIGINT NOT NULL);
    INSERT INTO store (schema, reader, version) VALUES (0, 0, 0);
    CREATE FUNCTION instr(TEXT, TEXT) RETURNS INTEGER LANGUAGE SQL IMMUTABLE STRICT AS 'SELECT strpos($1, $2)'";

pub(super) fn open(access: &Arc<Access>, migrations: &[&str]) -> Result<Connection, Failure> {
    let mut db = Connection::to_postgres(Arc::clone(access), BUSY_TIMEOUT);
    let known = migrations.len();
    match found(&db)? {
        Some((schema, reader)) if schema == known || (schema > known && reader <= known) => Ok(db),
        _ => {
            migrate(&mut db, migrations)?;
            Ok(db)
        }
    }
}

/// The version of the schema and how much one must know to use it; `None` in an empty database.
fn found(db: &Connection) -> Result<Option<(usize, usize)>, Failure> {
    let has_any: bool = db.query_row("SELECT to_regclass('store') IS NOT NULL", [], |row| row.get(0))?;
    if !has_any {
        return Ok(None);
    }
    let row =
        db.query_row("SELECT schema, reader FROM store", [], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?)));
    Ok(row.optional()?.map(|(schema, reader)| (schema as usize, reader as usize)))
}

/// Runs the missing migrations, all or none.
///
/// The version is read again under the lock of those who write, so that several servers can start at once.
fn migrate(db: &mut Connection, migrations: &[&str]) -> Result<(), Failure> {
    let known = migrations.len();
    let tx = db.writing()?;
    let from = match found(&tx)? {
        Some((schema, _)) => schema,
        None => {
            tx.execute_batch(BEGIN)?;
            0
        }
    };
    let missing = migrations.get(from..).ok_or(Failure::Newer { found: from, known })?;
    for migration in missing {
        tx.execute_batch(&translated(migration))?;
    }
    let row = [known as u64, oldest_reader(migrations) as u64].map(super::integer);
    tx.execute("UPDATE store SET schema = ?1, reader = ?2", row)?;
    tx.commit()?;
    tracing::info!(from, to = known, "brought the database to this program's version");
    Ok(())
}
