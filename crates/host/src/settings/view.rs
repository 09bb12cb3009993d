//! Every setting of a host with the value that counts, where it comes from, and what it may be.

use std::collections::BTreeMap;

use keymuster_core::catalogue::{Edition, Interval};
use keymuster_core::choice::{self, THRESHOLD_MAX};
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::Slug;
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::Timestamp;
use keymuster_service::config::SourceKind;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;

use super::form::{Form, Value};
use super::host::{HostSettings, PORT_BUILT_IN, TlsPolicy, read};
use super::{ACME_DIRECTORY, ACME_NAME, TLS, TLS_12, TLS_CERTIFICATE_FILE};
use super::{DNS_ADDRESSES, DNS_REMOVE_ON_STOP};
use super::{DNS_PRIORITY, DNS_PUBLISHING, DNS_TARGET, DNS_WEIGHT, PORT, SETTINGS, Scope, Setting, machine};
use crate::choices::HELP_URL;
use crate::configuration::LISTEN;
use crate::serving::Serving;
use crate::site::{Publisher, Site};
use crate::store;
use crate::store::setting::{self, Stored};

/// One setting, of the host or of one of its publishers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its name, an edition's included.
    pub name: String,
    /// The publisher; `None` for the host itself.
    pub publisher: Option<Slug>,
    /// The value that counts, if there is one.
    pub value: Option<Value>,
    /// Where it comes from.
    pub source: Source,
    /// What an administrator chose; it counts where the source says so.
    pub choice: Option<Choice>,
    /// What may be chosen.
    pub allowed: Allowed,
    /// What counts without a choice.
    pub default: Option<Value>,
    /// What the configuration gives; it counts before a choice.
    pub fixed: Option<Fixed>,
    /// What else there is to know, such as why a choice does not count.
    pub note: Option<String>,
}

/// What the configuration gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// The value.
    pub value: Value,
    /// By what means.
    pub source: Source,
    /// Where, for people: `/etc/keymuster/host.toml:3`.
    pub place: String,
}

/// What an administrator chose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The value.
    pub value: Value,
    /// Who chose it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The publisher, for every customer.
    LicencePack,
    /// The publisher, for this host.
    Entitlement,
    /// An administrator of this host.
    Administrator,
    /// The command line of the server that runs.
    CommandLine,
    /// Its environment.
    Environment,
    /// A credential that the service manager gave it.
    Credential,
    /// Its configuration file.
    File,
    /// This program, or this machine.
    BuiltIn,
}

/// What may be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Allowed {
    /// From one value to another.
    Range(Value, Value),
    /// Anything of this kind, in words.
    Words(String),
}

impl Source {
    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Source::LicencePack => "licence-pack",
            Source::Entitlement => "entitlement",
            Source::Administrator => "administrator",
            Source::CommandLine => SourceKind::CommandLine.name(),
            Source::Environment => SourceKind::Environment.name(),
            Source::Credential => SourceKind::Credential.name(),
            Source::File => SourceKind::File.name(),
            Source::BuiltIn => "built-in",
        }
    }
}

impl From<SourceKind> for Source {
    fn from(kind: SourceKind) -> Source {
        match kind {
            SourceKind::CommandLine => Source::CommandLine,
            SourceKind::Environment => Source::Environment,
            SourceKind::Credential => Source::Credential,
            SourceKind::File => Source::File,
        }
    }
}

/// What was chosen and what is given for a publisher or the host, by name.
struct Wishes {
    chosen: BTreeMap<String, Choice>,
    fixed: BTreeMap<String, Fixed>,
}

/// All settings, those of each publisher before those of the host; `serving` is the server that runs, if one does.
pub fn rows(tx: &Transaction<'_>, site: &Site, serving: Option<&Serving>) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for held in &site.publishers {
        rows.extend(of_publisher(held, &wishes(tx, held.number)?));
    }
    rows.extend(of_host(tx, site, serving)?);
    Ok(rows)
}

/// What a newer version of this program knows is left out.
fn wishes(tx: &Transaction<'_>, publisher: i64) -> Result<Wishes, Failure> {
    let known = |(name, stored): (String, Stored)| {
        let (setting, _) = super::find(&name).ok()?;
        Some(read(setting, &name, &stored.value).map(|value| (name, Choice { value, by: stored.by, at: stored.at })))
    };
    let given = |(name, fixed): (String, store::fixed::Fixed)| {
        let (setting, _) = super::find(&name).ok()?;
        let (source, place) = (fixed.source.into(), fixed.place);
        Some(read(setting, &name, &fixed.value).map(|value| (name, Fixed { value, source, place })))
    };
    Ok(Wishes {
        chosen: setting::of(tx, publisher)?.into_iter().filter_map(known).collect::<Result<_, _>>()?,
        fixed: store::fixed::of(tx, publisher)?.into_iter().filter_map(given).collect::<Result<_, _>>()?,
    })
}

