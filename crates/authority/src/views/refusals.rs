//! What was refused lately, with the code's meaning beside it.

use keymuster_core::codes;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Page, Query, Time};
use crate::error::Error;
use crate::store::refusal::{self, Kept, Of};

/// All refusals of the same request of one host or client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct RefusalRow {
    /// Rises with every refusal.
    pub sequence: u64,
    /// Whose key it was about; empty where the key is not one of this authority's.
    pub customer: String,
    /// The id of the key; empty where none could be read.
    pub key: String,
    /// What asked: `host` or `client`.
    pub kind: String,
    /// The id of the host or client that asked; `exchange` where a host asked for many.
    pub subject: String,
    /// Its name, where it told one.
    pub name: Option<String>,
    /// From where it asked last.
    pub from: String,
    /// The code.
    pub code: String,
    /// The number of the code: `KM-303`.
    #[serde(skip)]
    pub number: String,
    /// What the code means.
    #[serde(skip)]
    pub meaning: &'static str,
    /// What to do about it.
    #[serde(skip)]
    pub remedy: &'static str,
    /// The sentence of the last time, with its numbers.
    pub detail: String,
    /// The first time.
    pub first_at: Time,
    /// The last time.
    pub last_at: Time,
    /// How often.
    pub times: u64,
}

impl RefusalRow {
    /// The beginning of the id of the host or client, which is enough to tell them apart in a list.
    pub fn short(&self) -> String {
        match self.subject.get(..12) {
            Some(beginning) if self.subject.len() > 12 => format!("{beginning}…"),
            _ => self.subject.clone(),
        }
    }
}

/// One page of the list, the newest first.
pub fn list(tx: &Transaction<'_>, query: &Query) -> Result<Page<RefusalRow>, Error> {
    let before = (!query.after.is_empty()).then(|| query.after.parse::<u64>());
    let before = before.transpose().map_err(|_| Error::Rule("after is no place of this list".to_owned()))?;
    let of = if query.customer.is_empty() { Of::Everybody } else { Of::Customer(&query.customer) };
    let rows = refusal::newest(tx, of, before, query.rows() + 1)?;
    let rows = rows.into_iter().map(RefusalRow::from).collect();
    Ok(Page::cut(rows, query.rows(), |row: &RefusalRow| row.sequence.to_string()))
}

impl From<Kept> for RefusalRow {
    fn from(kept: Kept) -> RefusalRow {
        let code = codes::all().find(|code| code.name == kept.code);
        RefusalRow {
            sequence: kept.sequence,
            customer: kept.customer,
            key: kept.key,
            kind: kept.kind,
            subject: kept.subject,
            name: kept.name,
            from: kept.actor,
            number: code.map(|code| format!("KM-{}", code.number)).unwrap_or_default(),
            meaning: code.map_or("", |code| code.sentence),
            remedy: code.map_or("", |code| code.remedy),
            code: kept.code,
            detail: kept.detail,
            first_at: kept.first_at.into(),
            last_at: kept.last_at.into(),
            times: kept.times,
        }
    }
}
