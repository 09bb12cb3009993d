//! The customer's choices as they are stored, and as the rules take them.

use std::collections::BTreeMap;

use keymuster_core::catalogue::Catalogue;
use keymuster_core::choice::Choices;
use keymuster_service::database::Failure;
use rusqlite::Transaction;

use crate::store::{self, parsed, setting};

/// From one renewal to the next, in seconds.
pub const RENEWAL: &str = "renewal-interval";
/// From a refused or failed attempt to the next, in seconds.
pub const ACTIVATION: &str = "activation-interval";
/// What stands before an edition's name in the setting of its threshold.
pub const THRESHOLD: &str = "threshold.";
/// Where the customer helps its own users: one page for all publishers.
pub const HELP_URL: &str = "help-url";

/// The choices for one publisher. One for an edition that the catalogue does not have counts for nothing.
pub fn load(tx: &Transaction<'_>, publisher: i64, catalogue: &Catalogue) -> Result<Choices, Failure> {
    let own = store::setting::of(tx, publisher)?;
    let of_host = store::setting::of(tx, setting::HOST)?;
    let mut thresholds = BTreeMap::new();
    for (name, value) in &own {
        let edition = name.strip_prefix(THRESHOLD).and_then(|id| catalogue.edition_named(id));
        if let Some(edition) = edition {
            thresholds.insert(edition.number, parsed(value, "setting", "value", name)?);
        }
    }
    Ok(Choices {
        renew_secs: own.get(RENEWAL).map(|secs| parsed(secs, "setting", "value", RENEWAL)).transpose()?,
        retry_secs: own.get(ACTIVATION).map(|secs| parsed(secs, "setting", "value", ACTIVATION)).transpose()?,
        thresholds,
        help_url: of_host.get(HELP_URL).map(|url| parsed(url, "setting", "value", HELP_URL)).transpose()?,
    })
}
