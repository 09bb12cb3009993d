//! The list of clients: searched, filtered and sorted, a page at a time, with the same work for a hundred as for a million.
//!
//! A filter that leaves few clients is read through its own index and sorted; otherwise the sorted list is read, and what
//! the filters leave of it shown. Both visit a bounded number of rows: a page may be partial, and its cursor goes on.

mod cursor;
mod state;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use keymuster_core::time::Timestamp;
use keymuster_service::console::bounded;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::site::Site;
use crate::store::client::list::{self, Brief, Direction, Editions, List, Listed, Order, Place, Range};
use crate::store::seconds;
pub use state::{ENDING_SECS, Kept, State, Terms};

/// Rows of a page, where the caller does not say.
const ROWS: u16 = 50;
/// Rows of a page at most: those of an export.
pub const ROWS_MAX: u16 = 1000;
/// What may be read for one page, in entries of an index.
const READ_MAX: u32 = 60_000;
/// What a whole row costs beside an entry of an index: it lies somewhere else on the disk.
const ROW_COST: u32 = 40;
/// A filter that leaves at most so many is read through its index.
const FEW: u64 = 1500;
/// Bytes of what is searched for; names are shorter than 129.
const TEXT_MAX: usize = 128;

/// What is asked for, as it stands in a URL. Empty texts ask for nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, IntoParams)]
#[serde(default, rename_all = "kebab-case")]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// The beginning of a machine's name, of a client id or of an address.
    #[param(max_length = 128)]
    #[serde(deserialize_with = "bounded::text::<128, _>")]
    pub search: String,
    /// The publisher's id.
    #[param(max_length = 64)]
    #[serde(deserialize_with = "bounded::text::<64, _>")]
    pub publisher: String,
    /// The edition's id, or its number.
    #[param(max_length = 64)]
    #[serde(deserialize_with = "bounded::text::<64, _>")]
    pub edition: String,
    /// The state, by its name.
    #[param(max_length = 64)]
    #[serde(deserialize_with = "bounded::text::<64, _>")]
    pub state: String,
    /// The beginning of an address.
    #[param(max_length = 64)]
    #[serde(deserialize_with = "bounded::text::<64, _>")]
    pub address: String,
    /// Only ids by which more than one machine has asked: `yes`.
    #[param(max_length = 8)]
    #[serde(deserialize_with = "bounded::text::<8, _>")]
    pub shared: String,
    /// `asked`, `name`, `lease-end` or `first-seen`.
    #[param(max_length = 16)]
    #[serde(deserialize_with = "bounded::text::<16, _>")]
    pub sort: String,
    /// `down` or `up`; times come down and names up where nothing is said.
    #[param(max_length = 8)]
    #[serde(deserialize_with = "bounded::text::<8, _>")]
    pub direction: String,
    /// Where the page before has ended: its `next`.
    #[param(max_length = 400)]
    #[serde(deserialize_with = "bounded::text::<400, _>")]
    pub after: String,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000)]
    #[serde(deserialize_with = "bounded::number::<1, 1000, _, _>")]
    pub limit: Option<u16>,
}

/// Why a query cannot be answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Wrong {
    /// The member of the query.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// A page of clients.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ClientPage)]
pub struct Page {
    /// The clients, in the order that was asked for.
    pub rows: Vec<ClientRow>,
    /// The cursor of the next page; absent at the end.
    pub next: Option<String>,
    /// Whether the page ended because enough rows were read, and not because it is full: `next` goes on.
    pub is_partial: bool,
    /// How many clients match, where that is known without reading all.
    pub matches: Option<u64>,
}

/// One client and edition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ClientRow {
    /// The publisher's id.
    pub publisher: String,
    /// The edition's id; its number where the catalogue has it no more.
    pub edition: String,
    /// The edition's name.
    pub edition_name: String,
    /// The client's id.
    pub client: String,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// From where it asked last.
    pub address: String,
    /// Its operating system, where it is sent.
    pub system: Option<String>,
    /// The product's version, where it is sent.
    pub product_version: Option<String>,
    /// How it stands.
    pub state: State,
    /// When it was seen first, in seconds since 1970.
    pub first_asked: u64,
    /// When it was last counted; absent where an administrator released it.
    pub last_asked: Option<u64>,
    /// When its lease ends or ended, where it has not given it back.
    pub lease_expires: Option<u64>,
    /// Whether more than one machine has asked by this id.
    pub is_shared: bool,
}

