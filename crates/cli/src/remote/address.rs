//! Where a host takes administrators, and how it is recognised there.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;

use keymuster_client::secured::{self, Ready, Whom};
use keymuster_core::id::from_hex;

use crate::failure::Failure;

/// The host of this machine.
pub const URL: &str = "http://127.0.0.1:1689";
/// Where administrators are taken, unless an address says otherwise.
const PORT: u16 = 1689;

/// SHA-256 of a host's own key, as `keymuster-host status` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key([u8; 32]);

impl FromStr for Key {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Key, &'static str> {
        from_hex(&text.replace(':', "")).map(Key).ok_or("64 hexadecimal digits, as `keymuster-host status` shows them")
    }
}

/// An address of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// As it was given.
    pub url: String,
    /// The name, with the port.
    pub name: String,
    /// Who is to be at the other end; `None` where TLS is not needed.
    pub whom: Option<Whom>,
}

/// That nobody vouches for the server; inside an error of input and output.
#[derive(Debug)]
pub struct Untrusted(String);

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host there cannot be recognised: {}", self.0)
    }
}

impl std::error::Error for Untrusted {}

impl Address {
    /// Reads an address; one without TLS has to be on this machine.
    pub fn parse(url: &str, key: Option<Key>) -> Result<Address, Failure> {
        let url = url.trim_end_matches('/').to_owned();
        let wrong = || Failure::usage(format!("{url:?} is no address of a host"), format!("write it as {URL}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        if rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong());
        }
        let (host, has_port) = split(rest).ok_or_else(wrong)?;
        let name = if has_port { rest.to_owned() } else { format!("{rest}:{PORT}") };
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let whom = match (scheme, key) {
            ("https", Some(Key(key))) => Some(Whom::Key(key)),
            ("https", None) => Some(Whom::Vouched),
            ("http", Some(_)) => {
                return Err(Failure::usage("a key is shown over TLS only", "begin the address with https://"));
            }
            ("http", None) if is_here => None,
            ("http", None) => {
                let message =
                    format!("{url} is another machine, and the token would cross the network for everybody to read");
                return Err(Failure::usage(message, "begin the address with https://"));
            }
            _ => return Err(wrong()),
        };
        Ok(Address { name, whom, url })
    }

    /// A connection over TLS, to the first of the machine's addresses that takes one.
    pub fn connect(&self, whom: Whom, within: Duration) -> io::Result<Ready> {
        let host = split(&self.name).map_or("", |(host, _)| host);
        let mut last = io::Error::other("the name has no address");
        for address in self.name.to_socket_addrs()? {
            match secured::connect(address, host, whom, within) {
                Ok(ready) => return Ok(ready),
                Err(secured::Failure::Connect(error)) => last = error,
                Err(secured::Failure::Handshake(why)) => last = io::Error::other(format!("no TLS: {why}")),
                Err(secured::Failure::Untrusted(why)) => return Err(io::Error::other(Untrusted(why))),
            }
        }
        Err(last)
    }
}

/// The host without brackets, and whether a port follows it.
fn split(name: &str) -> Option<(&str, bool)> {
    match name.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, port)| (host, !port.is_empty())),
        None => Some(name.split_once(':').map_or((name, false), |(host, _)| (host, true))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cross_no_network_without_tls() {
        let here = "http://127.0.0.1:1689";
        for (url, expected) in [
            (here, Ok(None)),
            ("http://127.8.9.1", Ok(None)),
            ("http://localhost:1/", Ok(None)),
            ("http://[::1]:1689", Ok(None)),
            ("https://host.example", Ok(Some(Whom::Vouched))),
            ("https://192.0.2.1:1689", Ok(Some(Whom::Vouched))),
            ("http://host.example:1689", Err("another machine")),
            ("http://192.0.2.1", Err("another machine")),
            ("http://localhost.example", Err("another machine")),
            ("http://localhost@host.example", Err("no address")),
            ("http://", Err("no address")),
            ("https://host.example/api", Err("no address")),
            ("ftp://127.0.0.1", Err("no address")),
            ("127.0.0.1:1689", Err("no address")),
        ] {
            match (Address::parse(url, None), expected) {
                (Ok(address), Ok(whom)) => assert_eq!(address.whom, whom, "{url}"),
                (Err(said), Err(part)) => assert!(said.to_string().contains(part), "{url}: {said}"),
                (found, _) => panic!("{url}: {found:?}"),
            }
        }
        assert!("ab".repeat(31).parse::<Key>().is_err());
        let key: Key = ["aB"; 32].join(":").parse().unwrap();
        assert_eq!(Address::parse("https://h.example", Some(key)).unwrap().whom, Some(Whom::Key([0xab; 32])));
        assert!(Address::parse(here, Some(key)).is_err(), "a key that nobody shows");
    }

    #[test]
    fn a_port_that_is_not_given_is_that_of_administrators() {
        for (url, name) in [
            ("https://host.example", "host.example:1689"),
            ("https://[2001:db8::1]", "[2001:db8::1]:1689"),
            ("https://[2001:db8::1]:9", "[2001:db8::1]:9"),
            ("https://host.example:443", "host.example:443"),
        ] {
            assert_eq!(Address::parse(url, None).unwrap().name, name);
        }
    }
}
