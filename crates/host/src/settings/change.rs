//! Choosing a value and taking a choice back: checked, stored and recorded in one transaction, which a dry run drops.

use std::path::Path;

use keymuster_core::catalogue::Edition;
use keymuster_core::choice::check_threshold;
use keymuster_core::codes;
use keymuster_core::id::Slug;
use keymuster_core::lease::LeaseKind;
use keymuster_core::refusal::Refusal;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::exit::{Coded, Usage};
use keymuster_service::nearest::unknown;
use keymuster_service::sql::Transaction;
use keymuster_service::tls::{Unusable, read_chain, read_key};

use super::form::{Form, NotAValue, Value};
use super::view::{Row, rows, signed_threshold};
use super::{DNS_KEY_FILE, Scope, Setting, TLS_CERTIFICATE_FILE, TLS_KEY_FILE, effects, find, fixed};
use crate::dns::TsigKey;
use crate::serving::Serving;
use crate::site::{Publisher, Site};
use crate::store::audit;
use crate::store::setting::{self, Stored};

/// A change that an administrator asks for.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// The name of the setting.
    pub name: &'a str,
    /// The publisher, for a setting that each publisher has.
    pub publisher: Option<Slug>,
    /// The value in the administrator's words; `None` takes the choice back.
    pub value: Option<&'a str>,
    /// Who asks.
    pub by: &'a str,
    /// When.
    pub at: Timestamp,
}

