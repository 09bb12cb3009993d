//! Choosing values of settings and taking choices back.

use keymuster_core::id::Slug;
use keymuster_core::time::Timestamp;
use keymuster_service::console::By;
use keymuster_service::console::permission::Settings;
use keymuster_service::database;
use keymuster_service::sql::Transaction;

use crate::serving::Serving;
use crate::settings::{self, Changed, Scope};
use crate::site::{Home, Site};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The setting.
    pub name: String,
    /// The publisher, for a setting that each publisher has; where there is one publisher, it need not be named.
    pub publisher: Option<Slug>,
    /// The value in words; nothing takes the choice back.
    pub value: Option<String>,
}

/// Changes a setting; the running host follows within a second.
pub fn change(home: &mut Home, by: &By<Settings>, asked: &Asked, serving: Option<&Serving>) -> anyhow::Result<Changed> {
    let tx = database::begin(&mut home.db)?;
    let changed = apply(&tx, (by.actor(), by.at()), asked, serving)?;
    tx.commit()?;
    Ok(changed)
}

/// What a change would bring. It is made in a transaction that is dropped.
pub fn preview(home: &mut Home, at: Timestamp, asked: &Asked, serving: Option<&Serving>) -> anyhow::Result<Changed> {
    let tx = database::begin(&mut home.db)?;
    apply(&tx, ("a preview", at), asked, serving)
}

fn apply(
    tx: &Transaction<'_>,
    (by, at): (&str, Timestamp),
    asked: &Asked,
    serving: Option<&Serving>,
) -> anyhow::Result<Changed> {
    let (setting, _) = settings::find(&asked.name)?;
    let publisher = match (setting.scope, &asked.publisher) {
        (Scope::Publisher, None) => only_publisher(&Site::load(tx)?),
        (_, named) => named.clone(),
    };
    let change = settings::Change { name: &asked.name, publisher, value: asked.value.as_deref(), by, at };
    Ok(settings::apply(tx, &change, serving)?)
}

fn only_publisher(site: &Site) -> Option<Slug> {
    let [only] = &*site.publishers else { return None };
    Some(only.trust.publisher.clone())
}
