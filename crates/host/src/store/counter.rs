//! Requests since the host was made: in all, failed, and by the standing in which clients asked.

use std::collections::BTreeMap;

use keymuster_core::request::Standing;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{integer, number};

/// All requests.
pub const TOTAL: &str = "total";
/// Requests that no installed key covers, or that broke a rule of the protocol.
pub const FAILED: &str = "failed";
/// Hellos of Windows machines that take the host for one of Microsoft's KMS; of the host, and of no publisher.
pub const RPC_HELLOS: &str = "rpc-hellos";

/// What the counter of the hellos from one address begins with; the address follows.
pub const RPC_HELLOS_FROM: &str = "rpc-hellos-from ";
/// Clients and editions that were forgotten because nothing was heard of them for too long; of the host.
pub const PRUNED_CLIENTS: &str = "pruned-clients";

/// The counters of standings, in the order in which a client passes through them.
pub const STANDINGS: [&str; 6] = ["unlicensed", "grace", "licensed", "ended", "out-of-tolerance", "notification"];

/// The counter's name of a standing.
pub fn of_standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unlicensed => "unlicensed",
        Standing::Grace => "grace",
        Standing::Licensed => "licensed",
        Standing::Ended => "ended",
        Standing::OutOfTolerance => "out-of-tolerance",
        Standing::Notification => "notification",
    }
}

/// Adds what a batch counted.
pub fn add<N: AsRef<str>>(tx: &Transaction<'_>, counted: &BTreeMap<(i64, N), u64>) -> Result<(), Failure> {
    let sql = "INSERT INTO counter (publisher, name, requests) VALUES (?1, ?2, ?3) \
               ON CONFLICT (publisher, name) DO UPDATE SET requests = counter.requests + excluded.requests";
    let mut statement = tx.prepare_cached(sql)?;
    for ((publisher, name), requests) in counted {
        statement.execute(params![publisher, name.as_ref(), integer(*requests)])?;
    }
    Ok(())
}

/// The counters of a publisher, by name.
pub fn of(tx: &Transaction<'_>, publisher: i64) -> Result<BTreeMap<String, u64>, Failure> {
    let mut statement = tx.prepare_cached("SELECT name, requests FROM counter WHERE publisher = ?1")?;
    let rows = statement.query_map([publisher], |row| Ok((row.get(0)?, number(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
