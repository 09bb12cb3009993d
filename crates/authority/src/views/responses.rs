//! The newest answers to requests that were carried here.

use keymuster_qr::Code;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Time, unknown};
use crate::error::Error;
use crate::store::response::{self, Response};

/// Answers on the page, and in the interface.
const ROWS: u32 = 50;

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Response)]
pub struct ResponseRow {
    /// Its id.
    pub response: String,
    /// When.
    pub at: Time,
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

/// The newest answers.
pub fn list(tx: &Transaction<'_>) -> Result<Vec<ResponseRow>, Error> {
    Ok(response::newest(tx, ROWS)?.into_iter().map(ResponseRow::from).collect())
}

/// One answer, and how many QR codes carry it; none where it is too large for them.
pub fn load(tx: &Transaction<'_>, id: &str) -> Result<(ResponseRow, usize), Error> {
    let found = response::find(tx, id)?.ok_or_else(|| unknown("response", "of this id"))?;
    Ok((found.into(), codes(tx, id)?.len()))
}

/// The file of one answer.
pub fn file(tx: &Transaction<'_>, id: &str) -> Result<Vec<u8>, Error> {
    response::file(tx, id)?.ok_or_else(|| unknown("response", "of this id"))
}

/// The QR codes of one answer.
pub fn codes(tx: &Transaction<'_>, id: &str) -> Result<Vec<Code>, Error> {
    Ok(Code::of(&file(tx, id)?, keymuster_core::frames::DATA_MAX).unwrap_or_default())
}

impl From<Response> for ResponseRow {
    fn from(response: Response) -> ResponseRow {
        let Response { id, at, actor, kind, subject, customer, summary } = response;
        ResponseRow { response: id, at: at.into(), actor, kind, subject, customer, summary }
    }
}
