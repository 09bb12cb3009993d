//! Entering this host's records into DNS, and removing them, as it is set.
//!
//! A server that was asked may have done it although its answer is lost, so the audit has failures as well, and an act goes
//! on where nobody waits for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use keymuster_core::codes;
use keymuster_service::Env;
use keymuster_service::console::By;
use keymuster_service::console::permission::{Handle, Needs, Settings};
use keymuster_service::database::Pool;
use keymuster_service::exit::{Coded, Usage};

use crate::dns::{self, Plan, Publication, Published, TsigKey};
use crate::store::audit::{self, Act};
use crate::views::dns::configured;

/// An administrator waits no longer.
const WITHIN: Duration = Duration::from_secs(12);

/// Where an act takes place.
#[derive(Clone, Debug)]
pub struct Place {
    /// The data directory.
    pub data_dir: Arc<Path>,
    /// Its database.
    pub pool: Pool,
    /// Time and randomness.
    pub env: Env,
}

/// Enters the host's records, as the running host does daily by itself.
pub async fn publish(place: Place, by: &By<Handle>) -> anyhow::Result<Published> {
    let (env, publication) = (place.env.clone(), publication(&place.data_dir)?);
    let (zones, target) = words(&publication);
    let done = async move { dns::publish(&publication, &env).await };
    record(place, by, ("DNS records entered", zones, target), done).await
}

/// Removes the host's records. A host that publishes itself enters them again within a day.
pub async fn withdraw(place: Place, by: &By<Settings>) -> anyhow::Result<Published> {
    let (env, publication) = (place.env.clone(), publication(&place.data_dir)?);
    let (zones, target) = words(&publication);
    let done = async move { dns::withdraw(&publication, &env).await };
    record(place, by, ("DNS records removed", zones, target), done).await
}

fn publication(data_dir: &Path) -> anyhow::Result<Publication> {
    let configured = configured(data_dir)?;
    let key_file = configured.key_file.clone();
    let key_file =
        key_file.ok_or_else(|| Usage("no key is set that a DNS server would know: set dns-key-file".to_owned()))?;
    let (tsig, server) = (TsigKey::read(&key_file)?, configured.server);
    let Plan { zones, port, target, addresses } = configured.plan()?;
    Ok(Publication { zones, port, target, addresses, server, tsig, is_removed_on_stop: false })
}

fn words(publication: &Publication) -> (String, String) {
    let zones: Vec<&str> = publication.zones.iter().map(|zone| zone.name.as_str()).collect();
    (zones.join(", "), format!("target {}, port {}", publication.target, publication.port))
}

/// Waits for what is done, and writes what came of it into the audit.
async fn record<P: Needs>(
    place: Place,
    by: &By<P>,
    (act, subject, target): (&'static str, String, String),
    done: impl Future<Output = Result<Published, Coded>> + Send + 'static,
) -> anyhow::Result<Published> {
    let (actor, at) = (by.actor().to_owned(), by.at());
    let task = tokio::spawn(async move {
        let late = || Coded {
            code: &codes::DNS_SERVER_UNREACHABLE,
            detail: format!("no name server has answered within {} seconds", WITHIN.as_secs()),
        };
        let done = tokio::time::timeout(WITHIN, done).await.unwrap_or_else(|_| Err(late()));
        let detail = match &done {
            Ok(_) => target,
            Err(failure) => format!("{target}; it failed: {failure}"),
        };
        let written = place.pool.write(move |tx| {
            let act = Act { actor: &actor, act, subject: &subject, detail: &detail };
            audit::record(tx, act, at)
        });
        written.await?;
        anyhow::Ok(done?)
    });
    task.await.context("the act was cut off")?
}