/// A query that was understood.
#[derive(Debug)]
pub struct Search<'a> {
    site: &'a Site,
    now: Timestamp,
    text: Option<String>,
    publisher: Option<i64>,
    edition: Option<String>,
    state: Option<State>,
    address: Option<String>,
    is_shared: bool,
    order: Order,
    direction: Direction,
    after: Option<Place>,
    rows: usize,
    terms: BTreeMap<(i64, u16), Terms>,
}

/// Reads a page.
pub fn load(tx: &Transaction<'_>, search: &Search<'_>) -> Result<Page, Failure> {
    let editions = search.editions(tx)?;
    match search.few(tx, &editions)? {
        Some(ranges) => search.collect(tx, &editions, &ranges),
        None => search.walk(tx, &editions),
    }
}

impl<'a> Search<'a> {
    /// Understands a query.
    pub fn new(site: &'a Site, query: &Query, now: Timestamp) -> Result<Search<'a>, Wrong> {
        let order = order(&query.sort)?;
        let direction = match (&*query.direction, order) {
            ("up", _) | ("", Order::Name) => Direction::Up,
            ("down" | "", _) => Direction::Down,
            (other, _) => return Err(wrong("direction", format!("{other:?} is neither up nor down"))),
        };
        let publisher = text("publisher", &query.publisher)?.map(|id| {
            let found = site.publishers.iter().find(|held| held.trust.publisher.as_str() == id);
            found.map(|held| held.number).ok_or_else(|| wrong("publisher", format!("{id:?} is not known here")))
        });
        let after = (!query.after.is_empty()).then(|| cursor::read(&query.after, order, direction));
        let no_place = || wrong("after", "it is not a cursor of this list in this order".to_owned());
        let state = text("state", &query.state)?.map(|name| State::named(&name)).transpose();
        Ok(Search {
            site,
            now,
            text: text("search", &query.search)?.map(|text| text.to_ascii_lowercase()),
            publisher: publisher.transpose()?,
            edition: text("edition", &query.edition)?,
            state: state.map_err(|message| wrong("state", message))?,
            address: text("address", &query.address)?.map(|text| text.to_ascii_lowercase()),
            is_shared: query.shared == "yes",
            order,
            direction,
            after: after.map(|place| place.ok_or_else(no_place)).transpose()?,
            rows: usize::from(query.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX)),
            terms: Terms::of(site),
        })
    }

    /// Whether nothing is filtered, so that the whole fleet is listed.
    pub fn is_everything(&self) -> bool {
        let Search { text, publisher, edition, state, address, is_shared, .. } = self;
        let is_filtered = text.is_some() || publisher.is_some() || edition.is_some() || state.is_some();
        !(is_filtered || address.is_some() || *is_shared)
    }

    /// The editions that are looked through.
    fn editions(&self, tx: &Transaction<'_>) -> Result<Editions, Failure> {
        let mut editions = Editions::new();
        for held in &self.site.publishers {
            if self.publisher.is_some_and(|wanted| wanted != held.number) {
                continue;
            }
            let mut numbers = list::editions(tx, held.number)?;
            if let Some(wanted) = &self.edition {
                let is_wanted = |number: &u16| {
                    let edition = held.catalogue.edition(*number);
                    edition.is_some_and(|edition| edition.id.as_str() == wanted) || number.to_string() == *wanted
                };
                numbers.retain(is_wanted);
            }
            if !numbers.is_empty() {
                editions.insert(held.number, numbers);
            }
        }
        Ok(editions)
    }

    /// The ranges of one filter that hold few clients together, and all that are searched for.
    fn few(&self, tx: &Transaction<'_>, editions: &Editions) -> Result<Option<Vec<Range>>, Failure> {
        let mut best: Option<(u64, Vec<Range>)> = None;
        for ranges in self.filters() {
            let mut found = 0;
            for range in &ranges {
                found += list::count(tx, editions, range, FEW + 1)?;
            }
            if found <= FEW && best.as_ref().is_none_or(|(least, _)| found < *least) {
                best = Some((found, ranges));
            }
        }
        Ok(best.map(|(_, ranges)| ranges))
    }

