//! Who was refused lately, and why: the newest first, a page at a time.

use keymuster_core::codes;
use keymuster_service::console::bounded;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::site::Site;
use crate::store::refusal::{self, Kept};

/// Refusals on one page, unless fewer are asked for.
const PAGE: u32 = 50;

/// Which refusals are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words that client id, address, machine name or sentence contains, in any case.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub search: String,
    /// The name of the code.
    #[param(max_length = 64)]
    #[serde(deserialize_with = "bounded::text::<64, _>")]
    pub code: String,
    /// Only what comes after this number in the list: `next` of the page before.
    #[param(minimum = 1)]
    #[serde(deserialize_with = "bounded::number::<1, { bounded::LARGEST }, _, _>")]
    pub after: Option<u64>,
    /// How many, at most 50.
    #[param(minimum = 1, maximum = 50)]
    #[serde(deserialize_with = "bounded::number::<1, 50, _, _>")]
    pub limit: Option<u32>,
}

/// One page of refusals: of each client and edition the last one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = RefusalPage)]
pub struct Page {
    /// The refusals, the newest first.
    pub refusals: Vec<Refused>,
    /// Where the next page begins, as its `after`; absent on the last page.
    pub next: Option<u64>,
    /// The codes that occur, with the number of clients.
    pub codes: Vec<CodeCount>,
}

/// A code, and how many clients were refused with it last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct CodeCount {
    /// The code's name.
    pub code: String,
    /// Clients and editions.
    pub clients: u64,
}

/// The last refusal of a client and edition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientRefusal)]
pub struct Refused {
    /// Its number: rises with every refusal.
    pub sequence: u64,
    /// The publisher's id.
    pub publisher: String,
    /// The edition's id.
    pub edition: String,
    /// The edition's name.
    pub edition_name: String,
    /// Who was refused.
    pub client: String,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// From where it asked.
    pub address: String,
    /// The name of the code.
    pub code: String,
    /// The code's number, as people say it: `KM-201`.
    pub number: Option<String>,
    /// The sentence with the numbers.
    pub detail: String,
    /// The pool that was asked for.
    pub pool: Option<String>,
    /// When refusals with this code began, in seconds since 1970.
    pub first_at: u64,
    /// When the last one was.
    pub at: u64,
    /// How many there were.
    pub times: u64,
}

/// Loads one page.
pub fn load(tx: &Transaction<'_>, site: &Site, query: &Query) -> Result<Page, Failure> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let mut kept = refusal::before(tx, query.after, (query.search.trim(), &query.code), limit + 1)?;
    let is_last = kept.len() <= limit as usize;
    kept.truncate(limit as usize);
    let next = if is_last { None } else { kept.last().map(|kept| kept.sequence) };
    let codes = refusal::codes(tx)?.into_iter().map(|(code, clients)| CodeCount { code, clients }).collect();
    Ok(Page { refusals: kept.into_iter().map(|kept| Refused::new(site, kept)).collect(), next, codes })
}

impl Refused {
    /// A refusal with its names.
    pub(super) fn new(site: &Site, kept: Kept) -> Refused {
        let [publisher, edition, edition_name] = site.names(kept.publisher, kept.edition);
        let number = codes::all().find(|code| code.name == kept.code).map(|code| format!("KM-{}", code.number));
        Refused {
            sequence: kept.sequence,
            publisher,
            edition,
            edition_name,
            client: kept.client.to_string(),
            name: kept.name,
            address: kept.address,
            code: kept.code,
            number,
            detail: kept.detail,
            pool: kept.pool,
            first_at: kept.seen.0.as_secs(),
            at: kept.seen.1.as_secs(),
            times: kept.times,
        }
    }
}
