//! What may be set on a machine: where the store is, which host, which domains, which name servers.

use std::env;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use keymuster_core::id::Label;

use crate::env::Env;
use crate::error::Error;

/// The port on which hosts listen.
pub const HOST_PORT: u16 = 1688;
const DNS_PORT: u16 = 53;

/// How one client works on one machine.
///
/// [`Settings::from_environment`] is what a product wants; the fields are for programs that know better.
///
/// ```
/// use keymuster_client::Settings;
/// let settings = Settings { host: Some("kms.example:1700".parse()?), ..Settings::default() };
/// assert_eq!(settings.host.unwrap().port, 1700);
/// # Ok::<(), keymuster_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the store; by default one for the whole machine where this process may write there, else the
    /// user's own.
    pub store: PathBuf,
    /// The host to ask, set by hand; no other is looked for then.
    pub host: Option<HostAddress>,
    /// The DNS domains that are searched for hosts; empty for those of the machine.
    pub domains: Vec<String>,
    /// The name servers to ask; empty for those of the system.
    pub dns_servers: Vec<SocketAddr>,
    /// The authority's URL in place of the one in the trust file.
    pub authority: Option<String>,
    /// The machine's name, where its administrator lets it be sent; nothing is sent by default.
    pub machine_name: Option<Label>,
    /// The product's version, for the administrator's inventory.
    pub product_version: Option<Label>,
    /// How long to wait for others.
    pub timeouts: Timeouts,
    /// Clocks and randomness.
    pub env: Env,
}

/// How long to wait for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Until a connection to a host stands.
    pub connect: Duration,
    /// From then until the answer is there.
    pub answer: Duration,
    /// Until a name server has answered one try; there are two.
    pub dns: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let secs = Duration::from_secs;
        Timeouts { connect: secs(3), answer: secs(10), dns: secs(2) }
    }
}

impl Default for Settings {
    /// Everything found by itself; of the environment only the user's home is read, for the place of the store.
    fn default() -> Settings {
        Settings {
            store: default_store(),
            host: None,
            domains: Vec::new(),
            dns_servers: Vec::new(),
            authority: None,
            machine_name: None,
            product_version: None,
            timeouts: Timeouts::default(),
            env: Env::system(),
        }
    }
}

impl Settings {
    /// The defaults, changed by the environment: `KEYMUSTER_STORE` (a directory), `KEYMUSTER_HOST` (`host[:port]`, IPv6
    /// in brackets), `KEYMUSTER_DOMAIN` and `KEYMUSTER_DNS` (`address[:port]`), the last two as lists with commas.
    pub fn from_environment() -> Result<Settings, Error> {
        let mut settings = Settings::default();
        if let Some(store) = env::var_os("KEYMUSTER_STORE").filter(|store| !store.is_empty()) {
            settings.store = PathBuf::from(store);
        }
        settings.host = list("KEYMUSTER_HOST").first().map(|host| host.parse()).transpose()?;
        settings.domains = list("KEYMUSTER_DOMAIN");
        settings.dns_servers = list("KEYMUSTER_DNS").iter().map(|text| dns_server(text)).collect::<Result<_, _>>()?;
        Ok(settings)
    }
}

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
}

impl FromStr for HostAddress {
    type Err = Error;

    /// Reads `host[:port]`, with an IPv6 address in brackets.
    fn from_str(text: &str) -> Result<HostAddress, Error> {
        HostAddress::parse(text, HOST_PORT).ok_or_else(|| Error::Setting {
            name: "host",
            value: text.to_owned(),
            expected: "a name or an IP address, and perhaps a port: kms.example, kms.example:1688, [2001:db8::1]:1688",
        })
    }
}

impl HostAddress {
    pub(crate) fn parse(text: &str, default_port: u16) -> Option<HostAddress> {
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if rest.is_empty() { default_port } else { port(rest.strip_prefix(':')?)? };
            return Some(HostAddress { host: host.to_owned(), port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, digits)) => (host, port(digits)?),
            None => (text, default_port),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let host = host.trim_end_matches('.');
        (!host.is_empty() && host.len() <= 253 && host.chars().all(is_plain))
            .then(|| HostAddress { host: host.to_owned(), port })
    }
}

fn port(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|port| *port != 0)
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The entries of a list in the environment; a variable that is not set is an empty list.
fn list(variable: &str) -> Vec<String> {
    let text = env::var(variable).unwrap_or_default();
    text.split([',', ' ']).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn dns_server(text: &str) -> Result<SocketAddr, Error> {
    let alone = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    text.parse::<SocketAddr>().or_else(|_| alone()).map_err(|_| Error::Setting {
        name: "KEYMUSTER_DNS",
        value: text.to_owned(),
        expected: "IP addresses of name servers, and perhaps ports: 10.0.0.53, 127.0.0.1:5353, [2001:db8::53]:53",
    })
}

#[cfg(unix)]
fn default_store() -> PathBuf {
    let machine = PathBuf::from("/var/lib/keymuster");
    let place = if machine.exists() { machine.as_path() } else { std::path::Path::new("/var/lib") };
    if rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok() {
        return machine;
    }
    let set = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").unwrap_or_else(env::temp_dir);
    if cfg!(target_os = "macos") {
        return home().join("Library/Application Support/keymuster");
    }
    set("XDG_STATE_HOME").unwrap_or_else(|| home().join(".local/state")).join("keymuster")
}

#[cfg(not(unix))]
fn default_store() -> PathBuf {
    let set = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("LOCALAPPDATA").or_else(|| set("PROGRAMDATA")).unwrap_or_else(env::temp_dir).join("keymuster")
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
            assert_eq!(dns_server(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }
}
