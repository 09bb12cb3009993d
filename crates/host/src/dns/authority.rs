//! Which zone a name lies in, and which server is its primary, the one that takes changes.

use std::net::SocketAddr;

use domain::base::Rtype;
use keymuster_core::codes;
use keymuster_service::Env;
use keymuster_service::exit::Coded;

use super::exchange::{Data, Server, not_served};
use super::look::addresses;
use super::name::{DnsName, Wire};

/// The port of name servers.
const DNS_PORT: u16 = 53;

/// A zone, as a server has cut it.
pub(super) struct Cut {
    pub apex: Wire,
    primary: Wire,
}

/// The zone that a name lies in.
pub(super) async fn zone_of(name: &Wire, server: Server<'_>) -> Result<Cut, Coded> {
    for suffix in name.iter_suffixes().take_while(|suffix| !suffix.is_root()) {
        let suffix = Wire::from_octets(suffix.as_slice().to_vec()).expect("the end of a name is a name");
        let found = match server.ask(&suffix, Rtype::SOA).await {
            Err(failure) if failure.code == &codes::DNS_ZONE_NOT_SERVED => continue,
            found => found?,
        };
        for found in found {
            // A name that stands for another one brings the zone of that other one along.
            if let Data::Apex { primary } = found.data
                && name.ends_with(&found.owner)
            {
                return Ok(Cut { apex: found.owner, primary });
            }
        }
    }
    Err(not_served(server.address, &format!("it knows no zone that {name} lies in")))
}

/// The primary server of the zone that a name lies in, as these name servers know it.
pub(super) async fn primary_of(name: &Wire, servers: &[SocketAddr], env: &Env) -> Result<SocketAddr, Coded> {
    let unknown = |detail| Coded { code: &codes::DNS_SERVER_UNREACHABLE, detail };
    let mut last = unknown(format!("nobody can be asked for the primary server of {name}: no name server is known"));
    for address in servers {
        match zone_of(name, Server { address: *address, key: None, env }).await {
            Ok(Cut { primary, .. }) => {
                let found = addresses(&primary, servers, env).await?;
                let without = || unknown(format!("the primary server of {name}, {primary}, has no address"));
                return Ok(SocketAddr::new(*found.first().ok_or_else(without)?, DNS_PORT));
            }
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

/// The server that takes changes of the hosts of a domain, as these name servers know it.
pub async fn primary(domain: &DnsName, servers: &[SocketAddr], env: &Env) -> Result<SocketAddr, Coded> {
    primary_of(&domain.service().wire(), servers, env).await
}
