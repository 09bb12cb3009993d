//! What administrators did, newest first, a page at a time.

use keymuster_service::console::bounded;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::store::audit::{self, Entry};

/// Entries on one page, unless fewer are asked for.
const PAGE: u32 = 50;

/// Which entries are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words that actor, act, subject or detail contains, in any case.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub search: String,
    /// Where the page before has ended: its `next`.
    #[param(minimum = 1)]
    #[serde(deserialize_with = "bounded::number::<1, { bounded::LARGEST }, _, _>")]
    pub after: Option<u64>,
    /// How many, at most 50.
    #[param(minimum = 1, maximum = 50)]
    #[serde(deserialize_with = "bounded::number::<1, 50, _, _>")]
    pub limit: Option<u32>,
}

/// One page of the audit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub struct Page {
    /// The entries, the newest first.
    pub entries: Vec<Act>,
    /// Where the next page begins, as its `after`; nothing on the last page.
    pub next: Option<u64>,
}

/// One act.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Act {
    /// Its number, from 1 on.
    pub sequence: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// The same for people.
    #[serde(skip)]
    pub when: String,
    /// Who.
    pub actor: String,
    /// What was done.
    pub act: String,
    /// To what.
    pub subject: String,
    /// Further words.
    pub detail: String,
}

/// Loads one page.
pub fn load(tx: &Transaction<'_>, query: &Query) -> Result<Page, Failure> {
    let limit = query.limit.unwrap_or(PAGE);
    let mut entries = audit::before(tx, query.after, query.search.trim(), limit + 1)?;
    let is_last = entries.len() <= limit as usize;
    entries.truncate(limit as usize);
    let next = if is_last { None } else { entries.last().map(|entry| entry.sequence) };
    Ok(Page { entries: entries.into_iter().map(Act::from).collect(), next })
}

impl From<Entry> for Act {
    fn from(entry: Entry) -> Act {
        let Entry { sequence, at, actor, act, subject, detail } = entry;
        Act { sequence, at: at.as_secs(), when: at.to_string(), actor, act, subject, detail }
    }
}
