//! The customer's choices for one publisher, as the rules take them.

use keymuster_core::catalogue::Catalogue;
use keymuster_core::choice::Choices;
use keymuster_service::database::Failure;
use rusqlite::Transaction;

use crate::settings::{self, Value};
use crate::store::setting::{self, Stored};

/// From one renewal to the next.
pub const RENEWAL: &str = "renewal-interval";
/// From a refused or failed attempt to the next.
pub const ACTIVATION: &str = "activation-interval";
/// What stands before an edition's name in the setting of its threshold.
pub const THRESHOLD: &str = "threshold.";
/// Where the customer helps its own users: one page for all publishers.
pub const HELP_URL: &str = "help-url";

/// The choices for one publisher. One for an edition that the catalogue does not have counts for nothing.
pub fn load(tx: &Transaction<'_>, publisher: i64, catalogue: &Catalogue) -> Result<Choices, Failure> {
    let mut choices = Choices::default();
    for (name, stored) in setting::of(tx, publisher)? {
        take(&mut choices, &name, &stored, catalogue)?;
    }
    if let Some(stored) = setting::of(tx, setting::HOST)?.get(HELP_URL) {
        take(&mut choices, HELP_URL, stored, catalogue)?;
    }
    Ok(choices)
}

fn take(choices: &mut Choices, name: &str, stored: &Stored, catalogue: &Catalogue) -> Result<(), Failure> {
    let Ok((setting, edition)) = settings::find(name) else {
        // A newer version of this program knows it.
        return Ok(());
    };
    let edition = edition.and_then(|edition| catalogue.edition_named(edition));
    match (setting.name, settings::read(setting, name, stored)?) {
        (RENEWAL, Value::Secs(secs)) => choices.renew_secs = Some(secs),
        (ACTIVATION, Value::Secs(secs)) => choices.retry_secs = Some(secs),
        (THRESHOLD, Value::Number(clients)) => {
            let clients = u32::try_from(clients).unwrap_or(u32::MAX);
            choices.thresholds.extend(edition.map(|edition| (edition.number, clients)));
        }
        (HELP_URL, Value::Text(page)) => {
            let page = page.parse().map_err(|_| Failure::damaged("setting", "value", name, "not an address"))?;
            choices.help_url = Some(page);
        }
        _ => {}
    }
    Ok(())
}
