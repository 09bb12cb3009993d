//! Clients as lists: in any order, from any place on, and in the ranges that an index finds.
//!
//! Every statement follows an index and stops where its reader stops, so that none reads a million rows. Numbers that stand
//! in a statement's text are the host's own; whatever an administrator types is bound.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use keymuster_core::id::ClientId;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Value;
use keymuster_service::sql::{Row, Transaction, params_from_iter};

use crate::store::{parsed, seconds, timestamp};

/// What lists show of a client and edition.
const COLUMNS: &str = "c.publisher, c.edition, c.client_id, c.last_asked, c.lease_expires, c.answered_by, c.released_at, \
     d.first_asked, d.address, d.name, d.system, d.product_version, EXISTS (SELECT 1 FROM shared_identity s \
     WHERE s.publisher = c.publisher AND s.client_id = c.client_id)";

/// The join says in which order the tables are read; the other order would visit every row.
const CLIENT_FIRST: &str = "client c CROSS JOIN client_detail d ON d.number = c.number";
const DETAIL_FIRST: &str = "client_detail d CROSS JOIN client c ON c.number = d.number";
const SHARED_FIRST: &str = "shared_identity m CROSS JOIN client c ON c.publisher = m.publisher AND c.client_id = m.client_id \
     CROSS JOIN client_detail d ON d.number = c.number";
const RELEASE_FIRST: &str = "(SELECT DISTINCT publisher, client_id, edition FROM release) r CROSS JOIN client c \
     ON c.publisher = r.publisher AND c.client_id = r.client_id AND c.edition = r.edition AND c.released_at IS NOT NULL \
     CROSS JOIN client_detail d ON d.number = c.number";

/// Follows every character that a text can begin with.
const LAST: &str = "\u{10ffff}\u{10ffff}";

/// One client and edition with its description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its own number.
    pub number: i64,
    /// The publisher's number.
    pub publisher: i64,
    /// The edition's number.
    pub edition: u16,
    /// The client.
    pub client: ClientId,
    /// When it was last counted; 0 where an administrator released it.
    pub last_asked: Timestamp,
    /// When its newest lease ends, unless it was given back.
    pub lease_expires: Option<Timestamp>,
    /// Whether its last request was answered, and not refused.
    pub is_answered: bool,
    /// When an administrator released it.
    pub released_at: Option<Timestamp>,
    /// When it was seen first.
    pub first_asked: Timestamp,
    /// From where it asked last.
    pub address: String,
    /// The machine's name, where it is sent.
    pub name: Option<String>,
    /// Its operating system, where it is sent.
    pub system: Option<String>,
    /// The product's version, where it is sent.
    pub product_version: Option<String>,
    /// Whether more than one machine has asked by this id.
    pub is_shared: bool,
}

/// What an index alone tells of a client and edition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brief {
    /// Its own number.
    pub number: i64,
    /// The publisher's number.
    pub publisher: i64,
    /// The edition's number.
    pub edition: u16,
    /// When it was last counted; 0 where an administrator released it.
    pub last_asked: Timestamp,
    /// When its newest lease ends, unless it was given back.
    pub lease_expires: Option<Timestamp>,
}

/// What a list is ordered by; equal ones stand in the order in which they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The machine's name, whatever the case of its letters.
    Name,
    /// When it was seen first.
    FirstAsked,
    /// When it last asked.
    LastAsked,
    /// When its lease ends; those without one stand at 0.
    LeaseEnd,
}

/// Upwards or downwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The smallest first.
    Up,
    /// The largest first.
    Down,
}

/// A value by which lists are ordered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// A time.
    Number(i64),
    /// A name in lower case.
    Text(String),
}

/// Where a row stands in a list: no two stand at the same place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The value by which the list is ordered.
    pub key: Key,
    /// The number of client and edition.
    pub number: i64,
}

/// What an index finds by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Range {
    /// Machines whose name begins so, in lower case.
    Name(String),
    /// Client ids that begin so.
    Client(String),
    /// Addresses that begin so.
    Address(String),
    /// Leases that end from the first time to the second; 0 stands for no lease.
    LeaseEnd(i64, i64),
    /// Clients that last asked from the first time to the second.
    LastAsked(i64, i64),
    /// Clients whose id is shared.
    Shared,
    /// Clients that an administrator released.
    Released,
}

/// The editions that are looked through, by the publisher's number.
pub type Editions = BTreeMap<i64, Vec<u16>>;

/// Every edition of which the ledger knows a client, whether or not a catalogue still has it.
pub fn editions(tx: &Transaction<'_>, publisher: i64) -> Result<Vec<u16>, Failure> {
    // Each step leaps over all clients of an edition.
    let sql = "SELECT min(edition) FROM client WHERE publisher = ?1 AND edition > ?2";
    let mut statement = tx.prepare_cached(sql)?;
    let mut editions = Vec::new();
    let mut last = -1;
    while let Some(edition) = statement.query_row([publisher, last], |row| row.get::<_, Option<u16>>(0))? {
        editions.push(edition);
        last = i64::from(edition);
    }
    Ok(editions)
}

