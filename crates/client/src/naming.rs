//! Questions to name servers, and knocks at what they name, for the commands of this project that look at DNS; no part of
//! the library's face.
//!
//! Nothing that comes back is believed, and a knock sends nothing: a connection is opened and closed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::discovery::{Resolver, Silent, domains_of_machine, system_servers};
use crate::env::Env;
use crate::examination::{Knock, knock};

/// Name servers that can be asked.
#[derive(Debug)]
pub struct NameServers {
    servers: Vec<SocketAddr>,
    within: Duration,
    env: Env,
    silent: Silent,
}

/// A record that names where a service is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceRecord {
    /// The smaller comes first.
    pub priority: u16,
    /// Within a priority, one with twice the weight is asked first twice as often.
    pub weight: u16,
    /// The machine.
    pub target: String,
    /// The port.
    pub port: u16,
}

impl NameServers {
    /// These, or those of the machine where none are named; each is waited for so long, twice at most.
    pub fn new(servers: &[SocketAddr], within: Duration) -> NameServers {
        let servers = if servers.is_empty() { system_servers() } else { servers.to_vec() };
        NameServers { servers, within, env: Env::system(), silent: Silent::default() }
    }

    /// Which are asked.
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// The records of a service; none where the name has none.
    pub fn service(&self, name: &str) -> io::Result<Vec<ServiceRecord>> {
        let answer = self.resolver().service(name)?;
        let record = |target: crate::discovery::Target| ServiceRecord {
            priority: target.priority,
            weight: target.weight,
            target: target.host,
            port: target.port,
        };
        Ok(answer.targets.into_iter().map(record).collect())
    }

    /// The addresses of a name; none where the name has none.
    pub fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.resolver().addresses(name)
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver { servers: &self.servers, timeout: self.within, env: &self.env, silent: &self.silent }
    }
}

/// The domains of this machine, as its settings and its network name them.
pub fn domains() -> Vec<String> {
    domains_of_machine(Path::new("/"), Env::system().reading().wall)
}

/// What comes of a connection that is opened and closed again.
pub fn reach(address: SocketAddr, within: Duration) -> Knock {
    knock(address, within)
}
