//! Where hosts and name servers answer, as people write it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::Setting;
use crate::error::Error;

/// The port on which hosts listen.
pub const HOST_PORT: u16 = 1688;
const DNS_PORT: u16 = 53;

/// What stands before an address that is asked over TLS only.
const TLS: &str = "https://";

/// Where a host answers: a name or an IP address, and a port.
///
/// ```
/// use keymuster_client::HostAddress;
/// let address: HostAddress = "[2001:db8::1]".parse()?;
/// assert_eq!((address.host.as_str(), address.port), ("2001:db8::1", 1688));
/// assert_eq!(address.to_string(), "[2001:db8::1]:1688");
/// # Ok::<(), keymuster_client::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HostAddress {
    /// The name or the IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether it is asked over TLS and in no other way, as `https://` before it says.
    pub tls_only: bool,
}

impl FromStr for HostAddress {
    type Err = Error;

    /// Reads `[https://]host[:port]`, with an IPv6 address in brackets.
    fn from_str(text: &str) -> Result<HostAddress, Error> {
        HostAddress::parse(text, HOST_PORT).ok_or_else(|| Error::Setting {
            name: Setting::Host.name(),
            value: text.to_owned(),
            expected: Setting::Host.expects(),
        })
    }
}

impl HostAddress {
    pub(crate) fn parse(text: &str, default_port: u16) -> Option<HostAddress> {
        let (text, tls_only) = match text.strip_prefix(TLS) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if rest.is_empty() { default_port } else { port(rest.strip_prefix(':')?)? };
            return Some(HostAddress { host: host.to_owned(), port, tls_only });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, digits)) => (host, port(digits)?),
            None => (text, default_port),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let host = host.trim_end_matches('.');
        (!host.is_empty() && host.len() <= 253 && host.chars().all(is_plain)).then(|| HostAddress {
            host: host.to_owned(),
            port,
            tls_only,
        })
    }
}

fn port(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|port| *port != 0)
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls_only { TLS } else { "" })?;
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Reads a name server's `address[:port]`.
pub(crate) fn name_server(text: &str) -> Option<SocketAddr> {
    let alone = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    text.parse::<SocketAddr>().or_else(|_| alone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_addresses_read_and_print() {
        for (text, expected) in [
            ("kms.example", Some("kms.example:1688")),
            ("kms.example.:1700", Some("kms.example:1700")),
            ("10.0.0.1", Some("10.0.0.1:1688")),
            ("[::1]:1700", Some("[::1]:1700")),
            ("[::1]", Some("[::1]:1688")),
            ("https://kms.example", Some("https://kms.example:1688")),
            ("https://[::1]:1700", Some("https://[::1]:1700")),
            ("https://", None),
            ("https://https://kms", None),
            ("https://kms/path", None),
            ("::1", None),
            ("[kms]:1", None),
            ("", None),
            (":1688", None),
            ("kms:0", None),
            ("kms:65536", None),
            ("kms/path", None),
            ("user@kms", None),
            ("http://kms", None),
        ] {
            let found = text.parse::<HostAddress>().ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn name_servers_may_have_ports() {
        for (text, expected) in [
            ("10.0.0.53", Some("10.0.0.53:53")),
            ("127.0.0.1:5353", Some("127.0.0.1:5353")),
            ("2001:db8::53", Some("[2001:db8::53]:53")),
            ("ns.example", None),
        ] {
            assert_eq!(name_server(text).map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }
}