fn of_publisher(held: &Publisher, wishes: &Wishes) -> Vec<Row> {
    let mut rows = Vec::new();
    for setting in SETTINGS.iter().filter(|setting| setting.scope == Scope::Publisher) {
        match setting.form {
            Form::Interval(of_policy) => {
                rows.push(interval(held, setting, of_policy(&held.catalogue.policy), wishes));
            }
            _ => {
                let editions = held.catalogue.editions.iter().filter(|edition| edition.kind == LeaseKind::Volume);
                rows.extend(editions.map(|edition| threshold(held, setting, edition, wishes)));
                rows.extend(without_edition(held, setting, &wishes.chosen));
            }
        }
    }
    rows
}

fn interval(held: &Publisher, setting: &Setting, interval: Interval, wishes: &Wishes) -> Row {
    let (choice, fixed) = (wishes.chosen.get(setting.name), wishes.fixed.get(setting.name));
    let wanted = fixed.map(|fixed| &fixed.value).or(choice.map(|choice| &choice.value));
    let secs = wanted.and_then(|value| if let Value::Secs(secs) = value { Some(*secs) } else { None });
    let effective = interval.effective(secs);
    Row {
        name: setting.name.to_owned(),
        publisher: Some(held.trust.publisher.clone()),
        value: Some(Value::Secs(effective.value)),
        source: source(effective.source, Source::LicencePack, fixed),
        choice: choice.cloned(),
        fixed: fixed.cloned(),
        allowed: Allowed::Range(Value::Secs(interval.min_secs), Value::Secs(interval.max_secs)),
        default: Some(Value::Secs(interval.default_secs)),
        note: set_aside(effective.source, choice, fixed),
    }
}

fn threshold(held: &Publisher, setting: &Setting, edition: &Edition, wishes: &Wishes) -> Row {
    let name = format!("{}{}", setting.name, edition.id);
    let (signed, signed_by) = signed_threshold(held, edition);
    let effective = held.choices.threshold(edition.number, signed);
    let (choice, fixed) = (wishes.chosen.get(&name).cloned(), wishes.fixed.get(&name));
    let number = |clients: u32| Value::Number(clients.into());
    Row {
        publisher: Some(held.trust.publisher.clone()),
        value: Some(number(effective.value)),
        source: source(effective.source, signed_by, fixed),
        allowed: Allowed::Range(number(signed), number(THRESHOLD_MAX)),
        default: Some(number(signed)),
        note: set_aside(effective.source, choice.as_ref(), fixed),
        fixed: fixed.cloned(),
        choice,
        name,
    }
}

/// The threshold that the publisher demands, by the entitlement that lasts longest of those that cover the edition.
pub(super) fn signed_threshold(held: &Publisher, edition: &Edition) -> (u32, Source) {
    let by_pack = (edition.threshold, Source::LicencePack);
    let Some(group) = held.catalogue.group_of(edition) else { return by_pack };
    let agreed = |entitlement: &Entitlement| {
        let threshold = entitlement.threshold(edition, group)?;
        let is_own = entitlement.covers.iter().any(|cover| cover.includes(group) && cover.threshold == Some(threshold));
        let by = if is_own { Source::Entitlement } else { Source::LicencePack };
        Some((entitlement.stop_at, (threshold, by)))
    };
    let covering = held.entitlements.iter().filter_map(|granted| agreed(&granted.entitlement));
    covering.max_by_key(|(stop_at, _)| *stop_at).map_or(by_pack, |(_, signed)| signed)
}

/// Choices for editions that the licence pack does not have, or has by seats.
fn without_edition(held: &Publisher, setting: &Setting, chosen: &BTreeMap<String, Choice>) -> Vec<Row> {
    let is_without = |name: &str| {
        let edition = name.strip_prefix(setting.name).map(|id| held.catalogue.edition_named(id));
        edition.is_some_and(|edition| edition.is_none_or(|edition| edition.kind != LeaseKind::Volume))
    };
    let without = chosen.iter().filter(|(name, _)| is_without(name));
    let row = |(name, choice): (&String, &Choice)| Row {
        name: name.clone(),
        publisher: Some(held.trust.publisher.clone()),
        value: None,
        source: Source::LicencePack,
        choice: Some(choice.clone()),
        fixed: None,
        allowed: Allowed::of(setting.form),
        default: None,
        note: Some(format!(
            "{} was chosen by {} at {}, and counts for nothing: the licence pack has no such edition with a threshold",
            choice.value, choice.by, choice.at
        )),
    };
    without.map(row).collect()
}

