//! The settings of the host itself, typed, as the server follows them.

use std::net::SocketAddr;
use std::path::PathBuf;

use keymuster_service::database::Failure;
use rusqlite::Transaction;

use super::form::{NotAValue, Value, Zone};
use super::{DNS_KEY_FILE, DNS_PRIORITY, DNS_PUBLISHING, DNS_SERVER, DNS_TARGET, DNS_WEIGHT, DNS_ZONES, PORT};
use super::{SETTINGS, Setting, machine};
use crate::store;
use crate::store::setting::Stored;

/// The port on which clients reach a host whose administrator chose none.
pub const PORT_BUILT_IN: u16 = 1688;

/// What was chosen for the host itself; what is `None` was not chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostSettings {
    /// The port on which clients reach it.
    pub port: Option<u16>,
    /// How it publishes itself.
    pub dns: Dns,
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
}

impl HostSettings {
    /// Reads what was chosen.
    pub fn load(tx: &Transaction<'_>) -> Result<HostSettings, Failure> {
        let stored = store::setting::of(tx, store::setting::HOST)?;
        let mut settings = HostSettings::default();
        for setting in &SETTINGS {
            if let Some(stored) = stored.get(setting.name) {
                settings.take(setting.name, read(setting, setting.name, stored)?);
            }
        }
        Ok(settings)
    }

    fn take(&mut self, name: &str, value: Value) {
        let dns = &mut self.dns;
        match (name, value) {
            (PORT, Value::Number(port)) => self.port = u16::try_from(port).ok(),
            (DNS_PUBLISHING, Value::Switch(is_on)) => dns.publishing = Some(is_on),
            (DNS_ZONES, Value::Zones(zones)) => dns.zones = zones,
            (DNS_PRIORITY, Value::Number(priority)) => dns.priority = u16::try_from(priority).ok(),
            (DNS_WEIGHT, Value::Number(weight)) => dns.weight = u16::try_from(weight).ok(),
            (DNS_SERVER, Value::Server(server)) => dns.server = Some(server),
            (DNS_KEY_FILE, Value::Text(path)) => dns.key_file = Some(path.into()),
            (DNS_TARGET, Value::Text(target)) => dns.target = Some(target),
            // Leases carry the help page; the server itself does nothing with it.
            _ => {}
        }
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
pub(crate) fn read(setting: &'static Setting, name: &str, stored: &Stored) -> Result<Value, Failure> {
    let damaged = |why: String| Failure::damaged("setting", "value", name, why);
    setting.form.read(setting.name, &stored.value).map_err(|error| match error {
        NotAValue::Malformed(why) => damaged(why),
        NotAValue::OutOfRange(refusal) => damaged(refusal.to_string()),
    })
}
