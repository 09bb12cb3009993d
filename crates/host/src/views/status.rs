//! How a host stands: what is held, who is counted, what to do next. The same for `keymuster-host status` and the console.

use std::collections::BTreeMap;
use std::path::Path;

use keymuster_core::catalogue::{Catalogue, Family, Group};
use keymuster_core::choice::{Effective, Source};
use keymuster_core::entitlement::Cover;
use keymuster_core::exchange::REPEATED_SECS;
use keymuster_core::id::to_hex;
use keymuster_core::key::ProductKey;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::backup;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::commands::doctor::is_alive;
use crate::engine::BEHIND_SECS_MAX;
use crate::forecast::Outlook;
use crate::serving::{self, Serving};
use crate::settings::{Dns, HostSettings};
use crate::site::{Publisher, Site};
use crate::standing::{self, EditionStanding};
use crate::store;
use crate::store::epoch::{Place, Return};
use crate::store::shared_identity::Shared;
use crate::windows;

/// How long a shared client id is shown after it was noticed last, in seconds.
const SHARED_SECS: u64 = 30 * DAY;
/// How many shared client ids are shown.
const SHARED_MAX: u32 = 20;

/// Everything that a status tells. Times are seconds since 1970.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Status)]
pub struct Report {
    pub host: String,
    pub version: &'static str,
    pub data_dir: String,
    pub time: u64,
    pub epoch: u64,
    pub ledger_sequence: u64,
    pub newest_entry_at: Option<u64>,
    /// What is kept of the past.
    pub history: HistoryReport,
    /// Where the ledger last went back to an older copy.
    pub returned: Option<ReturnReport>,
    /// The backup with which the host has moved to another machine; it does not serve here then.
    pub moved_with: Option<String>,
    /// How the server stands; `None` where none runs.
    pub serving: Option<Serving>,
    /// Whether it answers clients.
    pub answers: bool,
    pub dns: DnsReport,
    /// Windows machines that took this host for one of Microsoft's KMS, by their hellos since the host was made.
    pub rpc_hellos: u64,
    /// Whether the certificate is ordered from an ACME server.
    #[serde(skip)]
    pub is_certificate_ordered: bool,
    pub publishers: Vec<PublisherReport>,
    pub next: Vec<String>,
}

/// What is kept of the past, and what was dropped of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryReport {
    /// For how many days it is kept.
    pub days: u64,
    /// The newest entry of the ledger that is gone; 0 where it is whole.
    pub ledger_pruned: u64,
    /// Clients and editions that were forgotten.
    pub clients_pruned: u64,
}

/// A return of the ledger to an older copy.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReturnReport {
    /// When it was restored, or noticed.
    pub at: u64,
    /// When the copy was made, at the latest; what was granted from then on until it was put in place is unknown here.
    pub made_at: u64,
    /// The newest entry of the ledger in it.
    pub sequence: u64,
    /// How it is known: `backup` was restored, a `client` showed a lease that the ledger does not have, or the `mirror` of the
    /// head names such an entry.
    pub cause: &'static str,
    /// The entry that was shown, and its epoch.
    pub shown: Option<ShownPlace>,
    /// The client that showed it.
    pub client: Option<String>,
    /// Until when nobody new gets a seat.
    pub no_new_seats_until: u64,
}

/// A place of the ledger that was shown and is not in it.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ShownPlace {
    pub epoch: u64,
    pub sequence: u64,
}

/// For how long it is shown that the ledger was set back, in seconds.
const SET_BACK_SECS: u64 = 30 * DAY;

impl ReturnReport {
    fn of(returned: &Return, site: &Site) -> ReturnReport {
        let pools = site.publishers.iter().flat_map(|held| &held.entitlements);
        let pools = pools.flat_map(|granted| &granted.entitlement.pools);
        let until = pools.map(|pool| pool.free_at(returned.at.plus(pool.term_secs))).max();
        let shown = returned.cause.shown().map(|Place { epoch, sequence }| ShownPlace { epoch, sequence });
        ReturnReport {
            at: returned.at.as_secs(),
            made_at: returned.made_at.as_secs(),
            sequence: returned.sequence,
            cause: returned.cause.name(),
            shown,
            client: returned.cause.client().map(|client| client.to_string()),
            no_new_seats_until: until.unwrap_or(returned.at).as_secs(),
        }
    }

    /// By what it is known that the ledger was set back; none where somebody restored a backup.
    pub fn proof(&self) -> Option<String> {
        let ShownPlace { epoch, sequence } = self.shown?;
        let by = match &self.client {
            Some(client) => format!("client {client} holds"),
            None => "the mirror of the head names".to_owned(),
        };
        Some(format!("{by} entry {sequence} of epoch {epoch}"))
    }
}

