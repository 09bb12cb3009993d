//! Windows machines that take the clients' port for a host of Microsoft's KMS: how many hellos there were, kept in the
//! database.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keymuster_service::Stop;
use keymuster_service::database::{self, Failure};
use keymuster_service::edge::RpcHellos;
use keymuster_service::sql::Transaction;

use crate::store;
use crate::store::{counter, setting};

/// How often what was counted is written, which is one small transaction and none where nothing came.
const INTERVAL: Duration = Duration::from_secs(5);
/// More addresses are not kept, as anybody may come from any number of them.
const ADDRESSES_MAX: usize = 64;

/// Writes down what was counted until the stop, and what is left at the stop.
pub async fn keep_count(data_dir: PathBuf, hellos: Arc<RpcHellos>, stop: Stop) {
    let mut written = 0;
    while !stop.is_asked() {
        tokio::select! {
            () = stop.asked() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let count = hellos.count();
        if count == written {
            continue;
        }
        let (data_dir, addresses) = (data_dir.clone(), hellos.take_addresses());
        match tokio::task::spawn_blocking(move || add(&data_dir, count - written, addresses)).await {
            Ok(Ok(())) => written = count,
            // The sum stays to be written the next time.
            Ok(Err(error)) => tracing::warn!(%error, "cannot write down how many Windows machines asked"),
            Err(error) => tracing::error!(%error, "counting Windows machines failed"),
        }
    }
}

fn add(data_dir: &Path, hellos: u64, addresses: BTreeMap<IpAddr, u64>) -> Result<(), Failure> {
    let mut db = store::open(data_dir)?;
    let tx = database::begin(&mut db)?;
    let known = self::addresses(&tx)?;
    let mut room = ADDRESSES_MAX.saturating_sub(known.len());
    let mut counted = BTreeMap::from([((setting::HOST, counter::RPC_HELLOS.to_owned()), hellos)]);
    for (address, hellos) in addresses {
        let address = address.to_string();
        let is_known = known.iter().any(|(known, _)| *known == address);
        if is_known || room > 0 {
            room -= usize::from(!is_known);
            counted.insert((setting::HOST, format!("{}{address}", counter::RPC_HELLOS_FROM)), hellos);
        }
    }
    counter::add(&tx, &counted)?;
    Ok(tx.commit()?)
}

/// From which addresses they came, and how many from each, the most first; the first addresses that came are kept.
pub fn addresses(tx: &Transaction<'_>) -> Result<Vec<(String, u64)>, Failure> {
    let counters = counter::of(tx, setting::HOST)?;
    let from = |(name, hellos): (String, u64)| Some((name.strip_prefix(counter::RPC_HELLOS_FROM)?.to_owned(), hellos));
    let mut addresses: Vec<(String, u64)> = counters.into_iter().filter_map(from).collect();
    addresses.sort_by_key(|(_, hellos)| std::cmp::Reverse(*hellos));
    Ok(addresses)
}

/// What to do about them.
pub const ADVICE: &str = "lead Windows machines to their own KMS host, as this is none: slmgr /ckms on those that the log \
                          names, or correct _vlmcs._tcp in DNS";

/// How many there were, for people, if there were any.
pub fn told(hellos: u64) -> Option<String> {
    let word = if hellos == 1 { "hello" } else { "hellos" };
    (hellos > 0).then(|| format!("Windows: {hellos} {word} of machines that look for Microsoft's KMS, turned away"))
}

/// How many there were since the host was made.
pub fn hellos(tx: &Transaction<'_>) -> Result<u64, Failure> {
    Ok(counter::of(tx, setting::HOST)?.remove(counter::RPC_HELLOS).unwrap_or_default())
}