    /// What each filter reads by itself.
    fn filters(&self) -> Vec<Vec<Range>> {
        let mut filters = Vec::new();
        if let Some(text) = &self.text {
            let mut ranges = vec![Range::Name(text.clone()), Range::Address(text.clone())];
            if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                ranges.push(Range::Client(text.clone()));
            }
            filters.push(ranges);
        }
        filters.extend(self.address.iter().map(|begin| vec![Range::Address(begin.clone())]));
        filters.extend(self.state.map(|state| vec![state.range(self.now, &self.terms)]));
        if self.is_shared {
            filters.push(vec![Range::Shared]);
        }
        if self.edition.is_some() {
            filters.push(vec![Range::LastAsked(0, i64::MAX)]);
        }
        filters
    }

    fn collect(&self, tx: &Transaction<'_>, editions: &Editions, ranges: &[Range]) -> Result<Page, Failure> {
        let mut found: Vec<(Place, Listed)> = Vec::new();
        for range in ranges {
            let rows = list::within(tx, editions, range, FEW)?.into_iter().filter(|row| self.is_match(row));
            found.extend(rows.map(|row| (self.order.place(&row), row)));
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found.dedup_by(|(one, _), (other, _)| one == other);
        if self.direction == Direction::Down {
            found.reverse();
        }
        let matches = Some(found.len() as u64);
        let is_behind = |place: &Place| match (&self.after, self.direction) {
            (None, _) => true,
            (Some(after), Direction::Up) => place > after,
            (Some(after), Direction::Down) => place < after,
        };
        let mut rest = found.into_iter().filter(|(place, _)| is_behind(place)).peekable();
        let page: Vec<_> = rest.by_ref().take(self.rows).collect();
        let last = rest.peek().and_then(|_| page.last()).map(|(place, _)| self.cursor(place));
        let rows = page.iter().map(|(_, row)| self.row(row)).collect();
        Ok(Page { rows, next: last, is_partial: false, matches })
    }

    fn walk(&self, tx: &Transaction<'_>, editions: &Editions) -> Result<Page, Failure> {
        let (begin, end) = self.ends();
        let after = self.after.as_ref().or(begin.as_ref());
        let list = List { editions, order: self.order, direction: self.direction, after };
        let mut filling = Filling { rows: Vec::new(), rows_max: self.rows, read: 0, last: None, next: None };
        if self.order.is_brief() {
            list::briefs(tx, list, |brief| {
                let place = self.order.place_of_brief(&brief);
                let is_over = end.as_ref().is_some_and(|end| is_beyond(&place.key, end, self.direction));
                if is_over || filling.is_full() {
                    return Ok(ControlFlow::Break(()));
                }
                let row = if self.may_match(&brief) { list::numbered(tx, brief.number)? } else { None };
                let cost = 1 + row.as_ref().map_or(0, |_| ROW_COST);
                filling.visit(place, cost, row.filter(|row| self.is_match(row)).map(|row| self.row(&row)));
                Ok(ControlFlow::Continue(()))
            })?;
        } else {
            list::rows(tx, list, |row| {
                if filling.is_full() {
                    return ControlFlow::Break(());
                }
                let shown = self.is_match(&row).then(|| self.row(&row));
                filling.visit(self.order.place(&row), ROW_COST, shown);
                ControlFlow::Continue(())
            })?;
        }
        let is_partial = filling.next.is_some() && filling.rows.len() < self.rows;
        let next = filling.next.map(|place| self.cursor(&place));
        Ok(Page { rows: filling.rows, next, is_partial, matches: None })
    }

    /// Whether a client may match, by what its index tells.
    fn may_match(&self, brief: &Brief) -> bool {
        let kept = |is_answered| Kept {
            last_asked: brief.last_asked,
            lease_expires: brief.lease_expires,
            is_released: brief.last_asked == Timestamp::from_secs(0),
            is_answered,
        };
        let terms = self.terms.get(&(brief.publisher, brief.edition)).copied().unwrap_or_default();
        let is =
            |wanted| [true, false].into_iter().any(|answered| State::of(kept(answered), terms, self.now) == wanted);
        self.state.is_none_or(is)
    }

    /// Where the list begins and ends, where the state that is asked for is a stretch of it.
    fn ends(&self) -> (Option<Place>, Option<list::Key>) {
        let range = self.state.map(|state| state.range(self.now, &self.terms));
        let (first, last) = match (range, self.order) {
            (Some(Range::LeaseEnd(first, last)), Order::LeaseEnd)
            | (Some(Range::LastAsked(first, last)), Order::LastAsked) => (first, last),
            _ => return (None, None),
        };
        let (begin, end) = match self.direction {
            Direction::Up => (first.saturating_sub(1), last),
            Direction::Down => (last.saturating_add(1), first),
        };
        // Behind every client that ends at the second before, in whichever direction.
        let number = if self.direction == Direction::Up { i64::MAX } else { -1 };
        let begin = Place { key: list::Key::Number(begin), number };
        (Some(begin), Some(list::Key::Number(end)))
    }

    fn is_match(&self, row: &Listed) -> bool {
        let Search { text, state, address, is_shared, .. } = self;
        let found = |text: &String| {
            let name = row.name.as_deref().unwrap_or_default().to_ascii_lowercase();
            name.starts_with(text) || row.address.starts_with(text) || row.client.to_string().starts_with(text)
        };
        let is_of_edition = self.edition.as_ref().is_none_or(|wanted| {
            let [_, id, _] = self.site.names(row.publisher, row.edition);
            id == *wanted || row.edition.to_string() == *wanted
        });
        text.as_ref().is_none_or(found)
            && is_of_edition
            && state.is_none_or(|state| self.state_of(row) == state)
            && address.as_ref().is_none_or(|begin| row.address.starts_with(begin))
            && (!is_shared || row.is_shared)
    }

    fn state_of(&self, row: &Listed) -> State {
        let terms = self.terms.get(&(row.publisher, row.edition)).copied().unwrap_or_default();
        let kept = Kept {
            last_asked: row.last_asked,
            lease_expires: row.lease_expires,
            is_released: row.released_at.is_some(),
            is_answered: row.is_answered,
        };
        State::of(kept, terms, self.now)
    }

    fn row(&self, row: &Listed) -> ClientRow {
        let [publisher, edition, edition_name] = self.site.names(row.publisher, row.edition);
        ClientRow {
            publisher,
            edition,
            edition_name,
            client: row.client.to_string(),
            name: row.name.clone(),
            address: row.address.clone(),
            system: row.system.clone(),
            product_version: row.product_version.clone(),
            state: self.state_of(row),
            first_asked: row.first_asked.as_secs(),
            last_asked: Some(row.last_asked.as_secs()).filter(|_| row.released_at.is_none()),
            lease_expires: row.lease_expires.map(Timestamp::as_secs),
            is_shared: row.is_shared,
        }
    }

    fn cursor(&self, place: &Place) -> String {
        cursor::write(place, self.order, self.direction)
    }
}

