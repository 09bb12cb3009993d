//! The secret keys that were minted: whose they are, what they are worth, and whether they were revoked.

use keymuster_core::entitlement::Pool;
use keymuster_core::id::Slug;
use keymuster_core::key::{KeyId, KeyKind};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{Columns, Taken, all, first, integer, pool, time, write};

/// A minted key, without the tag that would make it one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Minted {
    /// Its name.
    pub id: KeyId,
    /// Whose it is.
    pub customer: Slug,
    /// The number of the group (host key) or edition (MAK).
    pub number: u16,
    /// Its serial.
    pub serial: u32,
    /// When it was minted.
    pub minted_at: Timestamp,
    /// What it is worth.
    pub worth: Worth,
    /// How many activations of a MAK are used; 0 for a host key.
    pub activations_used: u64,
    /// When and why it was revoked.
    pub revoked: Option<Taken>,
}

/// What a key is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Worth {
    /// Hosts for a group.
    Host(HostWorth),
    /// Activations of an edition.
    Mak(MakWorth),
}

/// What a host key is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostWorth {
    /// On how many hosts it may be activated.
    pub hosts_max: u32,
    /// How often on each.
    pub activations_max: u32,
    /// How long an entitlement lasts.
    pub term_secs: u64,
    /// The most distinct clients per family; absent means no limit.
    pub clients_max: Option<u32>,
    /// A threshold that was agreed instead of the editions' own.
    pub threshold: Option<u32>,
    /// Floating seats.
    pub pools: Vec<Pool>,
}

/// What a MAK is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MakWorth {
    /// How many activations.
    pub activations_max: u32,
    /// How long each lasts; absent means for ever.
    pub term_secs: Option<u64>,
}

impl Minted {
    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        match self.worth {
            Worth::Host(_) => KeyKind::Host,
            Worth::Mak(_) => KeyKind::Mak,
        }
    }
}

/// Adds a key; false if its id is taken.
///
/// `order` is what the form was called that it was minted with, if it was a form.
pub fn insert(tx: &Transaction<'_>, key: &Minted, order: Option<&str>) -> Result<bool, Failure> {
    let sql = "INSERT INTO product_key (id, kind, customer, number, serial, minted_at, activations_max, term_secs, \
               hosts_max, clients_max, threshold, order_id) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
               ON CONFLICT (id) DO NOTHING";
    let (kind, activations_max, term_secs, host) = match &key.worth {
        Worth::Host(host) => ("host", host.activations_max, Some(host.term_secs), Some(host)),
        Worth::Mak(mak) => ("mak", mak.activations_max, mak.term_secs, None),
    };
    let id = key.id.to_string();
    let values = params![
        id,
        kind,
        key.customer.as_str(),
        integer(key.number),
        integer(key.serial),
        time(key.minted_at),
        integer(activations_max),
        term_secs.map(integer),
        host.map(|host| integer(host.hosts_max)),
        host.and_then(|host| host.clients_max).map(integer),
        host.and_then(|host| host.threshold).map(integer),
        order,
    ];
    if write(tx, sql, values)? == 0 {
        return Ok(false);
    }
    for pool in host.iter().flat_map(|host| &host.pools) {
        pool::insert(tx, key.id, pool)?;
    }
    Ok(true)
}

const COLUMNS: &str = "id, kind, customer, number, serial, minted_at, activations_max, term_secs, hosts_max, \
                       clients_max, threshold, activations_used, revoked_at, revoke_reason";

/// The key with this id.
pub fn find(tx: &Transaction<'_>, id: KeyId) -> Result<Option<Minted>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM product_key WHERE id = $1");
    first(tx, &sql, [id.to_string()], |row| read(tx, row))
}

/// The key that was minted with this form.
pub fn of_order(tx: &Transaction<'_>, order: &str) -> Result<Option<Minted>, Failure> {
    first(tx, &format!("SELECT {COLUMNS} FROM product_key WHERE order_id = $1"), [order], |row| read(tx, row))
}

/// All keys, by customer and age.
pub fn list(tx: &Transaction<'_>) -> Result<Vec<Minted>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM product_key ORDER BY customer, minted_at, id");
    all(tx, &sql, [], |row| read(tx, row))
}

