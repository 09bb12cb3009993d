//! The value of a setting: read from a command line or from JSON, written as either.

use std::fmt;
use std::net::SocketAddr;

use keymuster_core::duration::Duration;
use keymuster_core::id::{Label, Slug, is_page};
use keymuster_core::time::duration_words;
use serde_json::Value as Json;

use super::address::name_server;
use super::{HostAddress, Setting};
use crate::error::Error;

/// The value of a [`Setting`]. It prints as it is typed, and lengths of time in their largest unit.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SettingValue {
    /// Hosts.
    Hosts(Vec<HostAddress>),
    /// DNS domains.
    Domains(Vec<String>),
    /// Name servers.
    Servers(Vec<SocketAddr>),
    /// A customer.
    Customer(Slug),
    /// On or off.
    Switch(bool),
    /// A length of time in seconds.
    Secs(u64),
    /// By what the product may be activated.
    Ways(Ways),
    /// The address of a page.
    Page(Label),
}

/// By what a product may be activated on a machine.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ways {
    /// By a host or by a MAK, as the installed key has it.
    #[default]
    Any,
    /// By a host alone.
    Host,
    /// By a MAK alone.
    Mak,
}

/// More hosts are not set by hand, as more are not asked in one attempt.
const HOSTS_MAX: usize = 6;
/// More domains are not searched.
pub(crate) const DOMAINS_MAX: usize = 6;
/// More name servers are not asked, as in the system's own resolver.
pub(crate) const SERVERS_MAX: usize = 3;
/// The longest name that DNS has.
const DOMAIN_CHARS_MAX: usize = 253;
/// The longest part of one.
const LABEL_CHARS_MAX: usize = 63;

impl Setting {
    /// Reads a value as it is typed: lists with commas, `on` and `off`, lengths of time with a unit.
    pub fn parse_value(self, text: &str) -> Result<SettingValue, Error> {
        let value = self.read(text.trim());
        value.ok_or_else(|| Error::Setting { name: self.name(), value: text.to_owned(), expected: self.expects() })
    }

    fn read(self, text: &str) -> Option<SettingValue> {
        let entries = || text.split([',', ' ']).filter(|entry| !entry.is_empty());
        match self {
            Setting::Host => hosts(entries()),
            Setting::Domain => domains(entries()),
            Setting::Dns => servers(entries()),
            Setting::Caching | Setting::SendName => match text {
                "on" => Some(SettingValue::Switch(true)),
                "off" => Some(SettingValue::Switch(false)),
                _ => None,
            },
            _ => self.read_text(text),
        }
    }

    /// Reads a value of the settings file.
    pub(super) fn read_json(self, json: &Json) -> Option<SettingValue> {
        match (self, json) {
            (Setting::Host, Json::Array(entries)) => hosts(texts(entries)?.into_iter()),
            (Setting::Domain, Json::Array(entries)) => domains(texts(entries)?.into_iter()),
            (Setting::Dns, Json::Array(entries)) => servers(texts(entries)?.into_iter()),
            (Setting::Caching | Setting::SendName, Json::Bool(on)) => Some(SettingValue::Switch(*on)),
            (_, Json::String(text)) => self.read_text(text),
            _ => None,
        }
    }

    /// What is one text on a command line and in JSON.
    fn read_text(self, text: &str) -> Option<SettingValue> {
        Some(match self {
            Setting::Host => hosts([text].into_iter())?,
            Setting::Customer => SettingValue::Customer(text.parse().ok()?),
            Setting::ActivationInterval | Setting::RenewalInterval => {
                SettingValue::Secs(text.parse::<Duration>().ok()?.as_secs())
            }
            Setting::Way => SettingValue::Ways(match text {
                "any" => Ways::Any,
                "host" => Ways::Host,
                "mak" => Ways::Mak,
                _ => return None,
            }),
            Setting::HelpUrl => SettingValue::Page(text.parse().ok().filter(is_page)?),
            Setting::Domain | Setting::Dns | Setting::Caching | Setting::SendName => return None,
        })
    }

    /// What a value of the settings file may be.
    pub(super) fn expects_json(self) -> String {
        match self {
            Setting::Domain | Setting::Dns => format!("a list of texts: {}", self.expects()),
            Setting::Host => format!("a text or a list of texts: {}", self.expects()),
            Setting::Caching | Setting::SendName => "true or false".to_owned(),
            _ => format!("a text: {}", self.expects()),
        }
    }
}

impl SettingValue {
    /// The seconds, for a length of time.
    pub fn secs(&self) -> Option<u64> {
        match self {
            SettingValue::Secs(secs) => Some(*secs),
            _ => None,
        }
    }

