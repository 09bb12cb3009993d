//! What administrators look at, as typed values: the same for pages and the administration interface.
//!
//! A view is loaded in one transaction that only reads. Times are seconds since 1970 in UTC.

pub mod audit;
pub mod customers;
pub mod hosts;
pub mod keys;
pub mod overview;
pub mod pack;
pub mod proposals;
pub mod reach;
pub mod refusals;
pub mod responses;
pub mod revocations;
pub mod time;

use keymuster_core::codes;
use keymuster_service::console::bounded;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::Error;
use crate::store::Taken;
pub use time::Time;

/// Rows of one page, unless fewer are asked for.
const PAGE: u32 = 50;

/// Which part of a list is meant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words that a row contains, in any case.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub search: String,
    /// Only what belongs to this customer.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub customer: String,
    /// Where the page before has ended: its `next`.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub after: String,
    /// How many, at most 50.
    #[param(minimum = 1, maximum = 50)]
    #[serde(deserialize_with = "bounded::number::<1, 50, _, _>")]
    pub limit: Option<u32>,
}

impl Query {
    /// The words to look for, as rows are compared with them.
    fn words(&self) -> String {
        self.search.trim().to_lowercase()
    }

    /// How many rows a page has.
    fn rows(&self) -> u32 {
        self.limit.unwrap_or(PAGE)
    }

    /// The address of the next page of a list at a path.
    pub fn link(&self, path: impl std::fmt::Display, next: Option<&str>) -> String {
        let Some(next) = next else { return String::new() };
        let mut link = form_urlencoded::Serializer::new(format!("{path}?"));
        for (name, value) in [("search", &self.search), ("customer", &self.customer)] {
            if !value.is_empty() {
                link.append_pair(name, value);
            }
        }
        link.append_pair("after", next).finish()
    }

    /// Whether it leaves anything out.
    pub fn is_filtered(&self) -> bool {
        !self.search.is_empty() || !self.customer.is_empty()
    }
}

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins, as its `after`; nothing on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page from one row more than it may have.
    fn cut(mut rows: Vec<T>, limit: u32, place: impl Fn(&T) -> String) -> Page<T> {
        let is_last = rows.len() <= limit as usize;
        rows.truncate(limit as usize);
        let next = if is_last { None } else { rows.last().map(place) };
        Page { rows, next }
    }
}

/// That something was taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Taken)]
pub struct TakenView {
    /// When.
    pub at: Time,
    /// Why, in the publisher's words.
    pub reason: String,
}

impl From<Taken> for TakenView {
    fn from(taken: Taken) -> TakenView {
        TakenView { at: taken.at.into(), reason: taken.reason }
    }
}

/// There is no such thing.
fn unknown(what: &str, name: impl std::fmt::Display) -> Error {
    Error::Denied { code: &codes::RECORD_UNKNOWN, detail: format!("there is no {what} {name}") }
}
