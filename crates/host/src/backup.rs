//! What a host's backup is made of, and how a restored one goes on: in a new epoch, with a look at what it cannot know.

use std::path::Path;

use anyhow::Context as _;
use keymuster_core::id::to_hex;
use keymuster_core::time::Timestamp;
use keymuster_service::backup::{Contents, Described, Done, Position, Restored};
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;

use crate::site::Site;
use crate::store::epoch::Cause;
use crate::{identity, mirror, store};

/// A host's data directory.
pub const CONTENTS: Contents = Contents {
    program: "keymuster-host",
    version: env!("CARGO_PKG_VERSION"),
    database: store::FILE_NAME,
    open: store::connect_file,
    describe,
    restored,
    record,
};

fn describe(tx: &Transaction<'_>) -> Result<Described, Failure> {
    let host = store::host::load(tx)?;
    let host = host.ok_or_else(|| Failure::damaged("host", "host_id", "-", "the row is missing"))?;
    let (head, _) = store::ledger::head(tx, host.id)?;
    let position = Position { epoch: host.epoch, sequence: head.sequence, head: to_hex(&head.hash) };
    Ok(Described { id: host.id.to_string(), position: Some(position) })
}

fn restored(tx: &Transaction<'_>, directory: &Path, restored: &Restored<'_>) -> anyhow::Result<String> {
    let site = Site::load(tx)?;
    let key = identity::read(directory).context("the backup has no usable key")?;
    identity::check(directory, &key, &site)?;
    let made_at = Timestamp::from_secs(restored.manifest.made_at);
    let begun = store::epoch::raise(tx, Cause::Backup, made_at, restored.now)?;
    // It may name entries that were written while the backup was made, and the new epoch counts anyway.
    mirror::remove(directory)?;
    let detail = format!("a backup of {made_at}, up to entry {}; epoch {} begins", begun.sequence, begun.epoch);
    let act = store::audit::Act {
        actor: restored.actor,
        act: "backup restored",
        subject: &site.host.to_string(),
        detail: &detail,
    };
    store::audit::record(tx, act, restored.now)?;
    Ok(format!("the ledger goes on behind entry {}, in epoch {}", begun.sequence, begun.epoch))
}

fn record(tx: &Transaction<'_>, done: &Done<'_>) -> Result<(), Failure> {
    let Done { actor, act, subject, detail, now } = *done;
    store::audit::record(tx, store::audit::Act { actor, act, subject, detail }, now)
}