/// The keys of a customer, the newest first, at most `limit`.
pub fn of_customer(tx: &Transaction<'_>, customer: &Slug, limit: u32) -> Result<Vec<Minted>, Failure> {
    let sql =
        format!("SELECT {COLUMNS} FROM product_key WHERE customer = $1 ORDER BY minted_at DESC, id DESC LIMIT $2");
    all(tx, &sql, params![customer.as_str(), limit], |row| read(tx, row))
}

/// Keys of all customers, the newest first, older than the one with this id; at most `limit`.
pub fn newest(tx: &Transaction<'_>, before: Option<KeyId>, limit: u32) -> Result<Vec<Minted>, Failure> {
    let place = before.map(|id| find(tx, id)).transpose()?.flatten();
    let (at, id) = place.map_or((i64::MAX, String::new()), |key| (time(key.minted_at), key.id.to_string()));
    let sql = format!(
        "SELECT {COLUMNS} FROM product_key WHERE minted_at < $1 OR (minted_at = $1 AND id < $2) \
         ORDER BY minted_at DESC, id DESC LIMIT $3"
    );
    all(tx, &sql, params![at, id, limit], |row| read(tx, row))
}

/// MAKs that are not revoked and of which at least four fifths are used, those with the least left first.
pub fn running_low(tx: &Transaction<'_>, limit: u32) -> Result<Vec<Minted>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM product_key WHERE kind = 'mak' AND revoked_at IS NULL \
         AND activations_used * 5 >= activations_max * 4 ORDER BY activations_max - activations_used, id LIMIT $1"
    );
    all(tx, &sql, [limit], |row| read(tx, row))
}

/// How many are not revoked.
pub fn count_living(tx: &Transaction<'_>) -> Result<u64, Failure> {
    let count = first(tx, "SELECT COUNT(id) AS keys FROM product_key WHERE revoked_at IS NULL", [], |row| {
        Columns::of("product_key", "keys", row).number("keys")
    })?;
    Ok(count.unwrap_or(0))
}

/// Counts activations of a MAK that are used from here on.
pub fn count(tx: &Transaction<'_>, id: KeyId, added: u64) -> Result<(), Failure> {
    let sql = "UPDATE product_key SET activations_used = activations_used + $1 WHERE id = $2";
    write(tx, sql, params![integer(added), id.to_string()])?;
    Ok(())
}

/// Revokes a key that is not revoked; false if there is none such.
pub fn revoke(tx: &Transaction<'_>, id: KeyId, revoked: &Taken) -> Result<bool, Failure> {
    let sql = "UPDATE product_key SET revoked_at = $1, revoke_reason = $2 WHERE id = $3 AND revoked_at IS NULL";
    Ok(write(tx, sql, params![time(revoked.at), revoked.reason, id.to_string()])? == 1)
}

fn read(tx: &Transaction<'_>, row: &Row<'_>) -> Result<Minted, Failure> {
    let columns = Columns::of("product_key", "id", row);
    let id = columns.text("id")?;
    let worth = match columns.text::<String>("kind")?.as_str() {
        "host" => Worth::Host(HostWorth {
            hosts_max: columns.number("hosts_max")?,
            activations_max: columns.number("activations_max")?,
            term_secs: columns.number("term_secs")?,
            clients_max: columns.number_if_any("clients_max")?,
            threshold: columns.number_if_any("threshold")?,
            pools: pool::list(tx, id)?,
        }),
        "mak" => Worth::Mak(MakWorth {
            activations_max: columns.number("activations_max")?,
            term_secs: columns.number_if_any("term_secs")?,
        }),
        _ => return Err(columns.damaged("kind", "neither host nor mak")),
    };
    Ok(Minted {
        id,
        customer: columns.text("customer")?,
        number: columns.number("number")?,
        serial: columns.number("serial")?,
        minted_at: columns.time("minted_at")?,
        worth,
        activations_used: columns.number("activations_used")?,
        revoked: columns.taken("revoked_at", "revoke_reason")?,
    })
}
