//! What administrators did, newest first, a page at a time.

use std::fmt;

use keymuster_core::codes;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Problem;
use keymuster_service::console::bounded;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::store::audit::{self, Entry, Filter};

/// Entries on one page, unless fewer are asked for.
pub const PAGE: u32 = 50;
/// Entries that are read at one time for a file.
pub const PART: u32 = 500;

/// Which entries are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words that actor, act, subject or detail contains, in any case.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub search: String,
    /// Words that its actor contains.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub actor: String,
    /// Words that the act contains, such as `setting`.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub act: String,
    /// From the beginning of this day on, in UTC.
    #[param(pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
    pub from: String,
    /// Until the end of this day, in UTC.
    #[param(pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
    pub until: String,
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
    /// The running hash up to this entry, by which changes of earlier ones are noticed.
    pub head: String,
}

/// A text that should be a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotADay {
    /// The member of the query.
    pub field: &'static str,
    text: String,
}

impl fmt::Display for NotADay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} is no day, such as 2027-01-15", self.field, self.text)
    }
}

impl From<NotADay> for Problem {
    fn from(wrong: NotADay) -> Problem {
        Problem::new(&codes::INPUT_INVALID, wrong.to_string())
    }
}

impl Query {
    /// Which entries are meant.
    pub fn filter(&self) -> Result<Filter, NotADay> {
        let day = |field, text: &str, else_| match text.trim() {
            "" => Ok(else_),
            text => Timestamp::of_day(text).ok_or_else(|| NotADay { field, text: text.to_owned() }),
        };
        let (first, last) = (Timestamp::default(), Timestamp::MAX);
        Ok(Filter {
            text: self.search.clone(),
            actor: self.actor.clone(),
            act: self.act.clone(),
            from: day("from", &self.from, first)?,
            until: day("until", &self.until, last)?.plus(DAY),
        })
    }
}

/// Loads one page, of at most `limit` entries.
pub fn load(tx: &Transaction<'_>, filter: &Filter, after: Option<u64>, limit: u32) -> Result<Page, Failure> {
    let mut entries = audit::before(tx, after, filter, limit + 1)?;
    let is_last = entries.len() <= limit as usize;
    entries.truncate(limit as usize);
    let next = if is_last { None } else { entries.last().map(|entry| entry.sequence) };
    Ok(Page { entries: entries.into_iter().map(Act::from).collect(), next })
}

impl From<Entry> for Act {
    fn from(entry: Entry) -> Act {
        let Entry { sequence, at, actor, act, subject, detail, head } = entry;
        Act { sequence, at: at.as_secs(), when: at.to_string(), actor, act, subject, detail, head }
    }
}