impl Order {
    /// The indexed column, and the letter of its table.
    fn column(self) -> (&'static str, &'static str) {
        match self {
            Order::Name => ("d.name_lower", "d"),
            Order::FirstAsked => ("d.first_asked", "d"),
            Order::LastAsked => ("c.last_asked", "c"),
            Order::LeaseEnd => ("c.lease_expires", "c"),
        }
    }

    /// Whether the list is in the order of what changes with every request, and [`briefs`] reads it.
    pub fn is_brief(self) -> bool {
        matches!(self, Order::LastAsked | Order::LeaseEnd)
    }

    /// Where a row stands in this order.
    pub fn place(self, row: &Listed) -> Place {
        let key = match self {
            Order::Name => Key::Text(row.name.as_deref().unwrap_or_default().to_ascii_lowercase()),
            Order::FirstAsked => Key::Number(seconds(row.first_asked)),
            Order::LastAsked => Key::Number(seconds(row.last_asked)),
            Order::LeaseEnd => Key::Number(row.lease_expires.map_or(0, seconds)),
        };
        Place { key, number: row.number }
    }

    /// Where a client stands in one of the orders that [`briefs`] reads.
    pub fn place_of_brief(self, brief: &Brief) -> Place {
        let key = if self == Order::LastAsked { Some(brief.last_asked) } else { brief.lease_expires };
        Place { key: Key::Number(key.map_or(0, seconds)), number: brief.number }
    }

    /// A place before all rows.
    fn begin(self, direction: Direction) -> Place {
        let (number, text) = match direction {
            Direction::Up => (-1, ""),
            Direction::Down => (i64::MAX, LAST),
        };
        let key = if self == Order::Name { Key::Text(text.to_owned()) } else { Key::Number(number) };
        Place { key, number }
    }
}

/// A list, and where it is read on.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// The editions that are looked through.
    pub editions: &'a Editions,
    /// Its order.
    pub order: Order,
    /// Upwards or downwards.
    pub direction: Direction,
    /// Behind which place; from the beginning where there is none.
    pub after: Option<&'a Place>,
}

/// Hands on the clients of a list one after the other from its index alone, until `visit` breaks off.
pub fn briefs(
    tx: &Transaction<'_>,
    list: List<'_>,
    mut visit: impl FnMut(Brief) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    each(tx, list, "client c", "c.publisher, c.edition, c.last_asked, c.lease_expires", |row| {
        let brief = Brief {
            number: row.get(1)?,
            publisher: row.get(2)?,
            edition: row.get(3)?,
            last_asked: timestamp(row.get(4)?),
            lease_expires: lease_end(row.get(5)?),
        };
        visit(brief)
    })
}

/// Hands on the rows of a list in the order of a description, until `visit` breaks off.
pub fn rows(
    tx: &Transaction<'_>,
    list: List<'_>,
    mut visit: impl FnMut(Listed) -> ControlFlow<()>,
) -> Result<(), Failure> {
    each(tx, list, DETAIL_FIRST, COLUMNS, |row| Ok(visit(read(row, 1)?)))
}

/// The row of a client and edition.
pub fn row(tx: &Transaction<'_>, publisher: i64, client: ClientId, edition: u16) -> Result<Option<Listed>, Failure> {
    let of = [publisher.into(), client.to_string().into(), i64::from(edition).into()];
    one(tx, "c.publisher = ?1 AND c.client_id = ?2 AND c.edition = ?3", of.into())
}

/// The same by its number.
pub fn numbered(tx: &Transaction<'_>, number: i64) -> Result<Option<Listed>, Failure> {
    one(tx, "c.number = ?1", vec![number.into()])
}

fn one(tx: &Transaction<'_>, condition: &str, bound: Vec<Value>) -> Result<Option<Listed>, Failure> {
    let sql = format!("SELECT c.number, {COLUMNS} FROM {CLIENT_FIRST} WHERE {condition}");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(bound))?;
    rows.next()?.map(|row| read(&row, 0)).transpose()
}

