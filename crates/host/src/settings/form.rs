//! What the value of a setting looks like: read from the words of people or of the database, and shown in the same words.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use keymuster_core::catalogue::{Interval, Policy};
use keymuster_core::duration::parse_secs;
use keymuster_core::id::{Label, is_page};
use keymuster_core::refusal::Refusal;
use keymuster_core::time::duration_words;
use serde_json::{Value as Json, json};

use crate::dns::{ADDRESSES_MAX, DnsName, is_reachable};

/// The most zones that one host publishes itself in: each is updated daily and has a line in the status.
const ZONES_MAX: usize = 64;
/// The port of name servers.
const DNS_PORT: u16 = 53;

/// What values look like.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A length of time, in the range that the publisher signed.
    Interval(fn(&Policy) -> Interval),
    /// A number of clients, from the publisher's own upwards.
    Threshold,
    /// A whole number within this range.
    Number {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// On or off.
    Switch,
    /// The address of a page.
    Page,
    /// DNS zones.
    Zones,
    /// A name server.
    Server,
    /// The file with the key by which a name server knows the host.
    KeyFile,
    /// Any other file.
    File,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// The full name of a machine.
    HostName,
    /// Addresses under which others reach this machine, or a word for none or all.
    Addresses,
}

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A length of time, in seconds.
    Secs(u64),
    /// A number.
    Number(u64),
    /// On or off.
    Switch(bool),
    /// Anything that is a text to programs as well.
    Text(String),
    /// DNS zones.
    Zones(Vec<Zone>),
    /// A name server.
    Server(SocketAddr),
}

/// A DNS zone in which a host publishes itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Its name, without a dot at the end.
    pub name: String,
    /// The priority of the host's records, where it has its own here.
    pub priority: Option<u16>,
    /// Their weight, where they have their own here; then there is a priority as well.
    pub weight: Option<u16>,
}

/// Why a text is no value of a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotAValue {
    /// It is nothing of the kind; says what is expected.
    Malformed(String),
    /// It is outside the range of the setting itself.
    OutOfRange(Refusal),
}

impl Form {
    /// The value that a text stands for; `name` is the setting's, for the refusal. The publisher's ranges are not checked.
    pub fn read(&self, name: &'static str, text: &str) -> Result<Value, NotAValue> {
        let text = text.trim();
        let value = match self {
            Form::Interval(_) => parse_secs(text).map(Value::Secs),
            Form::Threshold => number(text).map(Value::Number),
            Form::Number { min, max } => match number(text) {
                Some(value) if !(*min..=*max).contains(&value) => {
                    let (min, max) = (*min, *max);
                    return Err(NotAValue::OutOfRange(Refusal::SettingOutOfRange { name, value, min, max }));
                }
                number => number.map(Value::Number),
            },
            Form::Switch => match text {
                "on" => Some(Value::Switch(true)),
                "off" => Some(Value::Switch(false)),
                _ => None,
            },
            Form::Page => text.parse::<Label>().ok().filter(is_page).map(|page| Value::Text(page.to_string())),
            Form::Zones => zones(text).map(Value::Zones),
            Form::Server => server(text).map(Value::Server),
            Form::KeyFile | Form::File => Path::new(text).is_absolute().then(|| Value::Text(text.to_owned())),
            Form::OneOf(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Form::Addresses => addresses(text).map(Value::Text),
            Form::HostName => domain(text).filter(|name| name.contains('.')).map(Value::Text),
        };
        value.ok_or_else(|| NotAValue::Malformed(self.expected(text)))
    }

    /// What its values look like, in words.
    pub fn words(&self) -> String {
        match self {
            Form::Interval(_) => "a whole number and a unit, such as 90m, 12h, 7d or 604800s".to_owned(),
            Form::Threshold => "a number of clients".to_owned(),
            Form::Number { min, max } => format!("a whole number from {min} to {max}"),
            Form::Switch => "on or off".to_owned(),
            Form::Page => "an address that begins with https:// or http://, of at most 128 bytes".to_owned(),
            Form::Zones => {
                format!("1 to {ZONES_MAX} zones ZONE[:PRIORITY[:WEIGHT]], such as example.com,lab.example.com:10:5")
            }
            Form::Server => "ADDRESS or ADDRESS:PORT, an IPv6 address with a port in brackets".to_owned(),
            Form::KeyFile | Form::File => "the path of a file, from the root directory on".to_owned(),
            Form::OneOf(words) => one_of(words),
            Form::HostName => "a full host name, such as host.example.com".to_owned(),
            Form::Addresses => format!(
                "off, auto, or 1 to {ADDRESSES_MAX} addresses that other machines reach, such as 192.0.2.7,2001:db8::7"
            ),
        }
    }

    /// The same in few words.
    pub fn short_words(&self) -> String {
        match self {
            Form::Interval(_) => "a length of time".to_owned(),
            Form::Number { min, max } => format!("{min} to {max}"),
            Form::Page => "https://… or http://…".to_owned(),
            Form::Zones => "ZONE[:PRIORITY[:WEIGHT]],…".to_owned(),
            Form::Server => "ADDRESS[:PORT]".to_owned(),
            Form::KeyFile | Form::File => "/PATH/OF/A/FILE".to_owned(),
            Form::HostName => "HOST.DOMAIN".to_owned(),
            Form::Addresses => "off, auto or ADDRESS,…".to_owned(),
            Form::Threshold | Form::Switch | Form::OneOf(_) => self.words(),
        }
    }

    fn expected(&self, found: &str) -> String {
        let is_bare = matches!(self, Form::Interval(_)) && number(found).is_some();
        let hint = if is_bare { format!("; minutes, as slmgr takes them, are {found}m") } else { String::new() };
        format!("expected {}{hint}", self.words())
    }
}

impl Value {
    /// The value for programs: a length of time in seconds, a list as such.
    pub fn json(&self) -> Json {
        match self {
            Value::Secs(number) | Value::Number(number) => json!(number),
            Value::Switch(is_on) => json!(is_on),
            Value::Zones(zones) => zones.iter().map(Zone::to_string).collect(),
            Value::Text(_) | Value::Server(_) => json!(self.to_string()),
        }
    }
}

/// In the words by which it is stored, shown and read again.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Secs(secs) => f.pad(&duration_words(*secs)),
            Value::Number(number) => number.fmt(f),
            Value::Switch(is_on) => f.pad(if *is_on { "on" } else { "off" }),
            Value::Text(text) => f.pad(text),
            Value::Zones(zones) => f.pad(&zones.iter().map(Zone::to_string).collect::<Vec<_>>().join(",")),
            Value::Server(address) if address.port() == DNS_PORT => f.pad(&address.ip().to_string()),
            Value::Server(address) => f.pad(&address.to_string()),
        }
    }
}

