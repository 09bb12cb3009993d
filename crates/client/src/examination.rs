//! What stands between this client and its licence, looked at link by link, for the doctor of the `keymuster` command.
//!
//! It gathers facts and judges none of them. Nothing is stored, counted or granted. It is no part of the library's face.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use keymuster_core::request::Act;

use crate::check::HostReport;
use crate::client::{Client, Loaded};
use crate::discovery::{Candidate, Finder, TARGETS_MAX, Target, candidate, in_order, is_allowed, system_servers};
use crate::error::Error;
use crate::route::authority;
use crate::settings::{DOMAINS_MAX, SERVERS_MAX};
use crate::tls::{self, Failure, Whom};

/// The facts.
#[derive(Debug)]
pub struct Examination {
    /// Who would be asked for activation or renewal.
    pub asks: Asks,
    /// Why nobody would be asked, although it would be needed: the key is missing, or the settings forbid it.
    pub refused: Option<Error>,
    /// Who set the host by hand, where somebody did.
    pub by_hand: Option<String>,
    /// The domains in which hosts are looked for.
    pub domains: Vec<String>,
    /// The name servers that are asked.
    pub servers: Vec<SocketAddr>,
    /// What DNS says at each name, in the order in which they are searched.
    pub names: Vec<NameSeen>,
    /// The hosts in the order in which they would be asked, and behind the one set by hand those that DNS names.
    pub hosts: Vec<HostSeen>,
    /// The publisher's authority, where it would be asked.
    pub authority: Option<AuthoritySeen>,
}

/// Who would be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asks {
    /// Nobody: what is held needs no renewal, or nothing may be asked.
    Nobody,
    /// Hosts.
    Hosts,
    /// The publisher's authority.
    Authority,
}

/// A name in DNS at which hosts are looked for.
#[derive(Debug)]
pub struct NameSeen {
    /// The name.
    pub name: String,
    /// What each name server says, in the order in which they are asked.
    pub answers: Vec<(SocketAddr, Result<Vec<Srv>, String>)>,
}

/// A record that names a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srv {
    /// The machine.
    pub target: String,
    /// The port.
    pub port: u16,
    /// Whether clients follow it: they pass over ports that belong to other services, and records that name nobody.
    pub is_followed: bool,
}

/// A host.
#[derive(Debug)]
pub struct HostSeen {
    /// As it was named.
    pub address: String,
    /// How it was found.
    pub found_by: String,
    /// Whether it would be asked: where one is set by hand, no other is.
    pub is_asked: bool,
    /// What came of a connection to each of its addresses.
    pub knocks: Vec<(SocketAddr, Knock)>,
    /// What it says that it would do, verified; or why that is not known.
    pub report: Result<HostReport, Error>,
}

/// What came of trying to connect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Knock {
    /// A connection stood.
    Open,
    /// The machine is there and says that nothing listens on the port.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// The network says why not.
    Failed(String),
}

/// The publisher's authority.
#[derive(Debug)]
pub struct AuthoritySeen {
    /// Its address, as far as it is known.
    pub address: Option<String>,
    /// Whether a secret could be sent there.
    pub reached: Result<(), Error>,
}

impl NameSeen {
    /// The records that count: those of the first server that answers.
    pub fn records(&self) -> Option<&[Srv]> {
        self.answers.iter().find_map(|(_, answer)| answer.as_deref().ok())
    }
}

