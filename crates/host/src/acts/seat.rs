//! Seats: reclaimed for others.

use anyhow::{Context as _, bail};
use keymuster_core::id::{ClientId, Label, Slug};
use keymuster_core::time::Timestamp;
use keymuster_service::console::By;
use keymuster_service::console::permission::Handle;
use keymuster_service::database;

use crate::site::Home;
use crate::store;

/// Reclaims the seat of a client (`docs/spec/counting.md`, 10): its lease is worth until its end, and is not renewed. Returns
/// when the seat is free.
pub fn reclaim(
    home: &mut Home,
    by: &By<Handle>,
    (publisher, pool): (&Slug, &Slug),
    client: ClientId,
    reason: &Label,
) -> anyhow::Result<Timestamp> {
    let now = by.at();
    let number =
        home.site.publisher(publisher).with_context(|| format!("publisher {publisher} is not known here"))?.number;
    let tx = database::begin(&mut home.db)?;
    let held = store::seat::of_client(&tx, number, client, now)?;
    let Some((_, seat)) = held.into_iter().find(|(held, _)| held == pool.as_str()) else {
        bail!("client {client} holds no seat of pool {pool}");
    };
    if !store::seat::reclaim(&tx, number, pool.as_str(), client, now)? {
        bail!("the seat of client {client} in pool {pool} was reclaimed before; it is free at {}", seat.free_at);
    }
    let act = store::audit::Act {
        actor: by.actor(),
        act: "seat reclaimed",
        subject: &format!("client {client}"),
        detail: &format!(
            "publisher {publisher}, pool {pool}, fence {}, free at {}: {reason}",
            seat.fence, seat.free_at
        ),
    };
    store::audit::record(&tx, act, now)?;
    tx.commit()?;
    Ok(seat.free_at)
}
