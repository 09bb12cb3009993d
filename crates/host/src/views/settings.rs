//! The settings with the values that count, where these come from and what may be chosen; and what a change brings.

use std::path::Path;

use keymuster_core::id::Slug;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::serving::{self, Serving};
use crate::settings::{self, Allowed, Changed, Row, Source, Value};
use crate::site::Site;

/// All settings.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Settings {
    /// Those of each publisher, then those of the host.
    pub settings: Vec<Setting>,
}

/// One setting, of the host or of one of its publishers.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Setting {
    /// Its name, an edition's included.
    pub name: String,
    /// The publisher; nothing for the host itself.
    pub publisher: Option<String>,
    /// The value that counts, lengths of time in seconds.
    #[schema(value_type = Json)]
    pub value: Option<Json>,
    /// The same in the words that a change takes.
    pub text: Option<String>,
    /// Where it comes from: `licence-pack`, `entitlement`, `administrator`, `file`, `credential`, `environment`,
    /// `command-line` or `built-in`.
    pub source: &'static str,
    /// Where the configuration gives it, such as `/etc/keymuster/host.toml:3`; then it is changed there alone.
    pub fixed: Option<String>,
    /// What an administrator chose.
    pub chosen: Option<Chosen>,
    /// What counts without a choice.
    #[schema(value_type = Json)]
    pub default: Option<Json>,
    /// The same in words.
    pub default_text: Option<String>,
    /// What may be chosen, in words.
    pub allowed: String,
    /// The least that may be chosen, where there is a range.
    #[schema(value_type = Json)]
    pub min: Option<Json>,
    /// The most.
    #[schema(value_type = Json)]
    pub max: Option<Json>,
    /// What else there is to know, such as why a choice does not count.
    pub note: Option<String>,
    /// What it does.
    pub about: &'static str,
}

/// What an administrator chose.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = SettingChosen)]
pub struct Chosen {
    /// The value.
    pub value: Json,
    /// In words.
    pub text: String,
    /// Who.
    pub by: String,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Whether it counts.
    pub counts: bool,
}

/// What a change brought, or would bring.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = SettingChange)]
pub struct Change {
    /// The setting.
    pub name: String,
    /// The publisher; nothing for the host itself.
    pub publisher: Option<String>,
    /// The value that counted before.
    #[schema(value_type = Json)]
    pub before: Option<Json>,
    /// In words.
    pub before_text: Option<String>,
    /// The value that counts from then on.
    #[schema(value_type = Json)]
    pub after: Option<Json>,
    /// In words.
    pub text: Option<String>,
    /// Whether anything was written; never by a preview.
    pub changed: bool,
    /// What follows for whom.
    pub effects: Vec<String>,
}

/// Loads all; `data_dir` tells of the server that runs.
pub fn load(tx: &Transaction<'_>, data_dir: &Path) -> Result<Settings, Failure> {
    let rows = settings::rows(tx, &Site::load(tx)?, serving(data_dir).as_ref())?;
    Ok(Settings { settings: rows.iter().map(Setting::from).collect() })
}

/// How the server stands; one that cannot be read says no more than one that does not run.
pub fn serving(data_dir: &Path) -> Option<Serving> {
    serving::read(data_dir).ok().flatten()
}

impl Settings {
    /// The setting of this name. A publisher need not be named where only one has the setting.
    pub fn find(self, name: &str, publisher: Option<&str>) -> Option<Setting> {
        let mut found = self.settings.into_iter().filter(|setting| {
            setting.name == name && publisher.is_none_or(|publisher| setting.publisher.as_deref() == Some(publisher))
        });
        found.next().filter(|_| found.next().is_none())
    }
}

impl Setting {
    /// The source for people.
    pub fn source_words(&self) -> String {
        match (self.source, &self.chosen) {
            (_, Some(chosen)) if chosen.counts => format!("chosen by {}", chosen.by),
            ("file" | "credential" | "environment" | "command-line", _) if self.fixed.is_some() => {
                format!("fixed by {}", self.fixed.as_deref().unwrap_or_default())
            }
            ("command-line", _) => "the command line of the running host".to_owned(),
            _ if self.value.is_none() => String::new(),
            ("licence-pack", _) => "the publisher's licence pack".to_owned(),
            ("entitlement", _) => "the publisher's entitlement".to_owned(),
            _ => "built in".to_owned(),
        }
    }
}

fn json(value: Option<&Value>) -> Option<Json> {
    value.map(Value::json)
}

fn words(value: Option<&Value>) -> Option<String> {
    value.map(Value::to_string)
}

fn publisher(id: Option<&Slug>) -> Option<String> {
    id.map(Slug::to_string)
}

impl From<&Row> for Setting {
    fn from(row: &Row) -> Setting {
        let (min, max) = match &row.allowed {
            Allowed::Range(min, max) => (Some(min.json()), Some(max.json())),
            Allowed::Words(_) => (None, None),
        };
        let chosen = row.choice.as_ref().map(|choice| Chosen {
            value: choice.value.json(),
            text: choice.value.to_string(),
            by: choice.by.clone(),
            at: choice.at.as_secs(),
            counts: row.source == Source::Administrator,
        });
        Setting {
            name: row.name.clone(),
            publisher: publisher(row.publisher.as_ref()),
            value: json(row.value.as_ref()),
            text: words(row.value.as_ref()),
            source: row.source.name(),
            fixed: row.fixed.as_ref().map(|fixed| fixed.place.clone()),
            chosen,
            default: json(row.default.as_ref()),
            default_text: words(row.default.as_ref()),
            allowed: row.allowed.words(),
            min,
            max,
            note: row.note.clone(),
            about: settings::find(&row.name).map_or("", |(setting, _)| setting.about),
        }
    }
}

impl Change {
    /// What was changed; of a preview, nothing was.
    pub fn made(changed: &Changed) -> Change {
        Change {
            name: changed.name.clone(),
            publisher: publisher(changed.publisher.as_ref()),
            before: json(changed.before.as_ref()),
            before_text: words(changed.before.as_ref()),
            after: json(changed.after.as_ref()),
            text: words(changed.after.as_ref()),
            changed: changed.is_change,
            effects: changed.effects.clone(),
        }
    }

    /// What would be changed.
    pub fn previewed(changed: &Changed) -> Change {
        Change { changed: false, ..Change::made(changed) }
    }
}