/// As it is written in the list.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        [self.priority, self.weight].iter().flatten().try_for_each(|number| write!(f, ":{number}"))
    }
}

/// A number in digits. One that is too large for any range is the largest there is, so that it is refused by its range.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// `a, b or c`.
fn one_of(words: &[&str]) -> String {
    let (last, others) = words.split_last().expect("there is something to choose from");
    format!("{} or {last}", others.join(", "))
}

fn zones(text: &str) -> Option<Vec<Zone>> {
    let items = text.split([',', ' ']).filter(|item| !item.is_empty());
    let zones: Vec<Zone> = items.map(zone).collect::<Option<_>>()?;
    let is_unique = |place: usize| zones[..place].iter().all(|other| other.name != zones[place].name);
    ((1..=ZONES_MAX).contains(&zones.len()) && (0..zones.len()).all(is_unique)).then_some(zones)
}

fn zone(text: &str) -> Option<Zone> {
    let mut parts = text.split(':');
    let name = domain(parts.next()?)?;
    let mut own =
        || parts.next().map(|number| number.parse::<u16>().ok()).map_or(Some(None), |number| number.map(Some));
    let (priority, weight) = (own()?, own()?);
    parts.next().is_none().then_some(Zone { name, priority, weight })
}

fn server(text: &str) -> Option<SocketAddr> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    address.ok().or_else(|| text.parse().ok()).filter(|address| address.port() != 0)
}

/// `off`, `auto`, or addresses in the one form in which they are written, each once.
fn addresses(text: &str) -> Option<String> {
    if ["off", "auto"].contains(&text) {
        return Some(text.to_owned());
    }
    let items = text.split([',', ' ']).filter(|item| !item.is_empty());
    let addresses = items.map(|item| item.parse::<IpAddr>().ok().filter(|address| is_reachable(*address)));
    let addresses = addresses.collect::<Option<Vec<IpAddr>>>()?;
    let is_unique = |place: usize| !addresses[..place].contains(&addresses[place]);
    let is_sound = (1..=ADDRESSES_MAX).contains(&addresses.len()) && (0..addresses.len()).all(is_unique);
    is_sound.then(|| addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(","))
}

