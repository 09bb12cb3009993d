//! `keymuster-host client-token`: a file that is left on machines, so that their products find this host, or its domain,
//! without code (`docs/spec/client-tokens.md`). Writes nothing but the file's text.
//!
//! It holds no secret, and names the publisher's keys and the customer, so that a product can see that it is meant and whose
//! hosts it is to believe.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use keymuster_core::client_token::{ClientToken, TokenSetting};
use keymuster_core::id::Slug;
use keymuster_service::exit::Usage;

use super::status::open_read_only;
use super::{choose_publisher, print};
use crate::dns::DnsName;
use crate::settings::{HostSettings, PORT_BUILT_IN};
use crate::site::{Publisher, Site};
use crate::views::dns::configured;

/// More hosts or domains a client does not ask.
const NAMES_MAX: usize = 6;

/// Options of `client-token`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher whose products it is for, where this host has several.
    #[arg(long)]
    publisher: Option<Slug>,
    /// The one edition that it is for, and not all of the publisher's.
    #[arg(long)]
    edition: Option<Slug>,
    /// A host that is asked, and no other; may be given several times, the first choice first.
    #[arg(long = "host", value_name = "HOST[:PORT]", value_parser = host)]
    hosts: Vec<String>,
    /// A domain in which hosts are looked for; may be given several times.
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<DnsName>,
}

/// `HOST`, `HOST:PORT`, or the same with an IP address, as a client reads it.
fn host(text: &str) -> Result<String, String> {
    let expected = || "expected a host, such as kms.example.com, kms.example.com:1688 or [2001:db8::1]:1688".to_owned();
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address.to_string());
    }
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, PORT_BUILT_IN).to_string());
    }
    let (name, port) = text.split_once(':').unwrap_or((text, "1688"));
    let name: DnsName = name.parse().map_err(|_| expected())?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(expected)?;
    Ok(format!("{name}:{port}"))
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let mut db = open_read_only(data_dir)?;
    let tx = db.transaction()?;
    let (site, settings) = (Site::load(&tx)?, HostSettings::load(&tx)?);
    drop(tx);
    let held = &site.publishers[choose_publisher(&site, options.publisher.as_ref())?];
    if let Some(edition) = options.edition.as_ref().filter(|id| held.catalogue.edition_named(id.as_str()).is_none()) {
        return Err(Usage(format!("{} has no edition {edition}", held.trust.publisher)).into());
    }
    let (mut hosts, mut domains) = (options.hosts.clone(), options.domains.clone());
    if hosts.is_empty() && domains.is_empty() {
        let configured = configured(data_dir)?;
        match (settings.dns.why_not(), configured.target.filter(DnsName::is_qualified)) {
            (None, _) => domains = configured.zones.into_iter().map(|zone| zone.name).collect(),
            (Some(_), Some(target)) => hosts.push(format!("{target}:{}", configured.port)),
            (Some(_), None) => {
                let what = "say where machines find this host: --domain example.com or --host kms.example.com";
                return Err(Usage(what.to_owned()).into());
            }
        }
    }
    hosts.truncate(NAMES_MAX);
    domains.truncate(NAMES_MAX);
    let domains: Vec<String> = domains.iter().map(DnsName::to_string).collect();
    print(&token(held, options.edition.clone(), &hosts, &domains).to_string())
}

fn token(held: &Publisher, edition: Option<Slug>, hosts: &[String], domains: &[String]) -> ClientToken {
    let mut customers: Vec<String> =
        held.entitlements.iter().map(|granted| granted.entitlement.customer.to_string()).collect();
    customers.dedup();
    // A host that is not entitled yet knows no customer, and one with keys of several would shut one of them out.
    let customer = if customers.len() == 1 { customers.concat() } else { String::new() };
    let entries = [("customer", customer), ("host", hosts.join(",")), ("domain", domains.join(","))];
    let set = entries.into_iter().filter(|(_, value)| !value.is_empty());
    let settings = set.map(|(name, value)| TokenSetting { name, value, line: 0 }).collect();
    ClientToken { publisher: held.trust.publisher.clone(), edition, roots: held.trust.roots.clone(), settings }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_written_as_clients_read_them() {
        for (text, expected) in [
            ("KMS.example.com", Some("kms.example.com:1688")),
            ("kms.example.com:1700", Some("kms.example.com:1700")),
            ("192.0.2.7", Some("192.0.2.7:1688")),
            ("192.0.2.7:1700", Some("192.0.2.7:1700")),
            ("2001:db8::7", Some("[2001:db8::7]:1688")),
            ("[2001:db8::7]", Some("[2001:db8::7]:1688")),
            ("[2001:db8::7]:1700", Some("[2001:db8::7]:1700")),
            ("kms.example.com:0", None),
            ("kms example", None),
            ("", None),
        ] {
            assert_eq!(host(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
