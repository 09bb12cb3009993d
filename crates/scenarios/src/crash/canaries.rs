//! What must lose something, so that one can believe those who lose nothing.
//!
//! The host has no way to be careless: so it is given a disk that says "synced" of the write-ahead log and has not done it.
//! And SQLite alone, by a writer of a few lines, shows on the same disk what each of its settings costs.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use tempfile::TempDir;

use super::disk::{Disk, Fate};
use super::figures::Figures;
use super::lot::Lot;
use super::mount::Mount;
use super::place::Place;

/// Power cuts within which a canary must have lost something.
const CUTS_MAX: u64 = 20;
/// Answers, or rows, before the power goes.
const ANSWERS: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(20);

/// All canaries, and beside them the setting that the host has, by the same writer.
pub fn run(lot: &Lot, cuts: u64) -> anyhow::Result<Vec<Figures>> {
    let mut all = vec![lying_disk(lot)?];
    for (setting, is_canary) in [("FULL", false), ("NORMAL", true), ("OFF", true)] {
        all.push(writer(lot, setting, cuts, is_canary)?);
    }
    Ok(all)
}

/// The host on a disk that lies: it goes on until something is missed.
fn lying_disk(lot: &Lot) -> anyhow::Result<Figures> {
    let mut figures = Figures::new("canary: a disk that says \"synced\" of the write-ahead log, and lies");
    figures.is_canary = true;
    while figures.lost == 0 && figures.times < CUTS_MAX {
        let mut place = Place::new(lot)?;
        place.disk.lie_about("-wal");
        let mut fleet = place.fleet(lot, 4)?;
        let host = place.start()?;
        let begun = fleet.ask_in_turn(host.clients, ANSWERS as usize)?;
        ensure!(begun.0 == ANSWERS as usize, "not all were answered: {:?}", begun.1);
        place.disk.cut(Fate::Forgotten);
        crate::programs::kill(host.running.id());
        place.disk.release();
        drop(host);
        place.power_up()?;
        // A database without what its log held may not even open, which a person would notice as well.
        match fleet.check(place.seen()?.path()) {
            Ok(checked) => {
                figures.lost += checked.missing.len() as u64;
                figures.entries += checked.ledger.len();
            }
            Err(_) => figures.lost += ANSWERS,
        }
        figures.acknowledged += fleet.acknowledged();
        figures.times += 1;
    }
    Ok(figures)
}

/// A writer of one row a transaction, on the same disk, with `PRAGMA synchronous` as given.
fn writer(lot: &Lot, setting: &str, cuts: u64, is_canary: bool) -> anyhow::Result<Figures> {
    let mut figures =
        Figures::new(format!("{}SQLite alone, synchronous={setting}", if is_canary { "canary: " } else { "" }));
    figures.is_canary = is_canary;
    for _ in 0..cuts {
        let disk = Disk::new(lot.branch());
        let directory = tempfile::tempdir()?;
        let mount = Mount::new(&disk, directory.path())?;
        let rows = write_until_cut(lot, &disk, &directory, setting)?;
        mount.end()?;
        let left = disk.after_cut().context("the power was not off")?;
        let mount = Mount::new(&left, directory.path())?;
        let found = count(&directory);
        mount.end()?;
        figures.acknowledged += rows;
        // One more may be there that nobody was told of.
        figures.lost += rows.saturating_sub(found?);
        figures.times += 1;
    }
    Ok(figures)
}

fn open(directory: &TempDir) -> anyhow::Result<Connection> {
    let db = Connection::open(directory.path().join("canary.db"))?;
    // Alone, SQLite maps no memory that it would share, which this process must not do: see [`super::place`].
    db.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    Ok(db)
}

/// Rows whose commit had returned when the power went.
fn write_until_cut(lot: &Lot, disk: &Disk, directory: &TempDir, setting: &str) -> anyhow::Result<u64> {
    let db = open(directory)?;
    db.pragma_update(None, "synchronous", setting)?;
    db.execute_batch("CREATE TABLE row (number BIGINT NOT NULL)")?;
    disk.sync_all();
    let (wrote, count) = mpsc::channel();
    let rows = 1 + lot.below(ANSWERS);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0_i64.. {
                if db.execute("INSERT INTO row (number) VALUES (?1)", [number]).is_err() || wrote.send(()).is_err() {
                    break;
                }
            }
        });
        let mut acknowledged = 0;
        while acknowledged < rows {
            count.recv_timeout(PATIENCE).context("the writer has stopped")?;
            acknowledged += 1;
        }
        disk.cut(Fate::drawn(lot));
        // What it was told before the power went; the disk stands still, so there is no more than the row under way.
        acknowledged += count.try_iter().count() as u64;
        disk.release();
        Ok(acknowledged)
    })
}

fn count(directory: &TempDir) -> anyhow::Result<u64> {
    let db = open(directory)?;
    let rows: i64 = db.query_row("SELECT count(*) FROM row", [], |row| row.get(0))?;
    Ok(rows as u64)
}