/// A name in the one form in which it is written.
fn domain(text: &str) -> Option<String> {
    text.parse::<DnsName>().ok().map(|name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Form = Form::Interval(|policy| policy.renew);
    const PORT: Form = Form::Number { min: 1, max: 65_535 };

    #[test]
    fn values_are_read_in_many_words_and_shown_in_one() {
        let long = format!("{}.example", "a".repeat(64));
        let page = format!("https://{}", "x".repeat(121));
        for (form, text, expected) in [
            (ANY, "7d", Some("7 days")),
            (ANY, " 7  days ", Some("7 days")),
            (ANY, "168h", Some("7 days")),
            (ANY, "90m", Some("90 minutes")),
            (ANY, "604801s", Some("604801 seconds")),
            (ANY, "0s", Some("0 seconds")),
            (ANY, "10080", None),
            (ANY, "-1d", None),
            (ANY, "a week", None),
            (ANY, "", None),
            (Form::Threshold, "40", Some("40")),
            (Form::Threshold, "040", Some("40")),
            (Form::Threshold, "forty", None),
            (Form::Threshold, "-40", None),
            (PORT, "1688", Some("1688")),
            (PORT, "+1688", None),
            (Form::Switch, "on", Some("on")),
            (Form::Switch, "off", Some("off")),
            (Form::Switch, "true", None),
            (Form::Page, "https://help.example/x", Some("https://help.example/x")),
            (Form::Page, "ftp://help.example", None),
            (Form::Page, "https://help.example/a b", None),
            (Form::Page, &page, None),
            (Form::Zones, "Example.COM.", Some("example.com")),
            (Form::Zones, "a.example:10, b.example:0:5 c.example", Some("a.example:10,b.example:0:5,c.example")),
            (Form::Zones, "_sites.example:65535:65535", Some("_sites.example:65535:65535")),
            (Form::Zones, "a.example:65536", None),
            (Form::Zones, "a.example:1:2:3", None),
            (Form::Zones, "a.example:", None),
            (Form::Zones, "a..example", None),
            (Form::Zones, "-a.example", None),
            (Form::Zones, "a.example,A.example:1", None),
            (Form::Zones, ",", None),
            (Form::Zones, &long, None),
            (Form::Server, "192.0.2.1", Some("192.0.2.1")),
            (Form::Server, "192.0.2.1:53", Some("192.0.2.1")),
            (Form::Server, "192.0.2.1:5353", Some("192.0.2.1:5353")),
            (Form::Server, "2001:db8::1", Some("2001:db8::1")),
            (Form::Server, "[2001:db8::1]:5353", Some("[2001:db8::1]:5353")),
            (Form::Server, "192.0.2.1:0", None),
            (Form::Server, "ns.example", None),
            (Form::KeyFile, "/etc/keymuster/dns key", Some("/etc/keymuster/dns key")),
            (Form::KeyFile, "dns.key", None),
            (Form::File, "/etc/keymuster/tls.pem", Some("/etc/keymuster/tls.pem")),
            (Form::File, "tls.pem", None),
            (Form::OneOf(&["offer", "require", "off"]), " require ", Some("require")),
            (Form::OneOf(&["offer", "require", "off"]), "Require", None),
            (Form::OneOf(&["offer", "require", "off"]), "", None),
            (Form::Addresses, "off", Some("off")),
            (Form::Addresses, "auto", Some("auto")),
            (Form::Addresses, "192.0.2.7, 2001:DB8::7", Some("192.0.2.7,2001:db8::7")),
            (Form::Addresses, "192.0.2.7 192.0.2.7", None),
            (Form::Addresses, "127.0.0.1", None),
            (Form::Addresses, "192.0.2.7,fe80::1", None),
            (Form::Addresses, "192.0.2.7:1688", None),
            (Form::Addresses, "on", None),
            (Form::Addresses, "", None),
            (Form::HostName, "Host.Example.com.", Some("host.example.com")),
            (Form::HostName, "host", None),
            (Form::HostName, "host.example.com:1688", None),
        ] {
            let value = form.read("x", text);
            assert_eq!(value.as_ref().ok().map(Value::to_string).as_deref(), expected, "{form:?} {text:?}");
            match value {
                Ok(value) => assert_eq!(form.read("x", &value.to_string()), Ok(value), "{text:?} as it is stored"),
                Err(error) => assert!(matches!(error, NotAValue::Malformed(_)), "{text:?}: {error:?}"),
            }
        }
    }

    #[test]
    fn numbers_outside_are_refused_with_the_range() {
        for (text, value) in [("0", 0), ("65536", 65_536), ("99999999999999999999", u64::MAX)] {
            let refusal = Refusal::SettingOutOfRange { name: "port", value, min: 1, max: 65_535 };
            assert_eq!(PORT.read("port", text), Err(NotAValue::OutOfRange(refusal)), "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_no_time_and_the_message_says_what_to_write() {
        let Err(NotAValue::Malformed(why)) = ANY.read("x", "10080") else { panic!("it was read") };
        assert!(why.contains("7d or 604800s; minutes, as slmgr takes them, are 10080m"), "{why}");
    }

    #[test]
    fn programs_read_numbers_and_lists() {
        for (form, text, expected) in [
            (ANY, "7d", json!(604_800)),
            (PORT, "1688", json!(1688)),
            (Form::Switch, "off", json!(false)),
            (Form::Zones, "a.example b.example:1", json!(["a.example", "b.example:1"])),
            (Form::Server, "192.0.2.1", json!("192.0.2.1")),
            (Form::HostName, "host.example", json!("host.example")),
        ] {
            assert_eq!(form.read("x", text).unwrap().json(), expected, "{text}");
        }
    }
}
