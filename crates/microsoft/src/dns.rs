//! The `_vlmcs._tcp` records of domains: what is wrong with them, and what a client there would do, step by step.
//!
//! This module judges what was found and asks nobody. Whether a port is open was found by connecting alone; nothing is ever
//! sent to it, so an open port need not be an activation host.

mod judge;
mod walk;

use std::net::IpAddr;

pub use judge::{Finding, Grade, judge};
pub use walk::{Ending, Walk, walk};

/// The name that is asked for in a domain.
pub fn service(domain: &str) -> String {
    format!("_vlmcs._tcp.{}", domain.trim_matches('.'))
}

/// A domain, and what DNS says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DomainSeen {
    /// Its name.
    pub domain: String,
    /// The records; or why no name server said.
    pub records: Result<Vec<Record>, String>,
}

/// A record, and what is behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The smaller comes first.
    pub priority: u16,
    /// Within a priority, one with twice the weight is asked first twice as often.
    pub weight: u16,
    /// The host's name.
    pub target: String,
    /// The port.
    pub port: u16,
    /// Its addresses, and what came of connecting to each; or why they are not known.
    pub addresses: Result<Vec<(IpAddr, Reach)>, String>,
}

/// What came of connecting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// A connection stood.
    Open,
    /// The machine says that nothing listens there.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// The port belongs to other services, at which nobody is to knock because of a record.
    NotTried,
    /// The network says why not.
    Failed(String),
}

impl Record {
    /// Whether some address could be connected to.
    pub fn is_reached(&self) -> bool {
        self.addresses.as_ref().is_ok_and(|all| all.iter().any(|(_, reach)| *reach == Reach::Open))
    }

    /// The host with its port.
    pub fn place(&self) -> String {
        format!("{}:{}", self.target, self.port)
    }
}

impl Reach {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Reach::Open => "the port is open".to_owned(),
            Reach::Refused => "nothing listens on the port".to_owned(),
            Reach::Silent => "no connection in time".to_owned(),
            Reach::NotTried => "not tried: the port belongs to other services".to_owned(),
            Reach::Failed(why) => why.clone(),
        }
    }
}

impl DomainSeen {
    /// The records; none where no name server said.
    pub fn known(&self) -> &[Record] {
        self.records.as_deref().unwrap_or_default()
    }

    /// The answer as nslookup shows it.
    pub fn nslookup(&self) -> String {
        let name = service(&self.domain);
        match &self.records {
            Err(why) => format!("*** can't find {name}: {why}\n"),
            Ok(records) if records.is_empty() => format!("*** can't find {name}: no SRV record\n"),
            Ok(records) => {
                let mut text = String::new();
                for record in records {
                    text += &format!(
                        "{name}\tSRV service location:\n          priority       = {}\n          weight         = {}\n\
                         \u{20}         port           = {}\n          svr hostname   = {}\n",
                        record.priority, record.weight, record.port, record.target
                    );
                }
                for record in records {
                    for (address, _) in record.addresses.as_deref().unwrap_or_default() {
                        let kind = if address.is_ipv4() { "internet address" } else { "AAAA IPv6 address" };
                        text += &format!("{}\t{kind} = {address}\n", record.target);
                    }
                }
                text
            }
        }
    }
}

#[cfg(test)]
mod samples {
    use super::*;

    pub fn record(target: &str, reach: Reach) -> Record {
        let address = IpAddr::from([10, 0, 0, target.as_bytes().get(3).copied().unwrap_or_default()]);
        Record { priority: 0, weight: 0, target: target.to_owned(), port: 1688, addresses: Ok(vec![(address, reach)]) }
    }

    pub fn domain(name: &str, records: Vec<Record>) -> DomainSeen {
        DomainSeen { domain: name.to_owned(), records: Ok(records) }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{domain, record};
    use super::*;

    #[test]
    fn records_are_shown_as_nslookup_does() {
        let seen = domain("a.example", vec![record("kms1.a.example", Reach::Open)]);
        let expected = "\
_vlmcs._tcp.a.example\tSRV service location:
          priority       = 0
          weight         = 0
          port           = 1688
          svr hostname   = kms1.a.example
kms1.a.example\tinternet address = 10.0.0.49
";
        assert_eq!(seen.nslookup(), expected);
        assert_eq!(domain("b.example", vec![]).nslookup(), "*** can't find _vlmcs._tcp.b.example: no SRV record\n");
    }
}
