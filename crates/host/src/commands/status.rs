//! `keymuster-host status`: one screen with what is held, who is counted, and what to do next. Reads, writes nothing.

mod people;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::bail;
use keymuster_core::catalogue::{Catalogue, Family, Group};
use keymuster_core::choice::{Effective, Source};
use keymuster_core::entitlement::Cover;
use keymuster_core::exchange::REPEATED_SECS;
use keymuster_core::key::ProductKey;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Env;
use keymuster_service::database::{self, Failure};
use rusqlite::{Connection, Transaction};
use serde::Serialize;

use super::check::is_alive;
use super::{pack, print};
use crate::engine::{BEHIND_SECS_MAX, count_clients};
use crate::forecast::Outlook;
use crate::serving::{self, Serving};
use crate::settings::{Dns, HostSettings};
use crate::site::{Publisher, Site};
use crate::standing::{self, EditionStanding};
use crate::store;
use crate::store::shared_identity::Shared;

/// How long a shared client id is shown after it was noticed last, in seconds.
const SHARED_SECS: u64 = 30 * DAY;
/// How many shared client ids are shown.
const SHARED_MAX: u32 = 20;

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
    /// How the server stands; `None` where none runs.
    serving: Option<Serving>,
    /// Whether it answers clients.
    answers: bool,
    dns: DnsReport,
    publishers: Vec<PublisherReport>,
    next: Vec<String>,
}

/// How the host publishes itself, by its settings.
#[derive(Debug, Serialize)]
struct DnsReport {
    publishing: bool,
    zones: Vec<String>,
    /// Why nothing is published, where nothing is.
    why_not: Option<String>,
}

#[derive(Debug, Serialize)]
struct PublisherReport {
    id: String,
    name: String,
    catalogue_version: u32,
    keys: Vec<KeyReport>,
    /// Which key covers each edition, and which editions need one.
    editions: Vec<EditionStanding>,
    /// The same in lines for people, where something is needed.
    #[serde(skip)]
    needs: String,
    families: Vec<FamilyReport>,
    pools: Vec<PoolReport>,
    renewal: IntervalReport,
    activation: IntervalReport,
    /// Requests since the host was made: total, failed, and by how the clients stood.
    counters: BTreeMap<String, u64>,
    requests_last_day: Vec<(String, u64)>,
    /// Client ids by which more than one machine has asked in the last 30 days.
    shared_identities: Vec<SharedReport>,
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
    /// Clients that have missed two renewals.
    silent: u64,
    /// When the count falls below a threshold that is reached now, if the silent clients stay silent.
    falls_below_at: Option<u64>,
    warning: Option<String>,
}

#[derive(Debug, Serialize)]
struct IntervalReport {
    secs: u64,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct SharedReport {
    client: String,
    times: u64,
    newest_at: u64,
    addresses: [String; 2],
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
        let families = held.catalogue.families.iter().map(|family| {
            let muster = counts.get_mut(&(held.number, family.number));
            family_report(family, &Outlook::of(held, family, muster, now))
        });
        let installed = store::host_key::of_publisher(&tx, held.number)?;
        let needs = standing::needs(held, &installed, now);
        let shared = store::shared_identity::since(&tx, held.number, now.minus(SHARED_SECS), SHARED_MAX)?;
        publishers.push(PublisherReport {
            id: held.trust.publisher.to_string(),
            name: held.catalogue.name.to_string(),
            catalogue_version: held.catalogue.version,
            families: families.collect(),
            keys: keys(&tx, held)?,
            editions: standing::in_names(held, &installed, now),
            needs: if installed.is_empty() { String::new() } else { pack::needs_text("  ", &needs) },
            pools: pools(&tx, held, now)?,
            renewal: interval(held.choices.renew(&held.catalogue)),
            activation: interval(held.choices.retry(&held.catalogue)),
            counters: store::counter::of(&tx, held.number)?,
            shared_identities: shared.into_iter().map(shared_report).collect(),
            requests_last_day: store::tally::since(&tx, held.number, now.minus(DAY))?,
            waiting_for_exchange: store::collected::waiting(&tx, held.number, now.minus(REPEATED_SECS))?,
        });
    }
    let serving = serving::read(data_dir)?;
    let mut report = Report {
        host: site.host.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        data_dir: std::path::absolute(data_dir)?.display().to_string(),
        time: now.as_secs(),
        epoch: site.epoch,
        ledger_sequence: head.sequence,
        newest_entry_at: newest_entry.map(Timestamp::as_secs),
        answers: serving.as_ref().is_some_and(|serving| is_alive(serving.clients)),
        serving,
        dns: dns_report(&HostSettings::load(&tx)?.dns),
        publishers,
        next: Vec::new(),
    };
    report.next = advice(&report);
    Ok(report)
}

fn dns_report(dns: &Dns) -> DnsReport {
    let zones = dns.zones.iter().map(ToString::to_string).collect();
    let why_not = dns.why_not();
    DnsReport { publishing: why_not.is_none() && dns.is_publishing(), zones, why_not }
}

fn family_report(family: &Family, outlook: &Outlook) -> FamilyReport {
    FamilyReport {
        id: family.id.to_string(),
        count: outlook.count,
        thresholds: outlook.thresholds.clone(),
        silent: outlook.silent,
        falls_below_at: outlook.warning.and_then(|warning| warning.falls_below_at).map(Timestamp::as_secs),
        warning: outlook.warning_words(),
    }
}

fn interval(effective: Effective<u64>) -> IntervalReport {
    let source = match effective.source {
        Source::Publisher => "publisher",
        Source::Customer => "set here",
        Source::PublisherInstead => "publisher, because what was set here is out of range",
    };
    IntervalReport { secs: effective.value, source }
}

fn shared_report(shared: Shared) -> SharedReport {
    let Shared { client, seen: (_, newest), times, addresses } = shared;
    SharedReport { client: client.to_string(), times, newest_at: newest.as_secs(), addresses }
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
    if report.serving.is_none() && report.publishers.iter().any(|publisher| !publisher.keys.is_empty()) {
        next.push(
            "start the server, as nobody answers clients: systemctl start keymuster-host, or keymuster-host serve"
                .to_owned(),
        );
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
