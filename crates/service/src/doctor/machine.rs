//! What a server stands on: the disk, the database, and files that only its owner may read.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use keymuster_core::codes;
use keymuster_core::finding::Finding;

use crate::database::{self, Place};

/// Below this nothing can be relied on to be written, in bytes.
const FREE_LEAST: u64 = 16 * MEGABYTE;
/// Below this, beside the size of the database, somebody should make room, in bytes.
const FREE_LITTLE: u64 = 256 * MEGABYTE;
const MEGABYTE: u64 = 1024 * 1024;

/// The facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Where everything lies.
    pub data_dir: PathBuf,
    /// What is free there for this user, in bytes; `None` where the system does not say.
    pub free: Option<u64>,
    /// The size of the database, in bytes, with what is still in its log.
    pub database: u64,
    /// What SQLite finds wrong with the database file; nothing where it is sound.
    pub faults: Vec<String>,
    /// Secret files that others can read, with their modes.
    pub readable: Vec<(PathBuf, u32)>,
}

/// Gathers the facts; `database` is the name of the database as a file, and `secrets` are files in the data directory that nobody else may read.
pub fn look(data_dir: &Path, database: &str, secrets: &[&str]) -> Machine {
    let bytes = |name: &str| data_dir.join(name).metadata().map_or(0, |file| file.len());
    let readable = |name: &&str| {
        let path = data_dir.join(name);
        let mode = fs::metadata(&path).ok()?.mode() & 0o777;
        (mode & 0o077 != 0).then_some((path, mode))
    };
    Machine {
        data_dir: data_dir.to_owned(),
        free: rustix::fs::statvfs(data_dir).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        database: bytes(database) + bytes(&format!("{database}-wal")),
        faults: faults(data_dir, database).unwrap_or_else(|error| vec![error.to_string()]),
        readable: secrets.iter().filter_map(readable).collect(),
    }
}

/// What SQLite finds wrong; it reads every page. A PostgreSQL is asked whether it answers.
fn faults(data_dir: &Path, database: &str) -> Result<Vec<String>, database::Failure> {
    let place = Place::of(data_dir, database)?;
    let db = place.open_read_only()?;
    if place.file().is_none() {
        db.data_version()?;
        return Ok(Vec::new());
    }
    let mut statement = db.prepare("PRAGMA quick_check(3)")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let said: Vec<String> = rows.collect::<Result<_, _>>()?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

/// What they come to.
pub fn examine(machine: &Machine) -> Vec<Finding> {
    [disk(machine), integrity(machine)].into_iter().chain(machine.readable.iter().map(secret)).collect()
}

fn disk(machine: &Machine) -> Finding {
    const NAME: &str = "disk";
    let place = machine.data_dir.display();
    let Some(free) = machine.free else {
        return Finding::well(NAME, format!("the system does not say what is free in {place}"));
    };
    let seen = format!("{} are free in {place}", size(free));
    let next = "free some space on that disk, or move the data directory to a larger one";
    if free < FREE_LEAST {
        let means = "nothing can be relied on to be written, so that nothing is granted";
        return Finding::broken(NAME, seen).because(means, next).coded(&codes::HOST_READ_ONLY);
    }
    if free < FREE_LITTLE.saturating_add(machine.database) {
        let means = "the database grows, and a backup of it needs as much again";
        return Finding::warning(NAME, seen).because(means, next);
    }
    Finding::well(NAME, seen)
}

fn integrity(machine: &Machine) -> Finding {
    const NAME: &str = "database";
    match machine.faults.first() {
        None => Finding::well(NAME, format!("sound, {}", size(machine.database))),
        Some(fault) => {
            Finding::broken(NAME, format!("the database is damaged: {fault}")).coded(&codes::DATABASE_DAMAGED)
        }
    }
}

fn secret((path, mode): &(PathBuf, u32)) -> Finding {
    let seen = format!("{} can be read by others (mode {mode:o})", path.display());
    let next = format!("chmod 600 {}", path.display());
    Finding::warning("secret-files", seen).because("whoever can read it can sign in this server's name", next)
}

/// A size for people.
fn size(bytes: u64) -> String {
    match bytes / MEGABYTE {
        0 => format!("{} kB", bytes / 1024),
        megabytes @ 1..10_240 => format!("{megabytes} MB"),
        megabytes => format!("{} GB", megabytes / 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymuster_core::finding::Verdict;

    fn sound() -> Machine {
        Machine {
            data_dir: "/srv".into(),
            free: Some(20 * 1024 * MEGABYTE),
            database: 3 * MEGABYTE,
            faults: vec![],
            readable: vec![],
        }
    }

    #[test]
    fn each_fault_of_the_machine_is_found() {
        let found = |machine: Machine| -> Vec<(&'static str, Verdict)> {
            examine(&machine).iter().map(|one| (one.name, one.verdict)).collect()
        };
        let well = [("disk", Verdict::Well), ("database", Verdict::Well)];
        assert_eq!(found(sound()), well);
        assert_eq!(found(Machine { free: None, ..sound() }), well);
        let free = |free| found(Machine { free: Some(free), ..sound() })[0].1;
        assert_eq!([FREE_LEAST - 1, FREE_LEAST].map(free), [Verdict::Broken, Verdict::Warning]);
        let enough = FREE_LITTLE + 3 * MEGABYTE;
        assert_eq!([enough - 1, enough].map(free), [Verdict::Warning, Verdict::Well]);
        let damaged = found(Machine { faults: vec!["page 3".into()], ..sound() });
        assert_eq!(damaged[1], ("database", Verdict::Broken));
        let open = found(Machine { readable: vec![("/srv/host.key".into(), 0o644)], ..sound() });
        assert_eq!(open[2], ("secret-files", Verdict::Warning));
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        for (bytes, words) in [(0, "0 kB"), (MEGABYTE - 1, "1023 kB"), (MEGABYTE, "1 MB"), (1 << 34, "16 GB")] {
            assert_eq!(size(bytes), words);
        }
    }
}
