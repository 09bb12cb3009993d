//! The host's database: one file per noun, SQL in the dialect that SQLite and PostgreSQL share.
//!
//! Functions take the transaction first and return domain types; what they cannot read is a failure that names its place.

pub mod audit;
pub mod batch;
pub mod client;
pub mod collected;
pub mod counter;
pub mod entitlement;
pub mod epoch;
pub mod fixed;
pub mod host;
pub mod host_key;
pub mod ledger;
pub mod pruning;
pub mod publisher;
pub mod refusal;
pub mod release;
pub mod seat;
pub mod setting;
pub mod shared_identity;
pub mod signer;
pub mod tally;
pub mod together;

use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_core::key::ProductKey;
use keymuster_service::database::{Failure, Place};
pub(crate) use keymuster_service::database::{integer, number, seconds, timestamp};
use keymuster_service::sql::Connection;

/// The database file in the data directory.
pub const FILE_NAME: &str = "host.db";

/// The schema, in the order in which it grew.
pub const MIGRATIONS: &[&str] = &[
    include_str!("store/0001_first.sql"),
    include_str!("store/0002_activation.sql"),
    include_str!("store/0003_exchange.sql"),
    keymuster_service::console::MIGRATION,
    include_str!("store/0004_console_reads.sql"),
    include_str!("store/0005_audit_head.sql"),
    include_str!("store/0006_fixed.sql"),
    include_str!("store/0007_epoch.sql"),
    include_str!("store/0008_pruned.sql"),
    include_str!("store/0009_servers.sql"),
    include_str!("store/0010_set_back.sql"),
];

/// Where the database of a data directory is.
pub fn place(data_dir: &Path) -> Result<Place, Failure> {
    Place::of(data_dir, FILE_NAME)
}

/// Opens the database of a data directory, and creates it where there is none.
pub fn open(data_dir: &Path) -> Result<Connection, Failure> {
    connect(&place(data_dir)?)
}

/// Opens the database of a data directory for reading.
pub fn open_read_only(data_dir: &Path) -> Result<Connection, Failure> {
    place(data_dir)?.open_read_only()
}

/// Opens a database by the path of its file.
pub fn connect_file(path: &Path) -> Result<Connection, Failure> {
    connect(&Place::File(path.to_owned()))
}

/// Opens the database at a place.
pub fn connect(place: &Place) -> Result<Connection, Failure> {
    let db = place.open(MIGRATIONS)?;
    if let Some(file) = db.sqlite() {
        // A host key that was removed, or moved within the file, is overwritten.
        file.pragma_update(None, "secure_delete", true)?;
    }
    Ok(db)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Migrations of the first release. Since then there are additions only, so that the release before another one opens
    /// what that has written (`docs/guides/upgrading.md`).
    const FIRST_RELEASE: usize = 9;

    #[test]
    fn the_release_before_opens_what_this_one_has_written() {
        assert!(keymuster_service::database::oldest_reader(MIGRATIONS) <= FIRST_RELEASE);
        assert!(MIGRATIONS.len() >= FIRST_RELEASE);
    }
}