impl Client {
    /// Looks at every link between this client and its licence. It takes about as long as one attempt.
    #[doc(hidden)]
    pub fn examine(&self) -> Examination {
        let (finder, loaded) = (self.finder(), self.current());
        let by_hand = finder.in_force.hosts().map(|(_, source)| source.to_string());
        let (asks, refused) = self.asks(&loaded);
        let mut seen = Examination {
            asks,
            refused,
            by_hand,
            domains: finder.in_force.domains().map_or_else(|| finder.machine_domains(), <[String]>::to_vec),
            servers: finder.in_force.dns_servers().map_or_else(system_servers, <[SocketAddr]>::to_vec),
            names: Vec::new(),
            hosts: Vec::new(),
            authority: (asks == Asks::Authority).then(|| self.examine_authority(&finder)),
        };
        if asks != Asks::Hosts {
            return seen;
        }
        let found = self.names(&mut seen);
        let candidates = self.in_turn(&finder, &loaded, found);
        let is_asked =
            |candidate: &Candidate| finder.in_force.hosts().is_none_or(|(hosts, _)| hosts.contains(&candidate.address));
        thread::scope(|scope| {
            let examine = |candidate: Candidate| {
                let (loaded, is_asked) = (&loaded, is_asked(&candidate));
                scope.spawn(move || self.examine_host(&candidate, is_asked, &self.finder(), loaded))
            };
            let begun: Vec<_> = candidates.into_iter().map(examine).collect();
            seen.hosts = begun.into_iter().filter_map(|host| host.join().ok()).collect();
        });
        seen
    }

    /// Who would be asked, and why nobody would.
    fn asks(&self, loaded: &Loaded) -> (Asks, Option<Error>) {
        let act = match self.act() {
            Ok(Some(act)) => act,
            Ok(None) => return (Asks::Nobody, None),
            Err(error) => return (Asks::Nobody, Some(error)),
        };
        if let Err(error) = self.check_way(act) {
            return (Asks::Nobody, Some(error));
        }
        let has_key = loaded.record.mak.as_ref().is_some_and(|mak| mak.secret.is_some());
        (if act == Act::Mak && has_key { Asks::Authority } else { Asks::Hosts }, None)
    }

