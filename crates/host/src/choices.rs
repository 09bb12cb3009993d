//! The customer's choices for one publisher, as the rules take them.

use keymuster_core::catalogue::Catalogue;
use keymuster_core::choice::Choices;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;

use crate::settings::{self, TLS, TlsPolicy, Value};
use crate::store::setting;

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
    for (name, value) in setting::values(tx, publisher)? {
        take(&mut choices, &name, &value, catalogue)?;
    }
    let of_host = setting::values(tx, setting::HOST)?;
    for name in [HELP_URL, TLS] {
        if let Some(value) = of_host.get(name) {
            take(&mut choices, name, value, catalogue)?;
        }
    }
    Ok(choices)
}

fn take(choices: &mut Choices, name: &str, value: &str, catalogue: &Catalogue) -> Result<(), Failure> {
    let Ok((setting, edition)) = settings::find(name) else {
        // A newer version of this program knows it.
        return Ok(());
    };
    let edition = edition.and_then(|edition| catalogue.edition_named(edition));
    match (setting.name, settings::read(setting, name, value)?) {
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
        (TLS, Value::Text(policy)) => choices.is_tls_required = TlsPolicy::named(&policy) == TlsPolicy::Require,
        _ => {}
    }
    Ok(())
}
