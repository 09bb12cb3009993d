//! The settings of the host itself, typed, as the server follows them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;

use super::form::{NotAValue, Value, Zone};
use super::{ACME_DIRECTORY, ACME_NAME, HISTORY_DAYS, TLS, TLS_12, TLS_CERTIFICATE_FILE, TLS_KEY_FILE};
use super::{DNS_ADDRESSES, DNS_REMOVE_ON_STOP};
use super::{DNS_KEY_FILE, DNS_PRIORITY, DNS_PUBLISHING, DNS_SERVER, DNS_TARGET, DNS_WEIGHT, DNS_ZONES, PORT};
use super::{SETTINGS, Setting, machine};
use crate::store;

/// The port on which clients reach a host whose administrator chose none.
pub const PORT_BUILT_IN: u16 = 1688;
/// For how many days a host keeps the past whose administrator chose nothing: as long as a budget or two.
pub const HISTORY_DAYS_BUILT_IN: u64 = 730;

/// What is given or chosen for the host itself; what is `None` is neither.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostSettings {
    /// The port on which clients reach it.
    pub port: Option<u16>,
    /// How it publishes itself.
    pub dns: Dns,
    /// How it speaks TLS.
    pub tls: TlsSettings,
    /// For how many days it keeps the past.
    pub history_days: Option<u64>,
}

/// How a host speaks TLS.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsSettings {
    /// What clients may do.
    pub policy: TlsPolicy,
    /// Whether TLS 1.2 is spoken as well.
    pub is_12_spoken: bool,
    /// The administrator's certificate.
    pub certificate_file: Option<PathBuf>,
    /// Its key, where that is in a file of its own.
    pub key_file: Option<PathBuf>,
    /// Where a certificate is ordered.
    pub acme_directory: Option<String>,
    /// For which name.
    pub acme_name: Option<String>,
}

/// What clients may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TlsPolicy {
    /// Use TLS or not.
    #[default]
    Offer,
    /// Use TLS.
    Require,
    /// Not use TLS.
    Off,
}

/// How a host publishes itself in DNS.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dns {
    /// Whether it does.
    pub publishing: Option<bool>,
    /// Where.
    pub zones: Vec<Zone>,
    /// The priority in zones that name none.
    pub priority: Option<u16>,
    /// The weight in zones that name none.
    pub weight: Option<u16>,
    /// The name server that takes the updates.
    pub server: Option<SocketAddr>,
    /// The file with the key that signs them.
    pub key_file: Option<PathBuf>,
    /// The host name that the records lead to.
    pub target: Option<String>,
    /// What is entered for that name.
    pub addresses: Addresses,
    /// Whether the records go when the host is stopped.
    pub is_removed_on_stop: bool,
}

/// The addresses that a host enters for its own name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Addresses {
    /// None: others look after them.
    #[default]
    Off,
    /// Those of the machine.
    Auto,
    /// These.
    These(Vec<IpAddr>),
}

impl HostSettings {
    /// Reads what is given or was chosen.
    pub fn load(tx: &Transaction<'_>) -> Result<HostSettings, Failure> {
        let values = store::setting::values(tx, store::setting::HOST)?;
        let mut settings = HostSettings::default();
        for setting in &SETTINGS {
            if let Some(value) = values.get(setting.name) {
                settings.take(setting.name, read(setting, setting.name, value)?);
            }
        }
        Ok(settings)
    }

    /// For how many days it keeps the past.
    pub fn history_days(&self) -> u64 {
        self.history_days.unwrap_or(HISTORY_DAYS_BUILT_IN)
    }

