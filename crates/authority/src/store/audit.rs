//! The audit: who did what, written in the transaction of the act itself. It never holds a whole secret key.

use keymuster_service::database::Failure;
use rusqlite::{Transaction, params};

use super::{time, write};
use crate::caller::Caller;

/// Adds an entry: `act` is a verb and a noun, `subject` what it was done to, `detail` the rest.
pub fn append(
    tx: &Transaction<'_>,
    caller: &Caller,
    act: &'static str,
    subject: &str,
    detail: &str,
) -> Result<(), Failure> {
    let sql = "INSERT INTO audit (sequence, at, actor, act, subject, detail) \
               SELECT COALESCE(MAX(sequence), 0) + 1, $1, $2, $3, $4, $5 FROM audit";
    write(tx, sql, params![time(caller.now), caller.actor.to_string(), act, subject, detail])?;
    Ok(())
}
