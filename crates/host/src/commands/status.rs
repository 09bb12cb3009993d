//! `keymuster-host status`: one screen with what is held, who is counted, and what to do next. Reads, writes nothing.

use std::fmt::Write as _;
use std::path::Path;

use keymuster_core::catalogue::Edition;
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Env;
use keymuster_service::database;
use rusqlite::Connection;
use serde::Serialize;

use super::print;
use crate::engine::count_clients;
use crate::site::{Publisher, Site};
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
    epoch: u64,
    ledger_sequence: u64,
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
}

#[derive(Debug, Serialize)]
struct KeyReport {
    last_five: String,
    group: String,
    customer: Option<String>,
    warn_at: Option<u64>,
    stop_at: Option<u64>,
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
    in_use: u64,
    seats: u32,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let now = Env::system().now();
    let mut db = database::open_read_only(&data_dir.join(store::FILE_NAME))?;
    let report = report(&mut db, now)?;
    if options.json {
        return print(&(serde_json::to_string_pretty(&report)? + "\n"));
    }
    print(&for_people(&report))
}

fn report(db: &mut Connection, now: Timestamp) -> anyhow::Result<Report> {
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let mut counts = count_clients(&tx, &site)?;
    let head = store::ledger::head(&tx, site.host)?.0;
    let mut publishers = Vec::new();
    let mut next = Vec::new();
    for held in &site.publishers {
        let keys = keys(&tx, held)?;
        advise(held, &keys, now, &mut next);
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
            keys,
            pools: pools(&tx, held, now)?,
            requests_last_day: store::tally::since(&tx, held.number, now.minus(DAY))?,
        });
    }
    if site.publishers.is_empty() {
        next.push("add a publisher: keymuster-host add-publisher --trust FILE --pack FILE".to_owned());
    }
    Ok(Report {
        host: site.host.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        epoch: site.epoch,
        ledger_sequence: head.sequence,
        publishers,
        next,
    })
}

fn keys(tx: &rusqlite::Transaction<'_>, held: &Publisher) -> anyhow::Result<Vec<KeyReport>> {
    let keys = store::host_key::of_publisher(tx, held.number)?;
    let reports = keys.iter().map(|key| {
        let granted = held.entitlements.iter().find(|granted| granted.entitlement.key == key.id());
        let group = held.catalogue.group(key.fields().number);
        KeyReport {
            last_five: key.last_five(),
            group: group.map_or_else(|| "unknown group".to_owned(), |group| group.name.to_string()),
            customer: granted.map(|granted| granted.entitlement.customer_name.to_string()),
            warn_at: granted.map(|granted| granted.entitlement.warn_at.as_secs()),
            stop_at: granted.map(|granted| granted.entitlement.stop_at.as_secs()),
        }
    });
    Ok(reports.collect())
}

fn advise(held: &Publisher, keys: &[KeyReport], now: Timestamp, next: &mut Vec<String>) {
    let publisher = &held.trust.publisher;
    if keys.is_empty() {
        next.push(format!("install a host key of {publisher}: keymuster-host install-key --publisher {publisher}"));
    }
    for key in keys {
        let last_five = &key.last_five;
        match (key.warn_at, key.stop_at) {
            (None, _) | (_, None) => next.push(format!(
                "activate the key that ends in {last_five}: keymuster-host activate --publisher {publisher} --key {last_five}"
            )),
            (Some(warn_at), Some(stop_at)) if now.as_secs() >= warn_at => next.push(format!(
                "renew the entitlement that ends at {}: keymuster-host activate --publisher {publisher} --key {last_five}",
                Timestamp::from_secs(stop_at)
            )),
            _ => {}
        }
    }
}

fn thresholds(held: &Publisher, family: u16) -> Vec<u32> {
    let catalogue = &held.catalogue;
    let in_family = |edition: &&Edition| {
        edition.kind == LeaseKind::Volume && catalogue.group_of(edition).is_some_and(|group| group.family == family)
    };
    let mut thresholds: Vec<u32> =
        catalogue.editions.iter().filter(in_family).map(|edition| edition.threshold).collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    thresholds
}

fn pools(tx: &rusqlite::Transaction<'_>, held: &Publisher, now: Timestamp) -> anyhow::Result<Vec<PoolReport>> {
    let in_use = store::seat::in_use(tx, held.number, now)?;
    let used = |id: &str| in_use.iter().find(|(pool, _)| pool == id).map_or(0, |(_, seats)| *seats);
    let pools = held.entitlements.iter().flat_map(|granted| &granted.entitlement.pools);
    Ok(pools
        .map(|pool| PoolReport { id: pool.id.to_string(), in_use: used(pool.id.as_str()), seats: pool.seats })
        .collect())
}

fn for_people(report: &Report) -> String {
    let mut text = format!("host {}, version {}\n", report.host, report.version);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "ledger: {} entries, epoch {}", report.ledger_sequence, report.epoch);
    for publisher in &report.publishers {
        let _ = writeln!(
            text,
            "\n{} ({}), licence pack version {}",
            publisher.name, publisher.id, publisher.catalogue_version
        );
        for key in &publisher.keys {
            let state = match (key.stop_at, &key.customer) {
                (Some(stop_at), Some(customer)) => {
                    format!("activated for {customer} until {}", Timestamp::from_secs(stop_at))
                }
                _ => "not activated".to_owned(),
            };
            let _ = writeln!(text, "  key …{}  {}  {state}", key.last_five, key.group);
        }
        for family in &publisher.families {
            let thresholds: Vec<String> = family.thresholds.iter().map(u32::to_string).collect();
            let plural = if family.count == 1 { "" } else { "s" };
            let _ = write!(text, "  {}: {} client{plural} counted", family.id, family.count);
            let _ = match thresholds.as_slice() {
                [] => writeln!(text),
                _ => writeln!(text, "; thresholds {}", thresholds.join(", ")),
            };
        }
        for pool in &publisher.pools {
            let _ = writeln!(text, "  pool {}: {} of {} seats taken", pool.id, pool.in_use, pool.seats);
        }
        if !publisher.requests_last_day.is_empty() {
            let outcomes: Vec<String> =
                publisher.requests_last_day.iter().map(|(name, n)| format!("{n} {name}")).collect();
            let _ = writeln!(text, "  last day: {}", outcomes.join(", "));
        }
    }
    for step in &report.next {
        let _ = writeln!(text, "\nnext: {step}");
    }
    text
}
