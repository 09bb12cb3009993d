//! The one publisher whose authority this database belongs to.

use keymuster_core::id::{Label, Slug};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{Columns, first, time, write};

/// A publisher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publisher {
    /// Its name for machines.
    pub slug: Slug,
    /// Its name for people.
    pub name: Label,
}

/// Makes this the database of a publisher's authority; it fails where it is one already.
pub fn insert(tx: &Transaction<'_>, publisher: &Publisher, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO publisher (id, slug, name, made_at, checked_at) VALUES (1, $1, $2, $3, $4)";
    let Publisher { slug, name } = publisher;
    write(tx, sql, params![slug.as_str(), name.as_str(), time(now), time(now)])?;
    Ok(())
}

/// Whose database this is; none if it was never initialised.
pub fn find(tx: &Transaction<'_>) -> Result<Option<Publisher>, Failure> {
    first(tx, "SELECT id, slug, name FROM publisher", [], |row| {
        let columns = Columns::of("publisher", "id", row);
        Ok(Publisher { slug: columns.text("slug")?, name: columns.text("name")? })
    })
}

/// Writes the time of a readiness check, to find out whether writing works; false where there is no publisher.
pub fn check_writing(tx: &Transaction<'_>, now: Timestamp) -> Result<bool, Failure> {
    Ok(write(tx, "UPDATE publisher SET checked_at = $1", [time(now)])? == 1)
}
