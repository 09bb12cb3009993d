//! Who waits for an activation by a MAK, and what became of it; a page at a time.

use keymuster_core::exchange::REPEATED_SECS;
use keymuster_core::time::Timestamp;
use keymuster_service::console::bounded;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::exchange::results::edition_name;
use crate::site::{Publisher, Site};
use crate::store::collected::{self, Chosen, Collected, Verdict};

/// Requests on one page, unless fewer are asked for.
const PAGE: u32 = 50;

/// Which requests are meant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words that the client's id, name or address contains, in any case.
    #[param(max_length = 200)]
    #[serde(deserialize_with = "bounded::text::<200, _>")]
    pub search: String,
    /// How they stand; without it, in any way.
    #[param(inline)]
    pub state: Option<State>,
    /// Where the page before has ended: its `next`.
    #[param(max_length = 100)]
    #[serde(deserialize_with = "bounded::text::<100, _>")]
    pub after: String,
    /// How many, at most 50.
    #[param(minimum = 1, maximum = 50)]
    #[serde(deserialize_with = "bounded::number::<1, 50, _, _>")]
    pub limit: Option<u32>,
}

/// How a request stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = CollectedState)]
pub enum State {
    /// It was collected.
    Waiting,
    /// It went out, and has no result yet.
    Exported,
    /// The machine gets an activation.
    Activated,
    /// The publisher refused.
    Refused,
}

/// One page of what is collected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ExchangePage)]
pub struct Exchange {
    /// How many requests stand in each way.
    pub counts: Counts,
    /// Which editions' requests can go out.
    pub open: Vec<OpenEdition>,
    /// The requests, the oldest first.
    pub requests: Vec<Request>,
    /// Where the next page begins, as its `after`; nothing on the last page.
    pub next: Option<String>,
}

/// How many requests stand in each way.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, ToSchema)]
#[schema(as = ExchangeCounts)]
pub struct Counts {
    /// Collected.
    pub waiting: u64,
    /// Went out, and have no result yet.
    pub exported: u64,
    /// Get an activation.
    pub activated: u64,
    /// Were refused.
    pub refused: u64,
}

/// An edition of which requests have no result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct OpenEdition {
    /// The publisher's name for machines.
    pub publisher: String,
    /// The edition's name for machines.
    pub edition: String,
    /// The edition's name for people.
    pub name: String,
    /// How many requests.
    pub requests: u64,
}

/// One request. Times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = CollectedRequest)]
pub struct Request {
    /// The machine's id.
    pub client: String,
    /// Its name, where it sends it.
    pub name: Option<String>,
    /// Where it asked from.
    pub address: String,
    /// The publisher's name for machines.
    pub publisher: String,
    /// The edition's name for machines.
    pub edition: String,
    /// When it was collected.
    pub since: u64,
    /// When it last went out.
    pub exported: Option<u64>,
    /// When its result came.
    pub answered: Option<u64>,
    /// How it stands.
    pub state: State,
    /// The name of the code of a refusal.
    pub code: Option<String>,
    /// The refusal in words.
    pub detail: Option<String>,
    /// Whether its machine has given up repeating it.
    pub is_expired: bool,
}

/// Loads one page.
pub fn load(tx: &Transaction<'_>, query: &Query, now: Timestamp) -> Result<Exchange, Failure> {
    let site = Site::load(tx)?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let state = query.state.map_or("", State::word);
    let chosen = Chosen { search: query.search.trim(), state, after: place(&query.after) };
    let mut kept = collected::page(tx, &chosen, limit + 1)?;
    let is_last = kept.len() <= limit as usize;
    kept.truncate(limit as usize);
    let next = if is_last { None } else { kept.last().map(place_of) };
    let requests = kept.iter().map(|kept| request(&site, kept, now)).collect();
    Ok(Exchange { counts: counts(tx)?, open: open(tx, &site, now)?, requests, next })
}

/// Which editions' requests can go out.
pub fn open(tx: &Transaction<'_>, site: &Site, now: Timestamp) -> Result<Vec<OpenEdition>, Failure> {
    let mut open = Vec::new();
    for (publisher, edition, requests) in collected::open_editions(tx, now.minus(REPEATED_SECS))? {
        let Some(held) = site.publishers.iter().find(|held| held.number == publisher) else { continue };
        let known = held.catalogue.edition(edition);
        open.push(OpenEdition {
            publisher: held.trust.publisher.to_string(),
            edition: edition_name(held, edition),
            name: known.map_or_else(|| edition.to_string(), |edition| edition.name.to_string()),
            requests,
        });
    }
    Ok(open)
}

/// How many requests stand in each way.
pub fn counts(tx: &Transaction<'_>) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    for (state, number) in collected::states(tx)? {
        match state.as_str() {
            "waiting" => counts.waiting = number,
            "exported" => counts.exported = number,
            "activated" => counts.activated = number,
            _ => counts.refused = number,
        }
    }
    Ok(counts)
}

impl State {
    /// As the store has it.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Exported => "exported",
            State::Activated => "activated",
            State::Refused => "refused",
        }
    }
}

fn request(site: &Site, kept: &Collected, now: Timestamp) -> Request {
    let number = kept.request.edition;
    let held: Option<&Publisher> = site.publishers.iter().find(|held| held.number == kept.publisher);
    let (state, refusal) = match (&kept.result, kept.exported) {
        (Some((_, Verdict::Activated(_))), _) => (State::Activated, None),
        (Some((_, Verdict::Refused(code, detail))), _) => (State::Refused, Some((code.clone(), detail.clone()))),
        (None, Some(_)) => (State::Exported, None),
        (None, None) => (State::Waiting, None),
    };
    let (code, detail) = refusal.unzip();
    Request {
        client: kept.request.client.to_string(),
        name: kept.request.name.as_ref().map(ToString::to_string),
        address: kept.address.clone(),
        publisher: kept.request.publisher.to_string(),
        edition: held.map_or_else(|| number.to_string(), |held| edition_name(held, number)),
        since: kept.since.as_secs(),
        exported: kept.exported.map(Timestamp::as_secs),
        answered: kept.result.as_ref().map(|(at, _)| at.as_secs()),
        state,
        code,
        detail,
        is_expired: kept.result.is_none() && kept.since < now.minus(REPEATED_SECS),
    }
}

/// The place after which a page begins; what is none begins at the beginning.
fn place(text: &str) -> Option<(Timestamp, &str, u16)> {
    let mut parts = text.splitn(3, '.');
    let (at, client, edition) = (parts.next()?, parts.next()?, parts.next()?);
    Some((Timestamp::from_secs(at.parse().ok()?), client, edition.parse().ok()?))
}

fn place_of(kept: &Collected) -> String {
    format!("{}.{}.{}", kept.since.as_secs(), kept.request.client, kept.request.edition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        assert_eq!(place("1800000000.c4f1.7"), Some((Timestamp::from_secs(1_800_000_000), "c4f1", 7)));
        for text in ["", "1", "1.c4f1", "x.c4f1.7", "1.c4f1.70000", "1.c4f1.7.1"] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
