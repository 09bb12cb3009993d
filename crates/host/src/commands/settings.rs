//! `keymuster-host settings`: every setting with its value, where that comes from, and what it may be. Writes nothing.

use std::path::Path;

use anyhow::Context as _;
use keymuster_core::id::Slug;
use keymuster_service::exit::Usage;
use keymuster_service::table::table;
use serde_json::{Value as Json, json};

use super::print;
use super::status::open_read_only;
use crate::serving;
use crate::settings::{self, Allowed, Row, Source, Value};
use crate::site::Site;

/// Options of `settings`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only the settings of this publisher.
    #[arg(long)]
    publisher: Option<Slug>,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let mut db = open_read_only(data_dir)?;
    let serving = serving::read(data_dir).context("cannot tell whether the host is serving")?;
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let mut rows = settings::rows(&tx, &site, serving.as_ref())?;
    if let Some(publisher) = &options.publisher {
        if site.publisher(publisher).is_none() {
            return Err(Usage(format!("this host has no publisher {publisher}")).into());
        }
        rows.retain(|row| row.publisher.as_ref() == Some(publisher));
    }
    if options.json {
        let rows: Vec<Json> = rows.iter().map(as_json).collect();
        return print(&(serde_json::to_string_pretty(&json!({ "settings": rows }))? + "\n"));
    }
    print(&as_text(&rows))
}

/// One table for each publisher and one for the host, with the notes below.
fn as_text(rows: &[Row]) -> String {
    let mut text = String::new();
    for rows in rows.chunk_by(|one, next| one.publisher == next.publisher) {
        let of = rows.first().and_then(|row| row.publisher.as_ref());
        if !text.is_empty() {
            text.push('\n');
        }
        text += &of.map_or_else(|| "the host itself\n".to_owned(), |publisher| format!("publisher {publisher}\n"));
        let cells: Vec<[String; 5]> = rows.iter().map(cells).collect();
        text += &table(["SETTING", "VALUE", "DEFAULT", "ALLOWED", "FROM"], &cells, "");
        for row in rows {
            text += &row.note.as_ref().map_or_else(String::new, |note| format!("note on {}: {note}\n", row.name));
        }
    }
    text
}

fn cells(row: &Row) -> [String; 5] {
    let words = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
    [row.name.clone(), words(&row.value), words(&row.default), row.allowed.words(), from(row)]
}

fn from(row: &Row) -> String {
    match (row.source, &row.choice, &row.value) {
        (Source::Administrator, Some(choice), _) => format!("{}, {}", choice.by, choice.at),
        (Source::CommandLine, ..) => "the command line of the running host".to_owned(),
        (_, _, None) => "-".to_owned(),
        (Source::LicencePack, ..) => "the publisher's licence pack".to_owned(),
        (Source::Entitlement, ..) => "the publisher's entitlement".to_owned(),
        _ => "built in".to_owned(),
    }
}

fn as_json(row: &Row) -> Json {
    let value = |value: &Option<Value>| value.as_ref().map(Value::json);
    let (min, max) = match &row.allowed {
        Allowed::Range(min, max) => (Some(min.json()), Some(max.json())),
        Allowed::Words(_) => (None, None),
    };
    let choice = row.choice.as_ref().map(|choice| {
        let counts = row.source == Source::Administrator;
        json!({ "value": choice.value.json(), "by": choice.by, "at": choice.at.as_secs(), "counts": counts })
    });
    json!({
        "name": row.name,
        "publisher": row.publisher.as_ref().map(Slug::as_str),
        "value": value(&row.value),
        "text": row.value.as_ref().map(Value::to_string),
        "source": row.source.name(),
        "chosen": choice,
        "default": value(&row.default),
        "allowed": row.allowed.words(),
        "min": min,
        "max": max,
        "note": row.note,
    })
}
