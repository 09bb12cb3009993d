//! What the configuration gives, noted in the database: there all readers find it, whichever process they are.
//!
//! While a host serves, its server alone notes: another process has another environment, and no options of `serve`.

use std::collections::{BTreeMap, BTreeSet};

use keymuster_core::codes;
use keymuster_core::time::Timestamp;
use keymuster_service::config::{Configuration, SourceKind};
use keymuster_service::database::{self, Failure};
use keymuster_service::exit::Coded;
use keymuster_service::sql::{Connection, Transaction};

use crate::configuration::{TABLE, is_at_start};
use crate::store;
use crate::store::audit;
use crate::store::fixed::{self, Fixed};
use crate::store::setting::{self, HOST};

/// Who changes a setting by changing the configuration, in the audit.
const ACTOR: &str = "configuration";

/// Notes what a configuration gives, with an audit entry for each setting that counts differently from then on.
pub fn note(db: &mut Connection, configuration: &Configuration, at: Timestamp) -> Result<(), Failure> {
    let given = given(configuration);
    let tx = database::begin(db)?;
    let noted = fixed::all(&tx)?;
    if noted == given {
        return Ok(());
    }
    let before = values(&tx)?;
    fixed::replace(&tx, &given)?;
    let after = values(&tx)?;
    let places: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for place in places {
        let (was, is) = (before.get(place), after.get(place));
        if was != is {
            record(&tx, place, (was, is), &given, at)?;
        }
    }
    Ok(tx.commit()?)
}

/// Whether this is noted already; reads only.
pub fn is_noted(tx: &Transaction<'_>, configuration: &Configuration) -> Result<bool, Failure> {
    Ok(fixed::all(tx)? == given(configuration))
}

/// That a setting is given and cannot be chosen, where it is so.
pub(super) fn refuse(tx: &Transaction<'_>, publisher: i64, name: &str) -> Result<Option<Coded>, Failure> {
    let fixed = fixed::of(tx, publisher)?.remove(name);
    Ok(fixed.map(|Fixed { value, place, source, .. }| {
        let how = match source {
            SourceKind::File => format!("is fixed at {value} by {place}"),
            SourceKind::Credential => {
                format!("is fixed at {value} by the credential {place} in the unit of the service")
            }
            SourceKind::Environment => format!("is fixed at {value} by {place} in the environment of the host"),
            SourceKind::CommandLine => format!("is fixed at {value} by {place} on the command line of the host"),
        };
        Coded { code: &codes::SETTING_FIXED, detail: format!("{name} {how}: change it there") }
    }))
}

/// In the order in which the database gives them.
fn given(configuration: &Configuration) -> Vec<Fixed> {
    let fixed = configuration.given.iter().filter_map(|(whole, given)| {
        let found = TABLE.find(whole)?;
        let (value, place) = (given.value.clone(), given.source.place.clone());
        Some(Fixed {
            publisher: found.owner.unwrap_or_default(),
            name: found.name,
            value,
            source: given.source.kind,
            place,
        })
    });
    let mut fixed: Vec<Fixed> = fixed.collect();
    fixed.sort();
    fixed
}

/// Every setting that is given or chosen, by publisher and name.
fn values(tx: &Transaction<'_>) -> Result<BTreeMap<(String, String), String>, Failure> {
    let mut values = BTreeMap::new();
    let publishers = store::publisher::all(tx)?;
    let numbered = publishers.iter().map(|row| (row.id.to_string(), row.number));
    for (id, number) in std::iter::once((String::new(), HOST)).chain(numbered) {
        let of_one = setting::values(tx, number)?.into_iter().filter(|(name, _)| !is_at_start(name));
        values.extend(of_one.map(|(name, value)| ((id.clone(), name), value)));
    }
    Ok(values)
}

fn record(
    tx: &Transaction<'_>,
    (publisher, name): &(String, String),
    (was, is): (Option<&String>, Option<&String>),
    given: &[Fixed],
    at: Timestamp,
) -> Result<(), Failure> {
    let words = |value: Option<&String>| value.cloned().unwrap_or_else(|| "nothing".to_owned());
    let by = given.iter().find(|fixed| fixed.publisher == *publisher && fixed.name == *name);
    let by = by.map_or_else(|| "given no longer".to_owned(), |fixed| format!("by {}", fixed.place));
    let subject = if publisher.is_empty() { name.clone() } else { format!("{name} of {publisher}") };
    let detail = format!("from {} to {}, {by}", words(was), words(is));
    audit::record(tx, audit::Act { actor: ACTOR, act: "setting changed", subject: &subject, detail: &detail }, at)
}
