//! What an authority's backup is made of, and how a restored one goes on: with a revocation list that everybody takes.

use std::path::Path;

use keymuster_service::backup::{Contents, Described, Done, Restored};
use keymuster_service::console;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use keymuster_service::{Env, backup};

use crate::acts::revoke;
use crate::authority::Authority;
use crate::caller::{Actor, Caller};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::store;

/// An authority's data directory.
pub const CONTENTS: Contents = Contents {
    program: "keymuster-authority",
    version: env!("CARGO_PKG_VERSION"),
    database: "authority.db",
    open: store::open,
    describe,
    restored,
    record,
};

fn describe(tx: &Transaction<'_>) -> Result<Described, Failure> {
    let publisher = store::publisher::find(tx)?;
    let publisher = publisher.ok_or_else(|| Failure::damaged("publisher", "id", 1, "there is no such row"))?;
    Ok(Described { id: publisher.slug.to_string(), position: None })
}

/// Whatever was taken back since the backup is not in it. Hosts and clients hold lists with numbers that this authority
/// would give once more, and would not take them: so the next list has a number that no list ever had.
fn restored(tx: &Transaction<'_>, directory: &Path, restored: &Restored<'_>) -> anyhow::Result<String> {
    let backup::Restored { manifest, actor, now } = *restored;
    let (authority, _) = Authority::load(&DataDir::new(directory.to_owned()), Env::system())?;
    let caller = Caller { actor: Actor::Person(actor.to_owned()), now };
    let made_at = keymuster_core::time::Timestamp::from_secs(manifest.made_at);
    let list = match revoke::renumbered(&authority, tx, &caller) {
        Ok(list) => format!("revocation list {} is signed", list.sequence),
        // An issuer whose time is over can be renewed in the restored directory; that signs no list.
        Err(Error::Unable { detail, .. }) => format!("no revocation list is signed: {detail}"),
        Err(error) => return Err(error.into()),
    };
    let subject = authority.publisher.slug.to_string();
    store::audit::append(tx, &caller, "restore backup", &subject, &format!("a backup of {made_at}; {list}"))?;
    Ok(format!("{list}; what was minted, activated or taken back since {made_at} is unknown to this authority"))
}

fn record(tx: &Transaction<'_>, done: &Done<'_>) -> Result<(), Failure> {
    let Done { actor, act, subject, detail, now } = *done;
    store::audit::record_of_console(tx, &console::audit::Entry { actor, act, subject, detail, at: now })
}
