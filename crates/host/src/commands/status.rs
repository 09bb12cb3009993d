//! `keymuster-host status`: one screen with what is held, who is counted, and what to do next. Reads, writes nothing.

mod people;

use std::io::ErrorKind;
use std::path::Path;

use anyhow::bail;
use keymuster_core::catalogue::{Catalogue, Edition, Group};
use keymuster_core::entitlement::Cover;
use keymuster_core::exchange::REPEATED_SECS;
use keymuster_core::key::ProductKey;
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Env;
use keymuster_service::database::{self, Failure};
use rusqlite::{Connection, Transaction};
use serde::Serialize;

use super::print;
use crate::engine::{BEHIND_SECS_MAX, count_clients};
use crate::site::{Granted, Publisher, Site};
use crate::store;

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Everything that `status` tells. Times are seconds since 1970.
#[derive(Debug, Serialize)]
struct Report {
    host: String,
    version: &'static str,
    data_dir: String,
    time: u64,
    epoch: u64,
    ledger_sequence: u64,
    newest_entry_at: Option<u64>,
    publishers: Vec<PublisherReport>,
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PublisherReport {
    id: String,
    name: String,
    catalogue_version: u32,
    keys: Vec<KeyReport>,
    families: Vec<FamilyReport>,
    pools: Vec<PoolReport>,
    requests_last_day: Vec<(String, u64)>,
    /// Requests for an activation by a MAK that have no result yet.
    waiting_for_exchange: u64,
}

#[derive(Debug, Serialize)]
struct KeyReport {
    last_five: String,
    group: String,
    /// The names of the groups that it covers, or would if it were activated.
    covers: Vec<String>,
    customer: Option<String>,
    warn_at: Option<u64>,
    stop_at: Option<u64>,
    clients_max: Option<u64>,
    /// Why the entitlement that is held does not count.
    left_out: Option<LeftOut>,
    /// When a request was made that has no answer yet.
    waits_since: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    code: &'static str,
    why: String,
}

#[derive(Debug, Serialize)]
struct FamilyReport {
    id: String,
    count: u64,
    thresholds: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct PoolReport {
    id: String,
    edition: String,
    in_use: u64,
    seats: u32,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let now = Env::system().now();
    let mut db = open_read_only(data_dir)?;
    let report = report(&mut db, data_dir, now)?;
    if options.json {
        return print(&(serde_json::to_string_pretty(&report)? + "\n"));
    }
    print(&people::text(&report))
}

/// The database of a host that is there; looking makes none.
pub(super) fn open_read_only(data_dir: &Path) -> anyhow::Result<Connection> {
    match database::open_read_only(&data_dir.join(store::FILE_NAME)) {
        Err(Failure::Io { source, .. }) if source.kind() == ErrorKind::NotFound => bail!(
            "there is no host in {} yet; make one with keymuster-host add-publisher --trust FILE --pack FILE, \
             or name the directory of another with --data-dir",
            data_dir.display()
        ),
        opened => Ok(opened?),
    }
}

fn report(db: &mut Connection, data_dir: &Path, now: Timestamp) -> anyhow::Result<Report> {
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let mut counts = count_clients(&tx, &site)?;
    let (head, newest_entry) = store::ledger::head(&tx, site.host)?;
    let mut publishers = Vec::new();
    for held in &site.publishers {
        let families = held.catalogue.families.iter().map(|family| FamilyReport {
            id: family.id.to_string(),
            count: counts.get_mut(&(held.number, family.number)).map_or(0, |muster| muster.count(now)),
            thresholds: thresholds(held, family.number),
        });
        publishers.push(PublisherReport {
            id: held.trust.publisher.to_string(),
            name: held.catalogue.name.to_string(),
            catalogue_version: held.catalogue.version,
            families: families.collect(),
            keys: keys(&tx, held)?,
            pools: pools(&tx, held, now)?,
            requests_last_day: store::tally::since(&tx, held.number, now.minus(DAY))?,
            waiting_for_exchange: store::collected::waiting(&tx, held.number, now.minus(REPEATED_SECS))?,
        });
    }
    let mut report = Report {
        host: site.host.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        data_dir: std::path::absolute(data_dir)?.display().to_string(),
        time: now.as_secs(),
        epoch: site.epoch,
        ledger_sequence: head.sequence,
        newest_entry_at: newest_entry.map(Timestamp::as_secs),
        publishers,
        next: Vec::new(),
    };
    report.next = advice(&report);
    Ok(report)
}

fn keys(tx: &Transaction<'_>, held: &Publisher) -> Result<Vec<KeyReport>, Failure> {
    let keys = store::host_key::of_publisher(tx, held.number)?;
    keys.iter().map(|key| key_report(tx, held, key)).collect()
}

fn key_report(tx: &Transaction<'_>, held: &Publisher, key: &ProductKey) -> Result<KeyReport, Failure> {
    let entitlement =
        held.entitlements.iter().map(|granted| &granted.entitlement).find(|entitlement| entitlement.key == key.id());
    let left_out = held.left_out.iter().find(|(left_out, _)| *left_out == key.id());
    let group = held.catalogue.group(key.fields().number);
    let own_cover = || group.map(|group| group.cover(None)).into_iter().collect();
    let covers = entitlement.map_or_else(own_cover, |entitlement| entitlement.covers.clone());
    let asked = match (entitlement, left_out) {
        (None, None) => store::entitlement::last_asked(tx, held.number, key.id())?,
        _ => None,
    };
    Ok(KeyReport {
        last_five: key.last_five(),
        group: group.map_or_else(|| "unknown group".to_owned(), |group| group.name.to_string()),
        covers: covered(&held.catalogue, &covers),
        customer: entitlement.map(|entitlement| entitlement.customer_name.to_string()),
        warn_at: entitlement.map(|entitlement| entitlement.warn_at.as_secs()),
        stop_at: entitlement.map(|entitlement| entitlement.stop_at.as_secs()),
        clients_max: entitlement.and_then(|entitlement| entitlement.clients_max),
        left_out: left_out.map(|(_, why)| LeftOut { code: why.code().name, why: why.to_string() }),
        waits_since: asked.map(|asked| asked.at.as_secs()),
    })
}

fn covered(catalogue: &Catalogue, covers: &[Cover]) -> Vec<String> {
    let is_covered = |group: &&Group| covers.iter().any(|cover| cover.includes(group));
    catalogue.groups.iter().filter(is_covered).map(|group| group.name.to_string()).collect()
}

/// The thresholds of a family's editions, as the entitlements have them that lasts longest for each.
fn thresholds(held: &Publisher, family: u16) -> Vec<u32> {
    let catalogue = &held.catalogue;
    let threshold = |edition: &Edition| {
        let group = catalogue.group_of(edition).filter(|group| group.family == family)?;
        let agreed = |granted: &Granted| {
            let entitlement = &granted.entitlement;
            Some((entitlement.stop_at, entitlement.threshold(edition, group)?))
        };
        let longest = held.entitlements.iter().filter_map(agreed).max_by_key(|(stop_at, _)| *stop_at);
        Some(longest.map_or(edition.threshold, |(_, threshold)| threshold))
    };
    let editions = catalogue.editions.iter().filter(|edition| edition.kind == LeaseKind::Volume);
    let mut thresholds: Vec<u32> = editions.filter_map(threshold).collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    thresholds
}

fn pools(tx: &Transaction<'_>, held: &Publisher, now: Timestamp) -> Result<Vec<PoolReport>, Failure> {
    let in_use = store::seat::in_use(tx, held.number, now)?;
    let used = |id: &str| in_use.iter().find(|(pool, _)| pool == id).map_or(0, |(_, seats)| *seats);
    let edition =
        |number| held.catalogue.edition(number).map_or_else(|| number.to_string(), |found| found.id.to_string());
    let pools = held.entitlements.iter().flat_map(|granted| &granted.entitlement.pools);
    let report = pools.map(|pool| PoolReport {
        id: pool.id.to_string(),
        edition: edition(pool.edition),
        in_use: used(pool.id.as_str()),
        seats: pool.seats,
    });
    Ok(report.collect())
}

/// What to do next, if anything.
fn advice(report: &Report) -> Vec<String> {
    let mut next = Vec::new();
    if report.newest_entry_at.is_some_and(|newest| report.time + BEHIND_SECS_MAX < newest) {
        next.push("set the clock: it is behind the newest entry of the ledger, so that nothing is granted".to_owned());
    }
    if report.publishers.is_empty() {
        next.push("add a publisher: keymuster-host add-publisher --trust FILE --pack FILE".to_owned());
    }
    for publisher in &report.publishers {
        let id = &publisher.id;
        if publisher.keys.is_empty() {
            next.push(format!("install a host key of {id}: keymuster-host install-key --publisher {id}"));
        }
        next.extend(publisher.keys.iter().filter_map(|key| advice_on_key(id, key, report.time)));
        if publisher.waiting_for_exchange > 0 {
            let export = format!("keymuster-host exchange export --publisher {id} --out FILE");
            next.push(format!("exchange the requests that wait for an activation by a MAK: {export}"));
        }
    }
    next
}

fn advice_on_key(publisher: &str, key: &KeyReport, now: u64) -> Option<String> {
    let last_five = &key.last_five;
    let activate = format!("keymuster-host activate --publisher {publisher} --key {last_five}");
    match (&key.left_out, key.waits_since, key.warn_at.zip(key.stop_at)) {
        (Some(LeftOut { code, .. }), ..) => Some(format!(
            "see why the entitlement of the key that ends in {last_five} does not count: keymuster explain {code}"
        )),
        (None, Some(_), _) => Some(format!(
            "fetch the answer to the request for the key that ends in {last_five}: {activate}, \
             or with --response FILE if the request was carried"
        )),
        (None, None, None) => Some(format!("activate the key that ends in {last_five}: {activate}")),
        (None, None, Some((warn_at, stop_at))) if warn_at <= now => {
            let stop_at = Timestamp::from_secs(stop_at);
            Some(format!("renew the entitlement whose end is {stop_at}: {activate}"))
        }
        _ => None,
    }
}