    /// The value as it stands in the settings file.
    pub fn to_json(&self) -> Json {
        match self {
            SettingValue::Switch(on) => Json::Bool(*on),
            SettingValue::Hosts(hosts) if hosts.len() > 1 => hosts.iter().map(ToString::to_string).collect(),
            SettingValue::Domains(domains) => domains.iter().map(String::as_str).collect(),
            SettingValue::Servers(servers) => servers.iter().map(ToString::to_string).collect(),
            other => Json::String(other.to_string()),
        }
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Hosts(hosts) => {
                f.write_str(&hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
            }
            SettingValue::Customer(customer) => customer.fmt(f),
            SettingValue::Domains(domains) => f.write_str(&domains.join(",")),
            SettingValue::Servers(servers) => {
                let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
                f.write_str(&servers.join(","))
            }
            SettingValue::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            SettingValue::Secs(secs) => f.write_str(&duration_words(*secs)),
            SettingValue::Ways(ways) => ways.fmt(f),
            SettingValue::Page(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ways::Any => "any",
            Ways::Host => "host",
            Ways::Mak => "mak",
        })
    }
}

fn texts(entries: &[Json]) -> Option<Vec<&str>> {
    entries.iter().map(Json::as_str).collect()
}

fn hosts<'a>(entries: impl Iterator<Item = &'a str>) -> Option<SettingValue> {
    let hosts = entries.map(|entry| entry.parse().ok()).collect::<Option<Vec<HostAddress>>>()?;
    (1..=HOSTS_MAX).contains(&hosts.len()).then_some(SettingValue::Hosts(hosts))
}

fn domains<'a>(entries: impl Iterator<Item = &'a str>) -> Option<SettingValue> {
    let domains = entries.map(domain).collect::<Option<Vec<_>>>()?;
    (1..=DOMAINS_MAX).contains(&domains.len()).then_some(SettingValue::Domains(domains))
}

/// A domain in the one form in which it is asked for; `None` for what is none.
pub(crate) fn domain(text: &str) -> Option<String> {
    let domain = text.trim_matches('.').to_ascii_lowercase();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_domain = domain.len() <= DOMAIN_CHARS_MAX
        && domain.chars().all(is_plain)
        && domain.split('.').all(|label| (1..=LABEL_CHARS_MAX).contains(&label.len()));
    is_domain.then_some(domain)
}

fn servers<'a>(entries: impl Iterator<Item = &'a str>) -> Option<SettingValue> {
    let servers = entries.map(name_server).collect::<Option<Vec<_>>>()?;
    (1..=SERVERS_MAX).contains(&servers.len()).then_some(SettingValue::Servers(servers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_print_and_survive_json() {
        use Setting::{ActivationInterval, Caching, Customer, Dns, Domain, HelpUrl, Host, SendName, Way};
        for (setting, text, expected) in [
            (Host, "kms.example", Some("kms.example:1688")),
            (Host, "kms/x", None),
            (Host, "kms-a, [::1]:1700", Some("kms-a:1688,[::1]:1700")),
            (Host, "a,b,c,d,e,f,g", None),
            (Host, "kms-a,:1", None),
            (Host, "", None),
            (Customer, "muster-works", Some("muster-works")),
            (Customer, "Muster Works", None),
            (Domain, "Corp.Example., eu.corp.example", Some("corp.example,eu.corp.example")),
            (Domain, "a,b,c,d,e,f", Some("a,b,c,d,e,f")),
            (Domain, "a,b,c,d,e,f,g", None),
            (Domain, "a..b", None),
            (Domain, "a/b", None),
            (Domain, "", None),
            (Dns, "10.0.0.53,[::1]:5353", Some("10.0.0.53:53,[::1]:5353")),
            (Dns, "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4", None),
            (Dns, "ns.example", None),
            (Caching, "off", Some("off")),
            (Caching, "no", None),
            (SendName, "on", Some("on")),
            (ActivationInterval, "90m", Some("90 minutes")),
            (ActivationInterval, "120 minutes", Some("2 hours")),
            (ActivationInterval, "120", None),
            (ActivationInterval, "0 days", None),
            (Way, "mak", Some("mak")),
            (Way, "2", None),
            (HelpUrl, "https://help.example/a", Some("https://help.example/a")),
            (HelpUrl, "ftp://help.example", None),
            (HelpUrl, "https://a b", None),
        ] {
            let value = setting.parse_value(text);
            let printed = value.as_ref().ok().map(ToString::to_string);
            assert_eq!(printed.as_deref(), expected, "{setting} {text:?}");
            if let Ok(value) = value {
                assert_eq!(setting.read_json(&value.to_json()).as_ref(), Some(&value), "{setting} {text:?} in JSON");
            }
        }
    }

    #[test]
    fn json_has_types() {
        for (setting, json) in [
            (Setting::Host, "1"),
            (Setting::Host, "null"),
            (Setting::Host, "[]"),
            (Setting::Host, r#""kms-a,kms-b""#),
            (Setting::Customer, "1"),
            (Setting::Domain, r#""corp.example""#),
            (Setting::Domain, "[]"),
            (Setting::Domain, r#"["a", 1]"#),
            (Setting::Caching, r#""on""#),
            (Setting::ActivationInterval, "7200"),
            (Setting::Way, "true"),
            (Setting::HelpUrl, "{}"),
        ] {
            assert_eq!(setting.read_json(&serde_json::from_str(json).unwrap()), None, "{setting} {json}");
        }
    }
}
