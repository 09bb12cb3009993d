//! The newest answers to requests that administrators carried here, to be downloaded (`docs/spec/authority-records.md`, 4).

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{Columns, all, document, first, time, write};

/// How many are kept: weeks of a support desk, and at most a hundred megabytes.
const ROWS_MAX: u32 = 200;

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who carried the request here.
    pub actor: String,
    /// What asked: `host`, `client`, `time` or `exchange`.
    pub kind: String,
    /// The host or client that asked; for an exchange, how many.
    pub subject: String,
    /// Whose key it was, where one was needed.
    pub customer: Option<String>,
    /// What was decided, in words.
    pub summary: String,
}

/// Adds an answer with its file, and forgets the oldest where there are too many.
pub fn insert(tx: &Transaction<'_>, response: &Response, file: &[u8]) -> Result<(), Failure> {
    let sql = "INSERT INTO response (id, at, actor, kind, subject, customer, summary, file) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let Response { id, at, actor, kind, subject, customer, summary } = response;
    write(tx, sql, params![id, time(*at), actor, kind, subject, customer, summary, document(file)])?;
    let sql = "DELETE FROM response WHERE id IN \
               (SELECT id FROM response ORDER BY at DESC, id DESC LIMIT 1000 OFFSET $1)";
    write(tx, sql, [ROWS_MAX])?;
    Ok(())
}

/// The newest, at most `limit`.
pub fn newest(tx: &Transaction<'_>, limit: u32) -> Result<Vec<Response>, Failure> {
    let sql = "SELECT id, at, actor, kind, subject, customer, summary FROM response ORDER BY at DESC, id DESC LIMIT $1";
    all(tx, sql, [limit], read)
}

/// The one with this id.
pub fn find(tx: &Transaction<'_>, id: &str) -> Result<Option<Response>, Failure> {
    first(tx, "SELECT id, at, actor, kind, subject, customer, summary FROM response WHERE id = $1", [id], read)
}

/// The file of the one with this id.
pub fn file(tx: &Transaction<'_>, id: &str) -> Result<Option<Vec<u8>>, Failure> {
    first(tx, "SELECT id, file FROM response WHERE id = $1", [id], |row| {
        Columns::of("response", "id", row).document("file")
    })
}

fn read(row: &Row<'_>) -> Result<Response, Failure> {
    let columns = Columns::of("response", "id", row);
    Ok(Response {
        id: columns.text("id")?,
        at: columns.time("at")?,
        actor: columns.text("actor")?,
        kind: columns.text("kind")?,
        subject: columns.text("subject")?,
        customer: columns.text_if_any("customer")?,
        summary: columns.text("summary")?,
    })
}
