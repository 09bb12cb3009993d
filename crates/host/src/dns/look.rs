//! What DNS says about the hosts of a domain, asked as clients ask.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use domain::base::Rtype;
use keymuster_core::codes;
use keymuster_service::Env;
use keymuster_service::exit::Coded;
use serde::Serialize;
use utoipa::ToSchema;

use super::exchange::{Data, Server};
use super::key::TsigKey;
use super::name::{DnsName, Wire};

/// Servers beyond these are not asked, as in the system's own resolver.
const SERVERS_MAX: usize = 3;

/// A record that names a host. The order is that in which clients try them, but for the draw by weight.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
pub struct SrvRecord {
    /// Smaller is earlier.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// Where the host listens.
    pub port: u16,
    /// The machine, in lower case. Whoever wrote the record chose the letters.
    pub target: String,
}

/// The hosts that clients of a domain find when they ask these name servers: the first that answers decides.
pub async fn look(domain: &DnsName, servers: &[SocketAddr], env: &Env) -> Result<Vec<SrvRecord>, Coded> {
    let found = ask_in_turn(&domain.service().wire(), Rtype::SRV, servers, env).await?;
    Ok(records(found))
}

/// The hosts of a domain as one server has them, asked with its key where there is one.
pub async fn look_at(
    domain: &DnsName,
    server: SocketAddr,
    key: Option<&TsigKey>,
    env: &Env,
) -> Result<Vec<SrvRecord>, Coded> {
    let found = Server { address: server, key, env }.ask(&domain.service().wire(), Rtype::SRV).await?;
    Ok(records(found.into_iter().map(|found| found.data).collect()))
}

/// The name servers of this machine; none where it has no such file.
pub fn system_servers() -> Vec<SocketAddr> {
    let text = fs::read("/etc/resolv.conf").unwrap_or_default();
    let (config, _) = resolv_conf::Config::parse_with_errors(&text);
    config.nameservers.iter().map(|server| SocketAddr::new(server.into(), 53)).collect()
}

/// The addresses of a target, as these name servers know them.
pub(super) async fn addresses(target: &Wire, servers: &[SocketAddr], env: &Env) -> Result<Vec<IpAddr>, Coded> {
    let v4 = ask_in_turn(target, Rtype::A, servers, env).await;
    let v6 = ask_in_turn(target, Rtype::AAAA, servers, env).await;
    let found = match (v4, v6) {
        (Err(failure), Err(_)) => return Err(failure),
        (v4, v6) => [v4.unwrap_or_default(), v6.unwrap_or_default()].concat(),
    };
    let address = |data: Data| if let Data::Address(address) = data { Some(address) } else { None };
    Ok(found.into_iter().filter_map(address).collect())
}

async fn ask_in_turn(name: &Wire, kind: Rtype, servers: &[SocketAddr], env: &Env) -> Result<Vec<Data>, Coded> {
    let none = "no name server is known: /etc/resolv.conf names none".to_owned();
    let mut last = Coded { code: &codes::DNS_SERVER_UNREACHABLE, detail: none };
    for address in servers.iter().take(SERVERS_MAX) {
        match (Server { address: *address, key: None, env }).ask(name, kind).await {
            Ok(found) => return Ok(found.into_iter().map(|found| found.data).collect()),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

fn records(found: Vec<Data>) -> Vec<SrvRecord> {
    let record = |data| {
        let Data::Srv(srv) = data else { return None };
        let target = srv.target().to_string().to_ascii_lowercase();
        Some(SrvRecord { priority: srv.priority(), weight: srv.weight(), port: srv.port(), target })
    };
    let mut records: Vec<SrvRecord> = found.into_iter().filter_map(record).collect();
    records.sort_unstable();
    records
}