/// A page that is being filled.
struct Filling {
    rows: Vec<ClientRow>,
    rows_max: usize,
    read: u32,
    last: Option<Place>,
    /// Where the next page begins, once there is more than this one takes.
    next: Option<Place>,
}

impl Filling {
    /// Whether the page takes no more, now that there is more.
    fn is_full(&mut self) -> bool {
        let is_full = self.rows.len() == self.rows_max || self.read >= READ_MAX;
        if is_full {
            self.next = self.last.take();
        }
        is_full
    }

    fn visit(&mut self, place: Place, cost: u32, shown: Option<ClientRow>) {
        self.read += cost;
        self.rows.extend(shown);
        self.last = Some(place);
    }
}

fn order(sort: &str) -> Result<Order, Wrong> {
    Ok(match sort {
        "" | "asked" => Order::LastAsked,
        "name" => Order::Name,
        "lease-end" => Order::LeaseEnd,
        "first-seen" => Order::FirstAsked,
        other => return Err(wrong("sort", format!("{other:?} is none of asked, name, lease-end and first-seen"))),
    })
}

/// What was typed, without the blanks around it; nothing where it is empty.
fn text(field: &'static str, typed: &str) -> Result<Option<String>, Wrong> {
    let typed = typed.trim();
    if typed.len() > TEXT_MAX {
        return Err(wrong(field, format!("at most {TEXT_MAX} bytes can be searched for")));
    }
    Ok((!typed.is_empty()).then(|| typed.to_owned()))
}

fn wrong(field: &'static str, message: String) -> Wrong {
    Wrong { field, message }
}

fn is_beyond(key: &list::Key, end: &list::Key, direction: Direction) -> bool {
    match direction {
        Direction::Up => key > end,
        Direction::Down => key < end,
    }
}

/// A moment as the ranges have it.
fn at(moment: Timestamp) -> i64 {
    seconds(moment)
}