/// Every row behind a place: the key, the number, then `columns`.
fn each(
    tx: &Transaction<'_>,
    list: List<'_>,
    from: &str,
    columns: &str,
    mut visit: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Failure> {
    let List { editions, order, direction, after } = list;
    let (key, t) = order.column();
    let (beyond, sense) = match direction {
        Direction::Up => (">", ""),
        Direction::Down => ("<", " DESC"),
    };
    let arm = |source: String| {
        format!(
            "SELECT {key}, {t}.number, {columns} FROM {from} WHERE {source} AND ({key}, {t}.number) {beyond} (?1, ?2)"
        )
    };
    let arms: Vec<String> = sources(editions, t, order.is_brief()).into_iter().map(arm).collect();
    if arms.is_empty() {
        return Ok(());
    }
    // The database merges what each source gives in order; nothing is sorted.
    let sql = format!("{} ORDER BY 1{sense}, 2{sense}", arms.join(" UNION ALL "));
    let after = after.cloned().unwrap_or_else(|| order.begin(direction));
    let key = match after.key {
        Key::Number(number) => Value::Integer(number),
        Key::Text(text) => Value::Text(text),
    };
    let after = [key, after.number.into()];
    tx.each_row(&sql, params_from_iter(after), |row| visit(row))
}

/// How many rows a range has, as far as there are at most `max`.
pub fn count(tx: &Transaction<'_>, editions: &Editions, range: &Range, max: u64) -> Result<u64, Failure> {
    let mut found = 0;
    for sql in statements(editions, range, Want::Count, max) {
        let mut statement = tx.prepare_cached(&sql)?;
        found += statement.query_row(params_from_iter(bounds(range)), |row| row.get::<_, u32>(0))?;
    }
    Ok(u64::from(found).min(max))
}

/// The rows of a range in no order, at most `max`.
pub fn within(tx: &Transaction<'_>, editions: &Editions, range: &Range, max: u64) -> Result<Vec<Listed>, Failure> {
    let mut found = Vec::new();
    for sql in statements(editions, range, Want::Rows, max) {
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(bounds(range)))?;
        while let Some(row) = rows.next()? {
            found.push(read(&row, 0)?);
        }
    }
    Ok(found)
}

/// What is wanted of a range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Count,
    Rows,
}

/// A statement for each source, as their rows need no order.
fn statements(editions: &Editions, range: &Range, want: Want, max: u64) -> Vec<String> {
    let (t, narrow, whole, within) = match range {
        Range::Name(_) => {
            let within = "d.name_lower >= ?1 AND d.name_lower < ?2";
            ("d", "client_detail d", DETAIL_FIRST, within)
        }
        Range::Address(_) => ("d", "client_detail d", DETAIL_FIRST, "d.address >= ?1 AND d.address < ?2"),
        Range::Client(_) => ("c", "client c", CLIENT_FIRST, "c.client_id >= ?1 AND c.client_id < ?2"),
        Range::LeaseEnd(..) => ("c", "client c", CLIENT_FIRST, "c.lease_expires BETWEEN ?1 AND ?2"),
        Range::LastAsked(..) => ("c", "client c", CLIENT_FIRST, "c.last_asked BETWEEN ?1 AND ?2"),
        Range::Shared => ("m", "shared_identity m", SHARED_FIRST, "1 = 1"),
        Range::Released => ("r", "release r", RELEASE_FIRST, "1 = 1"),
    };
    let by_edition = matches!(range, Range::LeaseEnd(..) | Range::LastAsked(..));
    let statement = |source: String| match want {
        Want::Count => {
            format!("SELECT count(*) FROM (SELECT 1 FROM {narrow} WHERE {source} AND {within} LIMIT {max}) AS found")
        }
        Want::Rows => format!("SELECT c.number, {COLUMNS} FROM {whole} WHERE {source} AND {within} LIMIT {max}"),
    };
    sources(editions, t, by_edition).into_iter().map(statement).collect()
}

fn bounds(range: &Range) -> Vec<Value> {
    match range {
        Range::Name(begin) | Range::Client(begin) | Range::Address(begin) => {
            vec![begin.clone().into(), format!("{begin}{LAST}").into()]
        }
        Range::LeaseEnd(first, last) | Range::LastAsked(first, last) => vec![(*first).into(), (*last).into()],
        Range::Shared | Range::Released => Vec::new(),
    }
}

/// The conditions under which an index is read from one end: for each publisher, or for each of its editions.
fn sources(editions: &Editions, table: &str, by_edition: bool) -> Vec<String> {
    let of_publisher = |publisher: &i64| format!("{table}.publisher = {publisher}");
    if !by_edition {
        return editions.keys().map(of_publisher).collect();
    }
    let of_edition =
        |publisher: &i64, edition: &u16| format!("{} AND {table}.edition = {edition}", of_publisher(publisher));
    editions
        .iter()
        .flat_map(|(publisher, numbers)| numbers.iter().map(move |number| of_edition(publisher, number)))
        .collect()
}

/// A row whose number stands at `first`, and its [`COLUMNS`] behind that.
fn read(row: &Row<'_>, first: usize) -> Result<Listed, Failure> {
    let client: String = row.get(first + 3)?;
    Ok(Listed {
        number: row.get(first)?,
        publisher: row.get(first + 1)?,
        edition: row.get(first + 2)?,
        client: parsed(&client, "client", "client_id", &client)?,
        last_asked: timestamp(row.get(first + 4)?),
        lease_expires: lease_end(row.get(first + 5)?),
        is_answered: row.get::<_, Option<i64>>(first + 6)?.is_some(),
        released_at: row.get::<_, Option<i64>>(first + 7)?.map(timestamp),
        first_asked: timestamp(row.get(first + 8)?),
        address: row.get(first + 9)?,
        name: row.get(first + 10)?,
        system: row.get(first + 11)?,
        product_version: row.get(first + 12)?,
        is_shared: row.get(first + 13)?,
    })
}

fn lease_end(stored: i64) -> Option<Timestamp> {
    (stored > 0).then(|| timestamp(stored))
}