impl Report {
    /// How the ledger was found to be an older copy, for as long as that concerns somebody.
    pub fn set_back(&self) -> Option<&ReturnReport> {
        let returned = self.returned.as_ref()?;
        let is_recent = self.time < returned.at + SET_BACK_SECS;
        (is_recent && returned.shown.is_some()).then_some(returned)
    }

    /// Until when nobody new gets a seat, because the ledger has gone back.
    pub fn no_new_seats_until(&self) -> Option<u64> {
        self.returned.as_ref().map(|returned| returned.no_new_seats_until).filter(|until| *until > self.time)
    }
}

/// How the host publishes itself, by its settings.
#[derive(Debug, Serialize, ToSchema)]
pub struct DnsReport {
    pub publishing: bool,
    pub zones: Vec<String>,
    /// Why nothing is published, where nothing is.
    pub why_not: Option<String>,
}

/// What is held of one publisher.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublisherReport {
    pub id: String,
    pub name: String,
    pub catalogue_version: u32,
    pub keys: Vec<KeyReport>,
    /// Which key covers each edition, and which editions need one.
    pub editions: Vec<EditionStanding>,
    /// The same in lines for people, where something is needed.
    #[serde(skip)]
    pub needs: String,
    pub families: Vec<FamilyReport>,
    pub pools: Vec<PoolReport>,
    pub renewal: IntervalReport,
    pub activation: IntervalReport,
    /// Requests since the host was made: total, failed, and by how the clients stood.
    pub counters: BTreeMap<String, u64>,
    pub requests_last_day: Vec<(String, u64)>,
    /// Client ids by which more than one machine has asked in the last 30 days.
    pub shared_identities: Vec<SharedReport>,
    /// Requests for an activation by a MAK that have no result yet.
    pub waiting_for_exchange: u64,
}

/// A host key, and what was granted for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyReport {
    pub last_five: String,
    pub group: String,
    /// The names of the groups that it covers, or would if it were activated.
    pub covers: Vec<String>,
    pub customer: Option<String>,
    /// When its entitlement was issued.
    #[serde(skip)]
    pub issued_at: Option<u64>,
    pub warn_at: Option<u64>,
    pub stop_at: Option<u64>,
    pub clients_max: Option<u64>,
    /// The host's TLS key that the entitlement names (SHA-256), where it names one.
    pub tls_key: Option<String>,
    /// Why the entitlement that is held does not count.
    pub left_out: Option<LeftOut>,
    /// When a request was made that has no answer yet.
    pub waits_since: Option<u64>,
}

/// Why an entitlement does not count.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeftOut {
    pub code: &'static str,
    pub why: String,
}

/// A family's count, and what is to be expected of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FamilyReport {
    pub id: String,
    pub count: u64,
    pub thresholds: Vec<u32>,
    /// Clients that have missed two renewals.
    pub silent: u64,
    /// When the count falls below a threshold that is reached now, if the silent clients stay silent.
    pub falls_below_at: Option<u64>,
    pub warning: Option<String>,
}

/// An interval, and where it comes from.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntervalReport {
    pub secs: u64,
    pub source: &'static str,
}

/// A client id by which more than one machine has asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedReport {
    pub client: String,
    pub times: u64,
    pub newest_at: u64,
    pub addresses: [String; 2],
}

/// A pool of seats.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolReport {
    pub id: String,
    pub edition: String,
    pub in_use: u64,
    pub seats: u32,
}