    fn take(&mut self, name: &str, value: Value) {
        let (dns, tls) = (&mut self.dns, &mut self.tls);
        match (name, value) {
            (PORT, Value::Number(port)) => self.port = u16::try_from(port).ok(),
            (DNS_PUBLISHING, Value::Switch(is_on)) => dns.publishing = Some(is_on),
            (DNS_ZONES, Value::Zones(zones)) => dns.zones = zones,
            (DNS_PRIORITY, Value::Number(priority)) => dns.priority = u16::try_from(priority).ok(),
            (DNS_WEIGHT, Value::Number(weight)) => dns.weight = u16::try_from(weight).ok(),
            (DNS_SERVER, Value::Server(server)) => dns.server = Some(server),
            (DNS_KEY_FILE, Value::Text(path)) => dns.key_file = Some(path.into()),
            (DNS_TARGET, Value::Text(target)) => dns.target = Some(target),
            (DNS_ADDRESSES, Value::Text(addresses)) => dns.addresses = Addresses::named(&addresses),
            (DNS_REMOVE_ON_STOP, Value::Switch(is_on)) => dns.is_removed_on_stop = is_on,
            (TLS, Value::Text(policy)) => tls.policy = TlsPolicy::named(&policy),
            (TLS_12, Value::Switch(is_on)) => tls.is_12_spoken = is_on,
            (TLS_CERTIFICATE_FILE, Value::Text(path)) => tls.certificate_file = Some(path.into()),
            (TLS_KEY_FILE, Value::Text(path)) => tls.key_file = Some(path.into()),
            (ACME_DIRECTORY, Value::Text(url)) => tls.acme_directory = Some(url),
            (ACME_NAME, Value::Text(name)) => tls.acme_name = Some(name),
            (HISTORY_DAYS, Value::Number(days)) => self.history_days = Some(days),
            // Leases carry the help page; the server itself does nothing with it.
            _ => {}
        }
    }
}

impl Addresses {
    /// The addresses of a value of the setting.
    pub fn named(words: &str) -> Addresses {
        match words {
            "auto" => Addresses::Auto,
            // What is stored was read by the form, which takes addresses alone.
            list => {
                let addresses: Vec<IpAddr> = list.split(',').filter_map(|address| address.parse().ok()).collect();
                if addresses.is_empty() { Addresses::Off } else { Addresses::These(addresses) }
            }
        }
    }
}

impl TlsPolicy {
    /// The policy of a value of the setting.
    pub fn named(name: &str) -> TlsPolicy {
        match name {
            "require" => TlsPolicy::Require,
            "off" => TlsPolicy::Off,
            _ => TlsPolicy::Offer,
        }
    }

    /// As it is set.
    pub fn name(self) -> &'static str {
        match self {
            TlsPolicy::Offer => "offer",
            TlsPolicy::Require => "require",
            TlsPolicy::Off => "off",
        }
    }
}

impl TlsSettings {
    /// The files of the administrator's certificate and of its key, where there is a certificate.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        let certificate = self.certificate_file.as_deref()?;
        Some((certificate, self.key_file.as_deref().unwrap_or(certificate)))
    }

    /// The ACME server where a certificate is ordered, and for which name, where there is one; a certificate file counts
    /// before it.
    pub fn acme(&self) -> Option<(&str, Option<String>)> {
        let directory = self.acme_directory.as_deref().filter(|_| self.certificate_file.is_none())?;
        Some((directory, self.acme_name.clone().or_else(machine::full_name)))
    }
}

impl Dns {
    /// Whether there is a zone to write to and a key to sign with.
    pub fn can_publish(&self) -> bool {
        !self.zones.is_empty() && self.key_file.is_some()
    }

    /// Whether the host publishes itself, if it can.
    pub fn is_publishing(&self) -> bool {
        self.publishing.unwrap_or_else(|| self.can_publish())
    }

    /// The host name that the records lead to.
    pub fn target(&self) -> Option<String> {
        self.target.clone().or_else(machine::full_name)
    }

    /// Why nothing is published, where nothing is.
    pub fn why_not(&self) -> Option<String> {
        if self.publishing == Some(false) {
            return Some("nothing is published, because it was turned off".to_owned());
        }
        let needed = [
            (DNS_ZONES, self.zones.is_empty()),
            (DNS_KEY_FILE, self.key_file.is_none()),
            (DNS_TARGET, self.target().is_none()),
        ];
        let missing: Vec<&str> = needed.iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| *name).collect();
        (!missing.is_empty()).then(|| format!("nothing is published until this is set: {}", missing.join(", ")))
    }
}

/// A stored value; one that this program would not have stored is damage.
pub(crate) fn read(setting: &'static Setting, name: &str, value: &str) -> Result<Value, Failure> {
    let damaged = |why: String| Failure::damaged("setting", "value", name, why);
    setting.form.read(setting.name, value).map_err(|error| match error {
        NotAValue::Malformed(why) => damaged(why),
        NotAValue::OutOfRange(refusal) => damaged(refusal.to_string()),
    })
}
