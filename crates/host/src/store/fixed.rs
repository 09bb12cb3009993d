//! What the host's configuration gives, as its server noted it: it counts before what administrators have chosen.
//!
//! A publisher is named by its id, as in the file, because it may be written there before the host has it.

use std::collections::BTreeMap;

use keymuster_service::config::SourceKind;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::setting::HOST;

/// A value that is given.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fixed {
    /// The publisher; empty for the host itself.
    pub publisher: String,
    /// The name of the key.
    pub name: String,
    /// The value, in the words in which it is shown.
    pub value: String,
    /// By what means it is given.
    pub source: SourceKind,
    /// Where, for people.
    pub place: String,
}

/// Everything that is given.
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Fixed>, Failure> {
    let mut statement =
        tx.prepare_cached("SELECT publisher, name, value, source, place FROM fixed ORDER BY publisher, name")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, source): (String, String) = (row.get(1)?, row.get(3)?);
        let known = SourceKind::ALL.into_iter().find(|kind| kind.name() == source);
        let source = known.ok_or_else(|| Failure::damaged("fixed", "source", &name, "no such source"))?;
        all.push(Fixed { publisher: row.get(0)?, name, value: row.get(2)?, source, place: row.get(4)? });
    }
    Ok(all)
}

/// What is given for one publisher by its number, or for the host, by name.
pub fn of(tx: &Transaction<'_>, publisher: i64) -> Result<BTreeMap<String, Fixed>, Failure> {
    let id = if publisher == HOST {
        String::new()
    } else {
        tx.prepare_cached("SELECT id FROM publisher WHERE number = ?1")?.query_row([publisher], |row| row.get(0))?
    };
    let of_one = all(tx)?.into_iter().filter(|fixed| fixed.publisher == id);
    Ok(of_one.map(|fixed| (fixed.name.clone(), fixed)).collect())
}

/// Notes that this, and nothing else, is given.
pub fn replace(tx: &Transaction<'_>, all: &[Fixed]) -> Result<(), Failure> {
    tx.execute("DELETE FROM fixed", [])?;
    let sql = "INSERT INTO fixed (publisher, name, value, source, place) VALUES (?1, ?2, ?3, ?4, ?5)";
    for Fixed { publisher, name, value, source, place } in all {
        tx.execute(sql, params![publisher, name, value, source.name(), place])?;
    }
    Ok(())
}
