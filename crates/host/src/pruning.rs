//! Keeps the history as long as was set (`history-days`), and no longer: clients that are gone, the ledger's oldest entries,
//! and what was counted hour by hour. The audit is never pruned: people write it, and there is little of it.
//!
//! The clock may be wrong, and nothing that is dropped comes back: time is taken to be no later than the newest entry of the
//! ledger, which a host whose clock is far ahead does not write, as its entitlements have ended by that clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::database::{self, Failure};
use keymuster_service::sql::{Connection, Transaction};
use keymuster_service::{Env, Stop};

use crate::settings::HostSettings;
use crate::store::{self, counter, pruning, setting};

/// How often the past is looked through.
const INTERVAL: Duration = Duration::from_secs(3600);
/// How long others have the database to themselves between two batches.
const PAUSE: Duration = Duration::from_millis(50);

/// What was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pruned {
    /// Clients and editions.
    pub clients: u64,
    /// Entries of the ledger.
    pub entries: u64,
}

/// Looks through the past at the start and then hourly, until the stop.
pub async fn keep_short(data_dir: PathBuf, env: Env, stop: Stop) {
    loop {
        let (directory, now, ended) = (data_dir.clone(), env.now(), stop.clone());
        match tokio::task::spawn_blocking(move || prune(&directory, now, &ended)).await {
            Ok(Ok(Pruned { clients: 0, entries: 0 })) => {}
            Ok(Ok(Pruned { clients, entries })) => {
                tracing::info!(clients, entries, "dropped what is older than history-days; totals are as before");
            }
            Ok(Err(error)) => tracing::warn!(%error, "cannot drop what is older than history-days"),
            Err(error) => tracing::error!(%error, "dropping what is older than history-days was broken off"),
        }
        tokio::select! {
            () = stop.asked() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

fn prune(data_dir: &Path, now: Timestamp, stop: &Stop) -> Result<Pruned, Failure> {
    let mut db = store::open(data_dir)?;
    let Some(before) = begin_of_history(&db.transaction()?, now)? else { return Ok(Pruned::default()) };
    write(&mut db, |tx| pruning::fold(tx, before))?;
    let mut pruned = Pruned::default();
    while !stop.is_asked() {
        let gone = pruning::gone_clients(&db.transaction()?, before)?;
        if gone.is_empty() {
            break;
        }
        let clients = write(&mut db, |tx| {
            let clients = pruning::forget_clients(tx, &gone, before)?;
            counter::add(tx, &BTreeMap::from([((setting::HOST, counter::PRUNED_CLIENTS), clients)]))?;
            Ok(clients)
        })?;
        pruned.clients += clients;
        thread::sleep(PAUSE);
    }
    let first_needed = pruning::first_needed(&db.transaction()?)?;
    while !stop.is_asked() {
        let entries = write(&mut db, |tx| pruning::drop_entries(tx, first_needed, before, now))?;
        pruned.entries += entries;
        if entries == 0 {
            break;
        }
        thread::sleep(PAUSE);
    }
    Ok(pruned)
}

/// What lies before it is dropped.
fn begin_of_history(tx: &Transaction<'_>, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let days = HostSettings::load(tx)?.history_days();
    let Some(host) = store::host::load(tx)? else { return Ok(None) };
    let (_, newest) = store::ledger::head(tx, host.id)?;
    Ok(newest.map(|newest| now.min(newest).minus(days * DAY)))
}

fn write<T>(db: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
    let tx = database::begin(db)?;
    let value = work(&tx)?;
    tx.commit()?;
    Ok(value)
}
