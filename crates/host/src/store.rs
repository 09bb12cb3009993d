//! The host's database: one file per noun, SQL in the dialect that SQLite and PostgreSQL share.
//!
//! Functions take the transaction first and return domain types; what they cannot read is a failure that names its place.

pub mod audit;
pub mod client;
pub mod collected;
pub mod counter;
pub mod entitlement;
pub mod host;
pub mod host_key;
pub mod ledger;
pub mod publisher;
pub mod seat;
pub mod setting;
pub mod shared_identity;
pub mod tally;

use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_service::database::{self, Failure};
use rusqlite::Connection;

/// The database file in the data directory.
pub const FILE_NAME: &str = "host.db";

const MIGRATIONS: &[&str] = &[
    include_str!("store/0001_first.sql"),
    include_str!("store/0002_activation.sql"),
    include_str!("store/0003_exchange.sql"),
];

/// Opens the database of a data directory, and creates it where there is none.
pub fn open(data_dir: &Path) -> Result<Connection, Failure> {
    let db = database::open(&data_dir.join(FILE_NAME), MIGRATIONS)?;
    // A host key that was removed, or moved within the file, is overwritten.
    db.pragma_update(None, "secure_delete", true)?;
    Ok(db)
}

/// A time as it is stored.
pub(crate) fn seconds(at: Timestamp) -> i64 {
    // The largest timestamp lies in the year 9999.
    i64::try_from(at.as_secs()).expect("a timestamp fits into 63 bits")
}

/// A stored time.
pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A count or sequence as it is stored; nothing that is counted one by one gets beyond 63 bits.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored count or sequence.
pub(crate) fn number(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a stored document.
pub(crate) fn from_base64(text: &str, table: &str, column: &str, row: impl ToString) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::damaged(table, column, row, "not Base64"))
}

/// A stored value of a type with a textual form.
pub(crate) fn parsed<T: FromStr>(text: &str, table: &str, column: &str, row: impl ToString) -> Result<T, Failure>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Failure::damaged(table, column, row, error.to_string()))
}

/// A stored product key; the failure does not repeat it.
pub(crate) fn parsed_key(text: &str, table: &str, row: &str) -> Result<ProductKey, Failure> {
    ProductKey::parse(text).map_err(|_| Failure::damaged(table, "product_key", row, "not a product key"))
}