fn source(effective: choice::Source, publisher: Source, fixed: Option<&Fixed>) -> Source {
    match effective {
        choice::Source::Customer => fixed.map_or(Source::Administrator, |fixed| fixed.source),
        choice::Source::Publisher | choice::Source::PublisherInstead => publisher,
    }
}

/// Why a choice does not count, where a newer licence pack or entitlement put it out of range.
fn set_aside(effective: choice::Source, choice: Option<&Choice>, fixed: Option<&Fixed>) -> Option<String> {
    let is_aside = effective == choice::Source::PublisherInstead;
    if let Some(Fixed { value, place, .. }) = fixed {
        return is_aside.then(|| format!("{value} is given by {place}, and is outside what the publisher allows"));
    }
    let Choice { value, by, at } = choice.filter(|_| is_aside)?;
    Some(format!("{value} was chosen by {by} at {at}, and is outside what the publisher allows by now"))
}

fn of_host(tx: &Transaction<'_>, site: &Site, serving: Option<&Serving>) -> Result<Vec<Row>, Failure> {
    let mut wishes = wishes(tx, store::setting::HOST)?;
    let listen = store::fixed::of(tx, store::setting::HOST)?.remove(LISTEN);
    let host = HostSettings::load(tx)?;
    let of_host = SETTINGS.iter().filter(|setting| setting.scope == Scope::Host);
    let row = |setting: &Setting| {
        let (choice, fixed) = (wishes.chosen.remove(setting.name), wishes.fixed.remove(setting.name));
        let (default, default_source) = default(setting, site, &host);
        let (mut value, mut source) = match (&fixed, &choice) {
            (Some(fixed), _) => (Some(fixed.value.clone()), fixed.source),
            (None, Some(choice)) => (Some(choice.value.clone()), Source::Administrator),
            (None, None) => (default.clone(), default_source),
        };
        let is_elsewhere = serving.filter(|serving| serving.is_fixed && setting.name == PORT);
        if let Some(serving) = is_elsewhere {
            let by = listen.as_ref().map_or(Source::CommandLine, |listen| listen.source.into());
            (value, source) = (Some(Value::Number(serving.clients.port().into())), by);
        }
        Row {
            name: setting.name.to_owned(),
            publisher: None,
            value,
            source,
            choice,
            fixed,
            allowed: Allowed::of(setting.form),
            default,
            note: note(setting, &host, serving),
        }
    };
    Ok(of_host.map(row).collect())
}

/// What counts for the host without a choice.
fn default(setting: &Setting, site: &Site, host: &HostSettings) -> (Option<Value>, Source) {
    let built_in = match setting.name {
        PORT => Some(Value::Number(PORT_BUILT_IN.into())),
        DNS_PUBLISHING => Some(Value::Switch(host.dns.can_publish())),
        DNS_PRIORITY | DNS_WEIGHT => Some(Value::Number(0)),
        DNS_ADDRESSES => Some(Value::Text("off".to_owned())),
        DNS_REMOVE_ON_STOP => Some(Value::Switch(false)),
        TLS => Some(Value::Text(TlsPolicy::default().name().to_owned())),
        TLS_12 => Some(Value::Switch(false)),
        DNS_TARGET | ACME_NAME => machine::full_name().map(Value::Text),
        HELP_URL => return (help_pages(site), Source::LicencePack),
        _ => None,
    };
    (built_in, Source::BuiltIn)
}

/// The publishers' own pages; where there are several publishers, each with its name.
fn help_pages(site: &Site) -> Option<Value> {
    let pages: Vec<String> = match &*site.publishers {
        [only] => only.catalogue.help_url.iter().map(ToString::to_string).collect(),
        several => {
            let page =
                |held: &Publisher| Some(format!("{}: {}", held.trust.publisher, held.catalogue.help_url.as_ref()?));
            several.iter().filter_map(page).collect()
        }
    };
    (!pages.is_empty()).then(|| Value::Text(pages.join(", ")))
}

fn note(setting: &Setting, host: &HostSettings, serving: Option<&Serving>) -> Option<String> {
    match setting.name {
        PORT => {
            let serving = serving?;
            let problem = serving.problem.as_ref()?;
            let port = serving.clients.port();
            Some(format!("clients are still answered on port {port}: {problem}"))
        }
        DNS_PUBLISHING => host.dns.why_not(),
        TLS_CERTIFICATE_FILE | ACME_DIRECTORY => Some(serving?.tls.as_ref()?.problem.clone()?),
        _ => None,
    }
}

impl Allowed {
    fn of(form: Form) -> Allowed {
        match form {
            Form::Number { min, max } => Allowed::Range(Value::Number(min), Value::Number(max)),
            form => Allowed::Words(form.short_words()),
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Allowed::Range(min, max) => format!("{min} to {max}"),
            Allowed::Words(words) => words.clone(),
        }
    }
}
