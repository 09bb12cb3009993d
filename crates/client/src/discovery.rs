//! Finding a host: the one set by hand, the one that answered last, those that DNS names
//! (`docs/spec/client-state.md`, 8).
//!
//! Nothing found here is trusted; it is where a request may be sent.

mod dns;
mod domains;
mod leases;
mod order;
#[cfg(any(windows, test, fuzzing))]
mod registry;

#[cfg(fuzzing)]
pub(crate) use dns::read as read_dns_reply;
#[cfg(fuzzing)]
pub(crate) use domains::read as read_domains;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::Instant;

use keymuster_core::time::{DAY, Timestamp};

use crate::error::Error;
use crate::record::{HostRecord, TriedRecord};
use crate::settings::{DOMAINS_MAX, HostAddress, InForce, Setting, Settings};
pub(crate) use dns::{Resolver, Silent};
pub(crate) use domains::of_machine as domains_of_machine;
pub(crate) use order::{Target, in_order};

/// A host that may be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub address: HostAddress,
    pub found_by: String,
    /// Addresses that DNS sent along with the name.
    known: Vec<IpAddr>,
}

/// More hosts are not asked in one attempt, apart from the one that answered last.
pub(crate) const TARGETS_MAX: usize = 6;
/// More of the hosts that DNS names for one domain are not even put in order.
const FOUND_MAX: usize = 256;
/// More addresses of one name are not tried.
const ADDRESSES_MAX: usize = 4;
/// How long the host that answered last is asked before DNS is, in seconds.
const CACHED_SECS: u64 = DAY;

/// What decides where hosts are looked for, at one moment.
pub(crate) struct Finder<'a> {
    pub settings: &'a Settings,
    pub in_force: InForce,
    /// Name servers that have not answered; none is waited for again and again.
    silent: Silent,
}

impl Candidate {
    pub fn by_hand(address: HostAddress, found_by: String) -> Candidate {
        Candidate { address, found_by, known: Vec::new() }
    }
}

impl<'a> Finder<'a> {
    pub fn new(settings: &'a Settings, in_force: InForce) -> Finder<'a> {
        Finder { settings, in_force, silent: Silent::default() }
    }

    /// Whom to ask before DNS: the hosts set by hand, and nobody else then; or the one that answered within the last day.
    pub fn at_hand(&self, last: Option<&HostRecord>, now: Timestamp) -> Vec<Candidate> {
        if let Some((addresses, source)) = self.in_force.hosts() {
            let by_hand = |address: &HostAddress| Candidate::by_hand(address.clone(), format!("set by hand: {source}"));
            return addresses.iter().map(by_hand).collect();
        }
        let fresh = last.filter(|host| now.secs_since(host.at) < CACHED_SECS && host.at <= now);
        fresh.and_then(|host| self.cached(host)).into_iter().collect()
    }

    /// Whom to ask after those [`at_hand`](Finder::at_hand), with the domains that were searched: the hosts that DNS names,
    /// then the one that answered at any time before. After `end` no further domain is asked for.
    pub fn search(
        &self,
        last: Option<&HostRecord>,
        end: Instant,
        trail: &mut Vec<TriedRecord>,
    ) -> (Vec<Candidate>, Vec<String>) {
        if self.in_force.hosts().is_some() {
            return (Vec::new(), Vec::new());
        }
        let domains = self.in_force.domains().map_or_else(|| self.machine_domains(), <[String]>::to_vec);
        let servers = self.in_force.dns_servers().map_or_else(system_servers, <[SocketAddr]>::to_vec);
        let resolver = self.resolver(&servers);
        let mut found = Vec::new();
        for domain in domains.iter().take(DOMAINS_MAX) {
            if Instant::now() >= end {
                break;
            }
            let name = format!("_keymuster._tcp.{}", domain.trim_matches('.'));
            let outcome = match resolver.service(&name) {
                Ok(mut answer) => {
                    answer.targets.truncate(FOUND_MAX);
                    let targets = in_order(answer.targets, |max| self.settings.env.up_to(max));
                    let (allowed, refused): (Vec<Target>, Vec<Target>) = targets.into_iter().partition(is_allowed);
                    let outcome = outcome(&allowed, &refused);
                    found.extend(allowed.into_iter().filter_map(|target| candidate(target, &name, &answer.addresses)));
                    outcome
                }
                Err(error) => error.to_string(),
            };
            trail.push(TriedRecord { what: format!("DNS {name}"), outcome });
        }
        found.extend(last.and_then(|host| self.cached(host)));
        (found, domains)
    }

    /// Where to connect.
    pub fn addresses(&self, candidate: &Candidate) -> Result<Vec<SocketAddr>, Error> {
        let HostAddress { host, port, .. } = &candidate.address;
        let failed = |why: String| Error::NameNotResolved { name: host.clone(), why };
        let found: Vec<IpAddr> = if let Ok(address) = host.parse() {
            vec![address]
        } else if !candidate.known.is_empty() {
            candidate.known.clone()
        } else if let Some(servers) = self.in_force.dns_servers() {
            self.resolver(servers).addresses(host).map_err(|error| failed(error.to_string()))?
        } else {
            let found = (host.as_str(), *port).to_socket_addrs().map_err(|error| failed(error.to_string()))?;
            found.map(|address| address.ip()).collect()
        };
        if found.is_empty() {
            return Err(failed("it has no address record".into()));
        }
        Ok(found.into_iter().take(ADDRESSES_MAX).map(|address| SocketAddr::new(address, *port)).collect())
    }

    /// The host that answered last, unless hosts are not to be remembered.
    pub(crate) fn cached(&self, host: &HostRecord) -> Option<Candidate> {
        let address = host.address.parse().ok().filter(|_| self.in_force.is_on(Setting::Caching))?;
        Some(Candidate { address, found_by: host.found_by.clone(), known: Vec::new() })
    }

    pub(crate) fn resolver<'s>(&'s self, servers: &'s [SocketAddr]) -> Resolver<'s> {
        Resolver { servers, timeout: self.settings.timeouts.dns, env: &self.settings.env, silent: &self.silent }
    }

    pub(crate) fn machine_domains(&self) -> Vec<String> {
        domains::of_machine(Path::new("/"), self.settings.env.reading().wall)
    }
}

/// A record that anybody may have put into DNS must not make a client knock at other services of a machine.
pub(crate) fn is_allowed(target: &Target) -> bool {
    (target.port == 443 || target.port >= 1024) && !matches!(target.host.as_str(), "" | ".")
}

pub(crate) fn candidate(target: Target, name: &str, addresses: &[(String, IpAddr)]) -> Option<Candidate> {
    let of_target = addresses.iter().filter(|(owner, _)| owner.eq_ignore_ascii_case(&target.host));
    let known = of_target.map(|(_, address)| *address).collect();
    let address = HostAddress::parse(&target.host, target.port)?;
    Some(Candidate { address, found_by: format!("DNS {name}"), known })
}

fn outcome(allowed: &[Target], refused: &[Target]) -> String {
    let list = |targets: &[Target]| -> String {
        targets.iter().map(|target| format!("{}:{}", target.host, target.port)).collect::<Vec<_>>().join(", ")
    };
    match (allowed.is_empty(), refused.is_empty()) {
        (true, true) => "no SRV record".into(),
        (false, true) => list(allowed),
        (_, false) => format!("{}; passed over for port or name: {}", list(allowed), list(refused)),
    }
}

pub(crate) fn system_servers() -> Vec<SocketAddr> {
    domains::name_servers(Path::new("/"))
}
