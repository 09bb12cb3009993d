//! The clients: what each last asked and got, per edition.

pub mod list;

use std::collections::HashMap;
use std::ops::ControlFlow;

use keymuster_core::grant::LastRequest;
use keymuster_core::id::{ClientId, from_hex, to_hex};
use keymuster_core::request::ClientRequest;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest as _, Sha256};

use super::{integer, number, parsed, seconds, timestamp};

/// One client and edition.
#[derive(Clone, Debug)]
pub struct Client {
    /// The edition's number.
    pub edition: u16,
    /// The client's key.
    pub client_key: [u8; 32],
    /// Its last request that was counted.
    pub last: LastRequest,
    /// When it was last counted.
    pub last_asked: Timestamp,
    /// Its newest lease, unless it was given back.
    pub lease: Option<HeldLease>,
    /// Tells whether the description of the client has changed.
    pub detail_digest: i64,
    /// When an administrator released it; `last_asked` is then 0.
    pub released_at: Option<Timestamp>,
}

/// A lease that a client holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldLease {
    /// Its place in the ledger.
    pub sequence: u64,
    /// When it ends.
    pub expires: Timestamp,
}

macro_rules! columns {
    () => {
        "edition, client_key, counter, request_id, answered_by, last_asked, lease_sequence, lease_expires, detail_digest, \
         released_at"
    };
}
macro_rules! on_conflict {
    () => {
        "ON CONFLICT (publisher, client_id, edition) DO UPDATE SET counter = excluded.counter, \
         request_id = excluded.request_id, answered_by = excluded.answered_by, last_asked = excluded.last_asked, \
         lease_sequence = excluded.lease_sequence, lease_expires = excluded.lease_expires, \
         detail_digest = excluded.detail_digest, released_at = excluded.released_at"
    };
}
macro_rules! on_detail_conflict {
    () => {
        "ON CONFLICT (number) DO UPDATE SET changed_at = excluded.changed_at, \
         address = excluded.address, name = excluded.name, system = excluded.system, \
         product_version = excluded.product_version, name_lower = excluded.name_lower"
    };
}

/// What is read of a client and edition.
pub(super) const COLUMNS: &str = columns!();
/// What of a known client is written anew, with each request.
pub(super) const ON_CONFLICT: &str = on_conflict!();
/// And of its description.
pub(super) const ON_DETAIL_CONFLICT: &str = on_detail_conflict!();

/// All editions of one client.
pub fn of_id(tx: &Transaction<'_>, publisher: i64, id: ClientId) -> Result<Vec<Client>, Failure> {
    let sql = concat!("SELECT ", columns!(), " FROM client WHERE publisher = ?1 AND client_id = ?2 ORDER BY edition");
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![publisher, id.to_string()])?;
    let mut clients = Vec::new();
    while let Some(row) = rows.next()? {
        clients.push(read(&row, id)?);
    }
    Ok(clients)
}

/// Hands on what a statement finds of many clients: [`COLUMNS`], the publisher and the client's id.
pub(super) fn read_many(
    tx: &Transaction<'_>,
    sql: &str,
    ids: String,
    mut hand_on: impl FnMut((i64, ClientId), Client),
) -> Result<(), Failure> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([ids])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(11)?;
        let id = parsed(&text, "client", "client_id", &text)?;
        hand_on((row.get(10)?, id), read(&row, id)?);
    }
    Ok(())
}

fn read(row: &Row<'_>, id: ClientId) -> Result<Client, Failure> {
    let damaged = |column: &str| {
        let edition = row.get::<_, i64>(0).map_or_else(|_| "?".to_owned(), |edition| edition.to_string());
        Failure::damaged("client", column, format!("{id}, edition {edition}"), "not readable")
    };
    let text = |index: usize, column: &str| row.get_ref(index)?.as_str().map_err(|_| damaged(column));
    let integer = |index: usize, column: &str| row.get_ref(index)?.as_i64().map_err(|_| damaged(column));
    let optional = |index: usize, column: &str| row.get_ref(index)?.as_i64_or_null().map_err(|_| damaged(column));
    let lease = match (optional(6, "lease_sequence")?, optional(7, "lease_expires")?) {
        (Some(sequence), Some(expires)) => Some(HeldLease { sequence: number(sequence), expires: timestamp(expires) }),
        _ => None,
    };
    Ok(Client {
        edition: u16::try_from(integer(0, "edition")?).map_err(|_| damaged("edition"))?,
        client_key: from_hex(text(1, "client_key")?).ok_or_else(|| damaged("client_key"))?,
        last: LastRequest {
            counter: integer(2, "counter")?.cast_unsigned(),
            request: parsed(text(3, "request_id")?, "client", "request_id", id)?,
            answered_by: optional(4, "answered_by")?.map(number),
        },
        last_asked: timestamp(integer(5, "last_asked")?),
        lease,
        detail_digest: integer(8, "detail_digest")?,
        released_at: optional(9, "released_at")?.map(timestamp),
    })
}

/// How many clients hold a lease of an edition, and when the first of those leases ends.
pub fn leases_held(
    tx: &Transaction<'_>,
    publisher: i64,
    edition: u16,
    now: Timestamp,
) -> Result<(u64, Option<Timestamp>), Failure> {
    let sql = "SELECT count(*), min(lease_expires) FROM client \
               WHERE publisher = ?1 AND edition = ?2 AND lease_expires > ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let held = |row: &Row<'_>| Ok((number(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(timestamp)));
    Ok(statement.query_row(params![publisher, edition, seconds(now)], held)?)
}

