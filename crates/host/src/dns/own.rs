//! The addresses under which others reach this machine, for those who want them in DNS by the host as well.
//!
//! Nothing is sent to find them: a datagram socket that is connected knows its own end, and that is all that is asked of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::system_servers;

/// More addresses of one host are not entered: clients try four.
pub const ADDRESSES_MAX: usize = 8;
/// Addresses that nobody has (RFC 5737, RFC 3849), to ask for the way to the rest of the world.
const ELSEWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];
/// Any port will do.
const PORT: u16 = 53;

/// The addresses from which this machine reaches the name servers, and the rest of the world in each family; each once, and
/// none that others cannot reach.
pub fn own_addresses(server: Option<SocketAddr>) -> Vec<IpAddr> {
    let servers = server.map_or_else(system_servers, |server| vec![server]);
    let elsewhere = ELSEWHERE.map(|address| SocketAddr::new(address, PORT));
    let mut found: Vec<IpAddr> = Vec::new();
    for target in servers.into_iter().chain(elsewhere) {
        if let Some(address) = way_to(target).filter(|address| is_reachable(*address) && !found.contains(address)) {
            found.push(address);
        }
    }
    found.truncate(ADDRESSES_MAX);
    found
}

/// The address that this machine would send from; nothing where no way leads there.
fn way_to(target: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip().to_canonical())
}

/// Whether clients on other machines could reach it: an address of this machine alone, or of one cable, is no use in DNS.
pub fn is_reachable(address: IpAddr) -> bool {
    let is_local = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    let is_of_one_link = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.to_ipv4_mapped().is_some(),
    };
    !is_local && !is_of_one_link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_reach_is_fit_for_dns() {
        for (address, expected) in [
            ("192.0.2.7", true),
            ("10.0.0.1", true),
            ("2001:db8::7", true),
            ("fd00::7", true),
            ("127.0.0.1", false),
            ("127.9.9.9", false),
            ("0.0.0.0", false),
            ("169.254.1.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(is_reachable(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn what_is_found_is_fit_for_dns_and_there_once() {
        let local: SocketAddr = "127.0.0.1:53".parse().unwrap();
        assert_eq!(way_to(local), Some(local.ip()), "the way to this machine itself");
        for found in [own_addresses(Some(local)), own_addresses(None)] {
            let is_fit = |place: usize| is_reachable(found[place]) && !found[..place].contains(&found[place]);
            assert!((0..found.len()).all(is_fit), "{found:?}");
        }
    }
}
