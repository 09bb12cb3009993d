//! Clients: released, so that they are not counted and not renewed, and kept again.

use anyhow::{Context as _, ensure};
use keymuster_core::id::{ClientId, Label, Slug};
use keymuster_core::time::Timestamp;
use keymuster_service::console::By;
use keymuster_service::console::permission::Handle;
use keymuster_service::database::{self, Failure};
use keymuster_service::sql::Transaction;

use crate::site::Home;
use crate::store;

/// Releases a client (`docs/spec/counting.md`, 10): it is not counted from now on, and what it holds is not renewed.
pub fn release(
    home: &mut Home,
    by: &By<Handle>,
    publisher: &Slug,
    client: ClientId,
    reason: &Label,
) -> anyhow::Result<()> {
    let number = number(home, publisher)?;
    let tx = database::begin(&mut home.db)?;
    let released = store::release::release(&tx, number, client, by.at())?;
    ensure!(released > 0, "there is no client {client} of publisher {publisher} that is not released already");
    for (pool, _) in store::seat::of_client(&tx, number, client, by.at())? {
        store::seat::reclaim(&tx, number, &pool, client, by.at())?;
    }
    record(&tx, by, "client released", (publisher, client, reason))?;
    Ok(tx.commit()?)
}

/// Takes the release of a client back.
pub fn keep(
    home: &mut Home,
    by: &By<Handle>,
    publisher: &Slug,
    client: ClientId,
    reason: &Label,
) -> anyhow::Result<()> {
    let number = number(home, publisher)?;
    let tx = database::begin(&mut home.db)?;
    let kept = store::release::keep(&tx, number, client, by.at())?;
    ensure!(kept > 0, "client {client} of publisher {publisher} is not released");
    record(&tx, by, "client kept", (publisher, client, reason))?;
    Ok(tx.commit()?)
}

fn number(home: &Home, publisher: &Slug) -> anyhow::Result<i64> {
    let held = home.site.publisher(publisher);
    Ok(held.with_context(|| format!("publisher {publisher} is not known here"))?.number)
}

fn record(
    tx: &Transaction<'_>,
    by: &By<Handle>,
    act: &str,
    (publisher, client, reason): (&Slug, ClientId, &Label),
) -> Result<(), Failure> {
    let now: Timestamp = by.at();
    let (subject, detail) = (format!("client {client}"), format!("publisher {publisher}: {reason}"));
    store::audit::record(tx, store::audit::Act { actor: by.actor(), act, subject: &subject, detail: &detail }, now)
}
