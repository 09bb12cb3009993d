//! What DNS says about a host beside what it should say, and what to paste where nobody but people may change it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use keymuster_service::Env;
use keymuster_service::database::Failure;
use keymuster_service::exit::{Coded, Usage};
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dns::{
    self, Comparison, DnsName, PRIORITY, Plan, SrvRecord, TsigKey, WEIGHT, Zone, compare, look, look_at, primary,
};
use crate::lookout::{Look, Seen};
use crate::settings::HostSettings;
use crate::store;

/// What this host is set to be in DNS.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The domains.
    pub zones: Vec<Zone>,
    /// The host's own name.
    pub target: Option<DnsName>,
    /// Where clients reach it.
    pub port: u16,
    /// What is entered for that name, where the host does that too.
    pub addresses: Vec<IpAddr>,
    /// For zones that do not say their own.
    pub priority: u16,
    /// Likewise.
    pub weight: u16,
    /// The server that takes changes.
    pub server: Option<SocketAddr>,
    /// The file with the key that signs them.
    pub key_file: Option<PathBuf>,
}

/// What is set for the host in this directory, or for one that does not exist yet. Its own domain is looked at where no
/// zone is set.
pub fn configured(data_dir: &Path) -> anyhow::Result<Configured> {
    let place = store::place(data_dir)?;
    let settings = match place.is_there() {
        true => HostSettings::load(&place.open_read_only()?.transaction()?)?,
        false => HostSettings::default(),
    };
    let port = dns::port(data_dir, &settings);
    let settings = settings.dns;
    let target: Option<DnsName> = settings.target().and_then(|target| target.parse().ok());
    let (priority, weight) = (settings.priority.unwrap_or(PRIORITY), settings.weight.unwrap_or(WEIGHT));
    let mut zones = dns::zones(&settings)?;
    if zones.is_empty() {
        let domain = target.as_ref().and_then(|name| name.as_str().split_once('.')?.1.parse().ok());
        zones.extend(domain.map(|name| Zone { name, priority, weight }));
    }
    let addresses = dns::addresses(&settings);
    let (server, key_file) = (settings.server, settings.key_file);
    Ok(Configured { zones, target, port, addresses, priority, weight, server, key_file })
}

impl Configured {
    /// What is to be in DNS, where enough is set for that.
    pub fn plan(self) -> Result<Plan, Usage> {
        let target = self.target.filter(DnsName::is_qualified);
        let target = target.ok_or_else(|| Usage("this host has no full name yet: set dns-target".to_owned()))?;
        if self.zones.is_empty() {
            return Err(Usage("no domain is set in which clients look for this host: set dns-zones".to_owned()));
        }
        Ok(Plan { zones: self.zones, port: self.port, target, addresses: self.addresses })
    }
}

/// How a host stands in DNS, for administrators.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Dns {
    /// Whether the host publishes itself.
    pub is_publishing: bool,
    /// Why not, where it does not.
    pub why_not: Option<String>,
    /// When DNS was asked, in seconds since 1970; nothing while the first look lasts.
    pub looked_at: Option<u64>,
    /// What it said.
    pub report: Option<Report>,
    /// Why it is not known what it says.
    pub problem: Option<String>,
}

/// How the host stands, from its settings and a look at DNS.
pub fn load(tx: &Transaction<'_>, seen: &Seen) -> Result<Dns, Failure> {
    let settings = HostSettings::load(tx)?.dns;
    let why_not = settings.why_not();
    let (report, problem) = match seen.last.as_ref().map(|(_, look)| &**look) {
        Some(Look::Report(report)) => (Some(report.clone()), None),
        Some(Look::Nothing(why)) => (None, Some(why.clone())),
        None => (None, None),
    };
    let looked_at = seen.last.as_ref().map(|(at, _)| at.as_secs());
    Ok(Dns { is_publishing: settings.is_publishing() && why_not.is_none(), why_not, looked_at, report, problem })
}

/// What DNS says about a host.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DnsReport)]
pub struct Report {
    /// The host's own name.
    #[schema(value_type = String)]
    pub target: DnsName,
    /// Where clients reach it.
    pub port: u16,
    /// Whom clients ask.
    #[schema(value_type = Vec<String>)]
    pub resolvers: Vec<SocketAddr>,
    /// The domains.
    pub zones: Vec<ZoneReport>,
}

/// One domain.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DnsZone)]
pub struct ZoneReport {
    /// The domain.
    #[schema(value_type = String)]
    pub zone: DnsName,
    /// Where clients look.
    #[schema(value_type = String)]
    pub name: DnsName,
    /// What the host should have there.
    pub expected: SrvRecord,
    /// What the server has that takes changes, where one is named or a key is there to change anything.
    pub published: Option<AtServer>,
    /// What clients would see.
    pub seen: View,
}

/// The records at the server that takes changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DnsAtServer)]
pub struct AtServer {
    /// Which one it is; nothing where that could not be found out.
    #[schema(value_type = Option<String>)]
    pub server: Option<SocketAddr>,
    /// What is there.
    #[serde(flatten)]
    pub view: View,
}

/// The records as somebody has them, or why they are not known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = DnsRecords)]
#[serde(untagged)]
pub enum View {
    /// They are known.
    Shown(Comparison),
    /// They are not.
    Failed {
        /// The name of the code.
        code: &'static str,
        /// Why.
        error: String,
    },
}

/// Who is asked, and how.
#[derive(Debug)]
pub struct Asked {
    /// The server that takes changes, where one is named.
    pub server: Option<SocketAddr>,
    /// The key by which it does.
    pub key: Option<TsigKey>,
    /// The name servers that clients ask.
    pub resolvers: Vec<SocketAddr>,
    /// Time and randomness.
    pub env: Env,
}

/// Looks at all zones, one after the other.
pub async fn report(plan: Plan, asked: Asked) -> Report {
    let mut zones = Vec::new();
    for zone in &plan.zones {
        let expected = zone.record(&plan.target, plan.port);
        let seen = async { view(&expected, look(&zone.name, &asked.resolvers, &asked.env).await, &asked).await };
        let (published, seen) = tokio::join!(published(zone, &expected, &asked), seen);
        let name = zone.name.service();
        zones.push(ZoneReport { zone: zone.name.clone(), name, expected, published, seen });
    }
    let Plan { target, port, .. } = plan;
    Report { target, port, resolvers: asked.resolvers, zones }
}

/// What the server has that takes changes. Where neither it nor a key is known, nobody wants to change anything.
async fn published(zone: &Zone, expected: &SrvRecord, asked: &Asked) -> Option<AtServer> {
    let server = match (asked.server, &asked.key) {
        (Some(server), _) => Ok(server),
        (None, Some(_)) => primary(&zone.name, &asked.resolvers, &asked.env).await,
        (None, None) => return None,
    };
    let found = match &server {
        Ok(server) => look_at(&zone.name, *server, asked.key.as_ref(), &asked.env).await,
        Err(Coded { code, detail }) => Err(Coded { code, detail: detail.clone() }),
    };
    Some(AtServer { server: server.ok(), view: view(expected, found, asked).await })
}

async fn view(expected: &SrvRecord, found: Result<Vec<SrvRecord>, Coded>, asked: &Asked) -> View {
    match found {
        Ok(found) => View::Shown(compare(expected, found, &asked.resolvers, &asked.env).await),
        Err(Coded { code, detail }) => View::Failed { code: code.name, error: detail },
    }
}