/// Loads the report; `outlook` tells how each family's count stands.
pub fn load(
    tx: &Transaction<'_>,
    site: &Site,
    data_dir: &Path,
    mut outlook: impl FnMut(&Publisher, &Family) -> Outlook,
    now: Timestamp,
) -> anyhow::Result<Report> {
    let (head, newest_entry) = store::ledger::head(tx, site.host)?;
    let mut publishers = Vec::new();
    for held in &site.publishers {
        let families = held.catalogue.families.iter().map(|family| family_report(family, &outlook(held, family)));
        let installed = store::host_key::of_publisher(tx, held.number)?;
        let shared = store::shared_identity::since(tx, held.number, now.minus(SHARED_SECS), SHARED_MAX)?;
        publishers.push(PublisherReport {
            id: held.trust.publisher.to_string(),
            name: held.catalogue.name.to_string(),
            catalogue_version: held.catalogue.version,
            families: families.collect(),
            keys: keys(tx, held)?,
            editions: standing::in_names(held, &installed, now),
            needs: String::new(),
            pools: pools(tx, held, now)?,
            renewal: interval(held.choices.renew(&held.catalogue)),
            activation: interval(held.choices.retry(&held.catalogue)),
            counters: store::counter::of(tx, held.number)?,
            shared_identities: shared.into_iter().map(shared_report).collect(),
            requests_last_day: store::tally::since(tx, held.number, now.minus(DAY))?,
            waiting_for_exchange: store::collected::waiting(tx, held.number, now.minus(REPEATED_SECS))?,
        });
    }
    let (serving, settings) = (serving::read(data_dir)?, HostSettings::load(tx)?);
    let mut report = Report {
        host: site.host.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        data_dir: std::path::absolute(data_dir)?.display().to_string(),
        time: now.as_secs(),
        epoch: site.epoch,
        ledger_sequence: head.sequence,
        newest_entry_at: newest_entry.map(Timestamp::as_secs),
        history: HistoryReport {
            days: HostSettings::load(tx)?.history_days(),
            ledger_pruned: store::pruning::ledger_pruned(tx)?,
            clients_pruned: store::counter::of(tx, store::setting::HOST)?
                .remove(store::counter::PRUNED_CLIENTS)
                .unwrap_or_default(),
        },
        returned: site.returned.as_ref().map(|returned| ReturnReport::of(returned, site)),
        moved_with: backup::moved(data_dir)?.map(|moved| moved.file),
        answers: serving.as_ref().is_some_and(|serving| is_alive(serving.clients)),
        serving,
        dns: dns_report(&settings.dns),
        rpc_hellos: windows::hellos(tx)?,
        is_certificate_ordered: settings.tls.acme().is_some(),
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
        issued_at: entitlement.map(|entitlement| entitlement.issued.as_secs()),
        clients_max: entitlement.and_then(|entitlement| entitlement.clients_max),
        tls_key: entitlement.and_then(|entitlement| entitlement.tls_spki).map(|hash| to_hex(&hash)),
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

impl Report {
    /// Whether the clock lies behind the newest entry of the ledger, so that nothing is granted.
    pub fn is_clock_behind(&self) -> bool {
        self.newest_entry_at.is_some_and(|newest| self.time + BEHIND_SECS_MAX < newest)
    }
}

/// What to do next, if anything.
fn advice(report: &Report) -> Vec<String> {
    let mut next = Vec::new();
    if report.is_clock_behind() {
        next.push("set the clock: it is behind the newest entry of the ledger, so that nothing is granted".to_owned());
    }
    if report.publishers.is_empty() {
        next.push("add a publisher: keymuster-host add-publisher --trust FILE --pack FILE".to_owned());
    }
    if let Some(file) = &report.moved_with {
        next.push(format!("use this host on the machine where {file} was restored: it has moved away from here"));
        return next;
    }
    if report.serving.is_none() && report.publishers.iter().any(|publisher| !publisher.keys.is_empty()) {
        next.push(
            "start the server, as nobody answers clients: systemctl start keymuster-host, or keymuster-host serve"
                .to_owned(),
        );
    }
    if report.set_back().is_some() {
        next.push(
            "find out who put an older copy of the ledger in place: keymuster explain ledger-set-back".to_owned(),
        );
    }
    next.extend(advice_on_tls(report));
    if report.rpc_hellos > 0 {
        next.push(windows::ADVICE.to_owned());
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

/// How long before its end a certificate should be replaced, in seconds.
const CERTIFICATE_SECS: u64 = 21 * DAY;

/// What is to do about certificates, while the server runs.
fn advice_on_tls(report: &Report) -> Option<String> {
    let tls = report.serving.as_ref()?.tls.as_ref()?;
    let names_another = |key: &KeyReport| key.tls_key.as_ref().is_some_and(|named| *named != tls.own_key);
    let outdated = report.publishers.iter().find_map(|publisher| {
        let key = publisher.keys.iter().find(|key| names_another(key))?;
        Some((&publisher.id, &key.last_five))
    });
    if let Some(problem) = &tls.problem {
        return Some(format!("mend the certificate that is set: {problem}"));
    }
    if tls.not_after < report.time + CERTIFICATE_SECS {
        let end = Timestamp::from_secs(tls.not_after);
        return Some(format!(
            "replace the TLS certificate, whose end is {end}: the files are read as soon as they change"
        ));
    }
    let (publisher, last_five) = outdated?;
    let activate = format!("keymuster-host activate --publisher {publisher} --key {last_five}");
    Some(format!("have an entitlement made that names the TLS key that this host has by now: {activate}"))
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
