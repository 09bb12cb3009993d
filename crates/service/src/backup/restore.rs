//! Restoring a backup: everything is made and checked beside what is there, and takes its place at the end, in one step.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use keymuster_core::codes;
use keymuster_core::time::Timestamp;

use super::archive::{Archive, Manifest};
use super::{Contents, Restored, Unreadable, place};
use crate::database::{self, Failure};
use crate::exit::Coded;

/// What was restored.
pub(super) struct Outcome {
    pub manifest: Manifest,
    /// Where that is which was there before.
    pub replaced: Option<PathBuf>,
    /// What the program has done so that it may go on from here.
    pub words: String,
}

/// Restores an archive into a directory that no server and no other backup works on.
pub(super) fn restore(
    mut archive: Archive,
    contents: &Contents,
    data_dir: &Path,
    by: (&str, Timestamp),
) -> anyhow::Result<Outcome> {
    check_program(&archive.manifest, contents)?;
    let unfinished = place::begin(data_dir)?;
    archive.files(|held| Ok(Box::new(Synced::create(&unfinished.join(&held.name))?)))?;
    let database = unfinished.join(contents.database);
    database::check(&database)?;
    let words = bring_up(contents, &database, &unfinished, &archive.manifest, by)?;
    // The database is one file again.
    database::check(&database)?;
    let replaced = place::replace(data_dir, by.1)?;
    Ok(Outcome { manifest: archive.manifest, replaced, words })
}

fn check_program(manifest: &Manifest, contents: &Contents) -> anyhow::Result<()> {
    if manifest.program == contents.program && manifest.files.iter().any(|held| held.name == contents.database) {
        return Ok(());
    }
    let detail = format!("it is a backup of {}, and this is {}", manifest.program, contents.program);
    Err(Coded { code: &codes::BACKUP_UNREADABLE, detail }.into())
}

fn bring_up(
    contents: &Contents,
    database: &Path,
    directory: &Path,
    manifest: &Manifest,
    (actor, now): (&str, Timestamp),
) -> anyhow::Result<String> {
    let mut db = (contents.open)(database)?;
    let tx = database::begin(&mut db)?;
    let described = (contents.describe)(&tx)?;
    if described.id != manifest.id {
        return Err(Unreadable::Contradiction("the database belongs to somebody else".to_owned())
            .coded("the backup")
            .into());
    }
    let words = (contents.restored)(&tx, directory, &Restored { manifest, actor, now })?;
    tx.commit().map_err(Failure::from)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(Failure::from)?;
    db.close().map_err(Failure::from)?;
    File::open(database)?.sync_all()?;
    Ok(words)
}

/// A file that is on the disk when it is flushed.
struct Synced(File);

impl Synced {
    fn create(path: &Path) -> io::Result<Synced> {
        Ok(Synced(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?))
    }
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}