/// What has changed.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The name of the setting.
    pub name: String,
    /// The publisher, where it is not a setting of the host.
    pub publisher: Option<Slug>,
    /// The value that counted before.
    pub before: Option<Value>,
    /// The value that counts from now on.
    pub after: Option<Value>,
    /// Whether anything was written: not where the same was chosen before, or nothing.
    pub is_change: bool,
    /// What follows for whom.
    pub effects: Vec<String>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name, the publisher or the value is not understood.
    #[error("{0}")]
    Usage(#[from] Usage),
    /// The value is outside its range.
    #[error("{refusal}{of}", of = edition.as_ref().map(|id| format!(" (edition {id})")).unwrap_or_default())]
    Refused {
        /// The edition, where each edition has a range of its own.
        edition: Option<String>,
        /// With the range.
        #[source]
        refusal: Refusal,
    },
    /// The key file that the value names cannot be used.
    #[error("{0}")]
    Unusable(#[from] Coded),
    /// The configuration gives the value.
    #[error("{0}")]
    Fixed(#[source] Coded),
    /// The database failed.
    #[error("{0}")]
    Failure(#[from] Failure),
}

/// Makes a change. Nothing of it has happened before the transaction is committed.
pub fn apply(tx: &Transaction<'_>, change: &Change<'_>, serving: Option<&Serving>) -> Result<Changed, Error> {
    let site = Site::load(tx)?;
    let (setting, edition) = find(change.name)?;
    let held = owner(&site, setting, change)?;
    let value = change.value.map(|text| check(setting, edition, held, text)).transpose()?;
    let number = held.map_or(setting::HOST, |held| held.number);
    if let Some(refused) = fixed::refuse(tx, number, change.name)? {
        return Err(Error::Fixed(refused));
    }

    let before = row(tx, &site, change, serving)?;
    let stored = setting::of(tx, number)?.remove(change.name);
    let is_change = stored.map(|stored| stored.value) != value.as_ref().map(Value::to_string);
    match &value {
        Some(value) if is_change => {
            let stored = Stored { value: value.to_string(), by: change.by.to_owned(), at: change.at };
            setting::set(tx, number, change.name, &stored)?;
        }
        None if is_change => {
            setting::clear(tx, number, change.name)?;
        }
        _ => {}
    }

    let site = Site::load(tx)?;
    let after = row(tx, &site, change, serving)?;
    let mut changed = Changed {
        name: change.name.to_owned(),
        publisher: held.map(|held| held.trust.publisher.clone()),
        before: before.and_then(|row| row.value),
        after: after.and_then(|row| row.value),
        is_change,
        effects: Vec::new(),
    };
    if is_change {
        record(tx, &changed, change)?;
        changed.effects = effects::of(tx, &site, &changed, serving, change.at)?;
    }
    Ok(changed)
}

/// The publisher whose setting it is; `None` for the host's own.
fn owner<'s>(site: &'s Site, setting: &Setting, change: &Change<'_>) -> Result<Option<&'s Publisher>, Usage> {
    match (setting.scope, &change.publisher) {
        (Scope::Host, None) => Ok(None),
        (Scope::Host, Some(_)) => Err(Usage(format!("{} is a setting of the host, not of a publisher", change.name))),
        (Scope::Publisher, Some(id)) => {
            let held = site.publisher(id).ok_or_else(|| Usage(format!("this host has no publisher {id}")))?;
            Ok(Some(held))
        }
        (Scope::Publisher, None) => Err(Usage(format!("{} is a setting of a publisher: name it", change.name))),
    }
}

/// The value that the words stand for, if it may be chosen.
fn check(setting: &Setting, edition: Option<&str>, held: Option<&Publisher>, text: &str) -> Result<Value, Error> {
    let name = || setting.name.to_owned() + edition.unwrap_or_default();
    let refused = |refusal| Error::Refused { edition: edition.map(str::to_owned), refusal };
    let value = setting.form.read(setting.name, text).map_err(|error| match error {
        NotAValue::Malformed(why) => Error::Usage(Usage(format!("{text:?} is no value of {}: {why}", name()))),
        NotAValue::OutOfRange(refusal) => refused(refusal),
    })?;
    match (setting.form, &value, held) {
        (Form::Interval(of_policy), Value::Secs(secs), Some(held)) => {
            of_policy(&held.catalogue.policy).check(setting.name, *secs).map_err(refused)?;
        }
        (Form::Threshold, Value::Number(clients), Some(held)) => {
            let (signed, _) = signed_threshold(held, volume_edition(held, edition.unwrap_or_default())?);
            check_threshold(u32::try_from(*clients).unwrap_or(u32::MAX), signed).map_err(refused)?;
        }
        _ => check_file(setting, &value)?,
    }
    Ok(value)
}

/// Whether the file that a value names can be used, where it names one.
pub(crate) fn check_file(setting: &Setting, value: &Value) -> Result<(), Coded> {
    let Value::Text(path) = value else { return Ok(()) };
    let path = Path::new(path);
    match setting.name {
        DNS_KEY_FILE => TsigKey::read(path).map(drop),
        TLS_CERTIFICATE_FILE => read_chain(path).map(drop).map_err(unusable),
        TLS_KEY_FILE => read_key(path).map(drop).map_err(unusable),
        _ => Ok(()),
    }
}

/// Whether key and certificate fit is not asked here, because the two are set one after the other.
fn unusable(why: Unusable) -> Coded {
    Coded { code: &codes::TLS_CERTIFICATE_UNUSABLE, detail: why.to_string() }
}

fn volume_edition<'h>(held: &'h Publisher, id: &str) -> Result<&'h Edition, Usage> {
    let catalogue = &held.catalogue;
    match catalogue.edition_named(id) {
        Some(edition) if edition.kind == LeaseKind::Volume => Ok(edition),
        Some(_) => Err(Usage(format!("edition {id} is licensed by seats, which need no threshold"))),
        None => {
            let volume = catalogue.editions.iter().filter(|edition| edition.kind == LeaseKind::Volume);
            Err(Usage(unknown("edition", id, volume.map(|edition| edition.id.as_str()))))
        }
    }
}

fn row(
    tx: &Transaction<'_>,
    site: &Site,
    change: &Change<'_>,
    serving: Option<&Serving>,
) -> Result<Option<Row>, Failure> {
    let is_meant = |row: &Row| row.name == change.name && row.publisher == change.publisher;
    Ok(rows(tx, site, serving)?.into_iter().find(is_meant))
}

fn record(tx: &Transaction<'_>, changed: &Changed, change: &Change<'_>) -> Result<(), Failure> {
    let words = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
    let detail = format!("from {} to {}", words(&changed.before), words(&changed.after));
    let act = if change.value.is_some() { "setting changed" } else { "setting taken back" };
    audit::record(tx, audit::Act { actor: change.by, act, subject: &changed.subject(), detail: &detail }, change.at)
}

impl Changed {
    /// What was changed, in words: `port`, `renewal-interval of aurora`.
    pub fn subject(&self) -> String {
        let of = self.publisher.as_ref().map(|publisher| format!(" of {publisher}"));
        format!("{}{}", self.name, of.unwrap_or_default())
    }
}