/// Writes one client and edition, new or known.
pub fn put(tx: &Transaction<'_>, publisher: i64, id: ClientId, client: &Client) -> Result<(), Failure> {
    let sql = concat!(
        "INSERT INTO client (number, publisher, client_id, edition, client_key, counter, request_id, answered_by, \
         last_asked, lease_sequence, lease_expires, detail_digest, released_at) \
         VALUES ((SELECT coalesce(max(number), 0) + 1 FROM client), \
         ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ",
        on_conflict!()
    );
    tx.prepare_cached(sql)?.execute(params![
        publisher,
        id.to_string(),
        client.edition,
        to_hex(&client.client_key),
        // The client chooses its counter, so all 64 bits are kept; the database never compares them.
        client.last.counter.cast_signed(),
        client.last.request.to_string(),
        client.last.answered_by.map(integer),
        seconds(client.last_asked),
        client.lease.map(|lease| integer(lease.sequence)),
        client.lease.map_or(0, |lease| seconds(lease.expires)),
        client.detail_digest,
        client.released_at.map(seconds),
    ])?;
    Ok(())
}

/// Writes what a client that has a row says of itself, and from where it asks.
pub fn put_detail(
    tx: &Transaction<'_>,
    publisher: i64,
    request: &ClientRequest,
    address: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = concat!(
        "INSERT INTO client_detail (number, publisher, first_asked, changed_at, address, name, system, product_version, \
         name_lower) VALUES ((SELECT number FROM client WHERE publisher = ?1 AND client_id = ?2 AND edition = ?3), \
         ?1, ?4, ?4, ?5, ?6, ?7, ?8, ?9) ",
        on_detail_conflict!()
    );
    tx.prepare_cached(sql)?.execute(params![
        publisher,
        request.client.to_string(),
        request.edition,
        seconds(now),
        address,
        request.name.as_ref().map(|name| name.as_str()),
        request.system.as_ref().map(|system| system.as_str()),
        request.product_version.as_ref().map(|version| version.as_str()),
        request.name.as_ref().map_or_else(String::new, |name| name.as_str().to_ascii_lowercase()),
    ])?;
    Ok(())
}

/// A short hash of what a client says of itself: where it has not changed, the description is not written again.
pub fn detail_digest(request: &ClientRequest, address: &str) -> i64 {
    let mut hash = Sha256::new();
    for text in [&request.name, &request.system, &request.product_version] {
        hash.update(text.as_ref().map_or("", |text| text.as_str()));
        hash.update([0]);
    }
    hash.update(address);
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The address from which a client asked last, and the name that it had, as far as they were noted.
pub fn place(
    tx: &Transaction<'_>,
    publisher: i64,
    id: ClientId,
    edition: u16,
) -> Result<Option<(String, Option<String>)>, Failure> {
    let sql = "SELECT d.address, d.name FROM client c JOIN client_detail d ON d.number = c.number \
               WHERE c.publisher = ?1 AND c.client_id = ?2 AND c.edition = ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let place = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(statement.query_row(params![publisher, id.to_string(), edition], place).optional()?)
}

/// What counting needs of one client and edition.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The publisher's number.
    pub publisher: i64,
    /// The edition's number.
    pub edition: u16,
    /// Whether it is the client that was seen before this one.
    pub is_same: bool,
    /// When it was last counted; 0 where an administrator released it.
    pub last_asked: Timestamp,
    /// When its newest lease ends, unless it was given back.
    pub lease_expires: Option<Timestamp>,
    /// Whether its last request was answered, and not refused.
    pub is_answered: bool,
    /// Whether an administrator released it.
    pub is_released: bool,
}

/// Shows every client, its editions one after the other.
///
/// Rows are read in the order in which they lie. In that of their ids, each would come from another place of a table that
/// may be larger than the memory.
pub fn each(db: &Connection, mut see: impl FnMut(Seen)) -> Result<(), Failure> {
    let sql = "SELECT publisher, client_id FROM client GROUP BY publisher, client_id HAVING count(*) > 1";
    let mut of_several: HashMap<(i64, String), Vec<Seen>> = HashMap::new();
    db.each_row(sql, [], |row| {
        of_several.insert((row.get(0)?, row.get(1)?), Vec::new());
        Ok::<_, Failure>(ControlFlow::Continue(()))
    })?;
    let sql = "SELECT publisher, client_id, edition, last_asked, lease_expires, answered_by IS NOT NULL, \
               released_at IS NOT NULL FROM client ORDER BY number";
    db.each_row(sql, [], |row| {
        let seen = seen(row)?;
        let several = if of_several.is_empty() { None } else { of_several.get_mut(&(seen.publisher, row.get(1)?)) };
        match several {
            Some(several) => several.push(seen),
            None => see(seen),
        }
        Ok::<_, Failure>(ControlFlow::Continue(()))
    })?;
    for several in of_several.into_values() {
        several.into_iter().enumerate().for_each(|(place, seen)| see(Seen { is_same: place > 0, ..seen }));
    }
    Ok(())
}

fn seen(row: &Row<'_>) -> Result<Seen, Failure> {
    let id = row.get_ref(1)?.as_str().map_err(|_| Failure::damaged("client", "client_id", "?", "not text"))?;
    let number = |index: usize, column: &str| {
        row.get_ref(index)?.as_i64().map_err(|_| Failure::damaged("client", column, id, "not readable"))
    };
    let (asked, expires) = (number(3, "last_asked")?, number(4, "lease_expires")?);
    Ok(Seen {
        publisher: row.get(0)?,
        edition: row.get(2)?,
        is_same: false,
        last_asked: timestamp(asked),
        lease_expires: (expires > 0).then(|| timestamp(expires)),
        is_answered: row.get(5)?,
        is_released: row.get(6)?,
    })
}
