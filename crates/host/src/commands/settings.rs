//! `keymuster-host settings`: every setting with its value, where that comes from, and what it may be. Writes nothing.

use std::path::Path;

use keymuster_core::id::Slug;
use keymuster_core::time::Timestamp;
use keymuster_service::exit::Usage;
use keymuster_service::table::table;

use super::print;
use super::status::open_read_only;
use crate::views::settings::{self, Setting};

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
    let mut all = settings::load(&db.transaction()?, data_dir)?;
    if let Some(publisher) = &options.publisher {
        let is_of = |setting: &Setting| setting.publisher.as_deref() == Some(publisher.as_str());
        if !all.settings.iter().any(is_of) {
            return Err(Usage(format!("this host has no publisher {publisher}")).into());
        }
        all.settings.retain(is_of);
    }
    if options.json {
        return print(&(serde_json::to_string_pretty(&all)? + "\n"));
    }
    print(&as_text(&all.settings))
}

/// One table for each publisher and one for the host, with the notes below.
fn as_text(settings: &[Setting]) -> String {
    let mut text = String::new();
    for settings in settings.chunk_by(|one, next| one.publisher == next.publisher) {
        let of = settings.first().and_then(|setting| setting.publisher.as_ref());
        if !text.is_empty() {
            text.push('\n');
        }
        text += &of.map_or_else(|| "the host itself\n".to_owned(), |publisher| format!("publisher {publisher}\n"));
        let cells: Vec<[String; 5]> = settings.iter().map(cells).collect();
        text += &table(["SETTING", "VALUE", "DEFAULT", "ALLOWED", "FROM"], &cells, "");
        for setting in settings {
            text +=
                &setting.note.as_ref().map_or_else(String::new, |note| format!("note on {}: {note}\n", setting.name));
        }
    }
    text
}

fn cells(setting: &Setting) -> [String; 5] {
    let words = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let from = match &setting.chosen {
        Some(chosen) if chosen.counts => format!("{}, {}", chosen.by, Timestamp::from_secs(chosen.at)),
        _ => Some(setting.source_words()).filter(|words| !words.is_empty()).unwrap_or_else(|| "-".to_owned()),
    };
    [setting.name.clone(), words(&setting.text), words(&setting.default_text), setting.allowed.clone(), from]
}
