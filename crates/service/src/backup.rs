//! Backups of a data directory: made while the server works, sealed, restored here or on another machine
//! (`docs/spec/backups.md`).
//!
//! One format serves both ends: a backup that retires its machine is how a server moves to another one. Whatever is restored
//! begins anew where it could contradict what was given out since: the program says how, in [`Contents::restored`].

mod age;
mod archive;
mod commands;
mod create;
mod passphrase;
mod place;
mod restore;
mod shelf;
mod unreadable;

use std::path::Path;

use crate::sql::{Connection, Transaction};
use keymuster_core::time::Timestamp;

pub use archive::{Manifest, Position};
pub use commands::{BackupCommand, run};
pub use place::{Moved, enter, moved, occupy};
pub use unreadable::Unreadable;

use crate::database::Failure;

/// What a program keeps in its data directory, and what only it knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Contents {
    /// The name of the program; no other one restores its backups.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The file of the database.
    pub database: &'static str,
    /// Opens the database for writing, and brings its schema up to date.
    pub open: fn(&Path) -> Result<Connection, Failure>,
    /// Whose data they are.
    pub describe: fn(&Transaction<'_>) -> Result<Described, Failure>,
    /// Makes the database of a restored backup one that may go on from here; what it returns is said to whoever restored it.
    /// The directory holds the other files as well.
    pub restored: fn(&Transaction<'_>, &Path, &Restored<'_>) -> anyhow::Result<String>,
    /// Writes what was done into the audit.
    pub record: fn(&Transaction<'_>, &Done<'_>) -> Result<(), Failure>,
}

/// Whose data they are, and how far they go.
#[derive(Clone, Debug)]
pub struct Described {
    /// The id of the host, or the publisher's.
    pub id: String,
    /// The newest place of a ledger, where there is one.
    pub position: Option<Position>,
}

/// A backup as it is restored.
#[derive(Clone, Copy, Debug)]
pub struct Restored<'a> {
    /// What it says of itself.
    pub manifest: &'a Manifest,
    /// Who restores it.
    pub actor: &'a str,
    /// When.
    pub now: Timestamp,
}

/// An act for the audit.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// Who did it.
    pub actor: &'a str,
    /// What was done.
    pub act: &'static str,
    /// To what.
    pub subject: &'a str,
    /// Further words.
    pub detail: &'a str,
    /// When.
    pub now: Timestamp,
}
