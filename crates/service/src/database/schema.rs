//! Which versions of a program may use a database: those that know its schema, and older ones where nothing but additions
//! has happened since (`docs/guides/upgrading.md`).
//!
//! The database says so itself, in `schema_reader`: an older program cannot know what a newer one has done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Failure, copy};
use crate::files::directory_of;
use crate::sql::{Connection, OptionalExtension as _, Transaction};

/// How many of the migrations a program must know at least to use a database that has them all: up to the last one that is
/// more than an addition.
pub fn oldest_reader(migrations: &[&str]) -> usize {
    migrations.iter().rposition(|migration| !is_addition(migration)).map_or(0, |place| place + 1)
}

/// Whether a program that knows nothing of a migration goes on reading and writing as before: new tables, new indexes that
/// forbid nothing, and new columns with a value of their own.
fn is_addition(migration: &str) -> bool {
    let lines = migration.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let statements = text.split(';').map(|statement| statement.split_whitespace().collect::<Vec<_>>());
    statements.filter(|words| !words.is_empty()).all(|words| match words[..] {
        ["CREATE", "TABLE" | "INDEX", ..] => true,
        ["CREATE", "UNIQUE", "INDEX", _, "ON", table, ..] => text.contains(&format!("CREATE TABLE {table} ")),
        ["INSERT", "INTO", table, ..] => text.contains(&format!("CREATE TABLE {table} ")),
        ["ALTER", "TABLE", _, "ADD", "COLUMN", ..] => !words.contains(&"REFERENCES"),
        _ => false,
    })
}

/// Whether a program that knows so many migrations may use this newer database.
pub(super) fn may_read(db: &Connection, known: usize) -> Result<bool, Failure> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_reader'";
    if db.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(false);
    }
    let oldest: Option<i64> = db.query_row("SELECT oldest FROM schema_reader", [], |row| row.get(0)).optional()?;
    Ok(oldest.and_then(|oldest| usize::try_from(oldest).ok()).is_some_and(|oldest| known >= oldest))
}

/// Writes down who may use the database.
pub(super) fn note_reader(tx: &Transaction<'_>, migrations: &[&str]) -> Result<(), Failure> {
    tx.execute_batch("CREATE TABLE IF NOT EXISTS schema_reader (oldest BIGINT NOT NULL); DELETE FROM schema_reader")?;
    tx.execute("INSERT INTO schema_reader (oldest) VALUES (?1)", [super::integer(oldest_reader(migrations) as u64)])?;
    Ok(())
}

/// Copies the database as it is before its schema changes, to a file beside it; copies of earlier changes are removed.
pub(super) fn keep_before(path: &Path, found: usize) -> Result<(), Failure> {
    let kept = beside(path, &found.to_string());
    for old in kept_before(path).map_err(|source| Failure::io("look beside", path, source))? {
        fs::remove_file(&old).map_err(|source| Failure::io("replace the copy of", path, source))?;
    }
    tracing::info!(copy = %kept.display(), "the database is copied before its schema changes");
    copy(path, &kept, |_, _| {})
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{end}"));
    PathBuf::from(name)
}

fn kept_before(path: &Path) -> io::Result<Vec<PathBuf>> {
    let begin = beside(path, "");
    let is_copy = |found: &PathBuf| found.to_string_lossy().starts_with(&*begin.to_string_lossy());
    let entries =
        fs::read_dir(directory_of(path))?.map(|entry| entry.map(|entry| directory_of(path).join(entry.file_name())));
    Ok(entries.collect::<io::Result<Vec<PathBuf>>>()?.into_iter().filter(is_copy).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_are_told_from_changes() {
        for (migration, expected) in [
            ("CREATE TABLE a (id BIGINT);\n-- DROP nothing\nCREATE INDEX i ON a (id);", true),
            ("CREATE TABLE a (id BIGINT); CREATE UNIQUE INDEX i ON a (id); INSERT INTO a SELECT id FROM b", true),
            ("ALTER TABLE b ADD COLUMN more TEXT NOT NULL DEFAULT ''", true),
            ("create index i on b (id)", true),
            ("CREATE UNIQUE INDEX i ON b (id)", false),
            ("ALTER TABLE b ADD COLUMN a BIGINT REFERENCES a (id)", false),
            ("ALTER TABLE b DROP COLUMN more", false),
            ("ALTER TABLE b RENAME TO c", false),
            ("INSERT INTO b (id) VALUES (1)", false),
            ("UPDATE b SET id = 0", false),
            ("CREATE TABLE a (id BIGINT); DROP TABLE b", false),
            ("CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; END", false),
        ] {
            assert_eq!(is_addition(migration), expected, "{migration}");
        }
        let (addition, change) = ("CREATE TABLE a (id BIGINT)", "DROP TABLE b");
        assert_eq!(oldest_reader(&[change, addition, change, addition, addition]), 3);
        assert_eq!(oldest_reader(&[addition, addition]), 0);
    }
}