    /// Asks every name server for every name, all at once, and returns whom the first that answers names.
    fn names(&self, seen: &mut Examination) -> Vec<Candidate> {
        let names: Vec<String> = seen.domains.iter().take(DOMAINS_MAX).map(|domain| service(domain)).collect();
        let servers: Vec<SocketAddr> = seen.servers.iter().copied().take(SERVERS_MAX).collect();
        // What a finder remembers of silent servers would hide some of them, and is no thread's but its own.
        let ask = |name: &str, server: SocketAddr| self.finder().resolver(&[server]).service(name);
        let answers = thread::scope(|scope| {
            let ask = &ask;
            let begun: Vec<Vec<_>> = names
                .iter()
                .map(|name| servers.iter().map(|server| scope.spawn(move || ask(name, *server))).collect())
                .collect();
            let wait = |asked: Vec<thread::ScopedJoinHandle<'_, _>>| -> Vec<_> {
                asked.into_iter().filter_map(|one| one.join().ok()).collect()
            };
            begun.into_iter().map(wait).collect::<Vec<Vec<_>>>()
        });
        let mut found = Vec::new();
        for (name, answers) in names.into_iter().zip(answers) {
            let mut said = Vec::new();
            let mut is_first = true;
            for (server, answer) in servers.iter().copied().zip(answers) {
                let records = match answer {
                    Ok(answer) => {
                        let targets = in_order(answer.targets, |max| self.shared.settings.env.up_to(max));
                        let records = targets.iter().map(srv).collect();
                        let followed = targets.into_iter().filter(|target| is_first && is_allowed(target));
                        found.extend(followed.filter_map(|target| candidate(target, &name, &answer.addresses)));
                        is_first = false;
                        Ok(records)
                    }
                    Err(error) => Err(error.to_string()),
                };
                said.push((server, records));
            }
            seen.names.push(NameSeen { name, answers: said });
        }
        found
    }

    /// Everybody who may be asked, each once, in the order in which clients ask.
    fn in_turn(&self, finder: &Finder<'_>, loaded: &Loaded, found: Vec<Candidate>) -> Vec<Candidate> {
        let last = loaded.record.host.as_ref();
        let mut all = finder.at_hand(last, loaded.now(&self.shared.settings.env));
        all.extend(found);
        if finder.in_force.hosts().is_none() {
            all.extend(last.and_then(|host| finder.cached(host)));
        }
        let mut once: Vec<Candidate> = Vec::new();
        for candidate in all {
            if once.len() < TARGETS_MAX && once.iter().all(|other| other.address != candidate.address) {
                once.push(candidate);
            }
        }
        once
    }

    fn examine_host(&self, candidate: &Candidate, is_asked: bool, finder: &Finder<'_>, loaded: &Loaded) -> HostSeen {
        let (address, found_by) = (candidate.address.to_string(), candidate.found_by.clone());
        let knocks = finder.addresses(candidate).map(|addresses| self.knocks(addresses));
        let (knocks, report) = match knocks {
            Err(error) => (Vec::new(), Err(error)),
            Ok(knocks) => match knocked(&address, &knocks) {
                Some(error) => (knocks, Err(error)),
                None => (knocks, self.check_host(candidate, finder, loaded)),
            },
        };
        HostSeen { address, found_by, is_asked, knocks, report }
    }

    fn knocks(&self, addresses: Vec<SocketAddr>) -> Vec<(SocketAddr, Knock)> {
        let within = self.shared.settings.timeouts.connect;
        addresses.into_iter().map(|address| (address, knock(address, within))).collect()
    }

    fn examine_authority(&self, finder: &Finder<'_>) -> AuthoritySeen {
        match authority(self) {
            Ok(candidate) => {
                let reached = self.reach_authority(&candidate, finder);
                AuthoritySeen { address: Some(candidate.address.to_string()), reached }
            }
            Err(error) => AuthoritySeen { address: None, reached: Err(error) },
        }
    }

    /// Connects as far as a secret could be sent, and sends nothing.
    fn reach_authority(&self, candidate: &Candidate, finder: &Finder<'_>) -> Result<(), Error> {
        let (authority, is_tls) = (candidate.address.to_string(), candidate.address.tls_only);
        let within = self.shared.settings.timeouts.connect;
        let mut last = Error::SecretOverPlainHttp { authority: authority.clone() };
        let addresses = finder.addresses(candidate)?.into_iter();
        for address in addresses.filter(|address| is_tls || address.ip().is_loopback()) {
            let why = match knock(address, within) {
                Knock::Open if !is_tls => return Ok(()),
                Knock::Open => match tls::connect(address, &candidate.address.host, Whom::Vouched, within) {
                    Ok(_) => return Ok(()),
                    Err(Failure::Untrusted(why)) => {
                        return Err(Error::CertificateUntrusted { server: authority, why });
                    }
                    Err(Failure::Handshake(why)) => format!("no TLS: {why}"),
                    Err(Failure::Connect(error)) => error.to_string(),
                },
                Knock::Refused => "nothing listens there".to_owned(),
                Knock::Silent => "no connection in time".to_owned(),
                Knock::Failed(why) => why,
            };
            last = Error::AuthorityUnreachable { authority: authority.clone(), why };
        }
        Err(last)
    }
}

fn service(domain: &str) -> String {
    format!("_keymuster._tcp.{}", domain.trim_matches('.'))
}

fn srv(target: &Target) -> Srv {
    Srv { target: target.host.clone(), port: target.port, is_followed: is_allowed(target) }
}

pub(crate) fn knock(address: SocketAddr, within: Duration) -> Knock {
    match TcpStream::connect_timeout(&address, within) {
        Ok(_) => Knock::Open,
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Knock::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Knock::Silent,
            _ => Knock::Failed(error.to_string()),
        },
    }
}

/// Why no address of a host can be asked, if none can.
fn knocked(host: &str, knocks: &[(SocketAddr, Knock)]) -> Option<Error> {
    let host = host.to_owned();
    match knocks.last().map(|(_, knock)| knock) {
        _ if knocks.iter().any(|(_, knock)| *knock == Knock::Open) => None,
        Some(Knock::Refused) => Some(Error::ConnectionRefused { host }),
        Some(Knock::Failed(why)) => Some(Error::HostUnreachable { host, why: why.clone() }),
        Some(Knock::Silent | Knock::Open) | None => {
            Some(Error::HostUnreachable { host, why: "no connection in time".into() })
        }
    }
}
