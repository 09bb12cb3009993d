//! `keymuster-host exchange list`: who waits for an activation by a MAK, and what became of it. Writes nothing.

use std::path::Path;

use keymuster_core::exchange::REPEATED_SECS;
use keymuster_core::time::Timestamp;
use keymuster_service::Env;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::print;
use crate::commands::status::open_read_only;
use crate::exchange::results::edition_name;
use crate::site::Site;
use crate::store::collected::{self, Collected, Verdict};

/// Options of `exchange list`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let now = Env::system().now();
    let mut db = open_read_only(data_dir)?;
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let collected = collected::all(&tx)?;
    if options.json {
        let values: Vec<Value> = collected.iter().map(|kept| value(&site, kept, now)).collect();
        return print(&(serde_json::to_string_pretty(&values)? + "\n"));
    }
    let rows: Vec<[String; 7]> = collected.iter().map(|kept| row(&site, kept, now)).collect();
    let head = ["CLIENT", "NAME", "ADDRESS", "EDITION", "SINCE", "EXPORTED", "RESULT"];
    print(table(head, &rows, "nothing is collected").trim_end())?;
    print("\n")
}

/// The names of publisher and edition.
fn names(site: &Site, kept: &Collected) -> (String, String) {
    let number = kept.request.edition;
    let publisher = site.publishers.iter().find(|publisher| publisher.number == kept.publisher);
    let edition = publisher.map_or_else(|| number.to_string(), |publisher| edition_name(publisher, number));
    (kept.request.publisher.to_string(), edition)
}

/// Whether its client has given up repeating it.
fn is_expired(kept: &Collected, now: Timestamp) -> bool {
    kept.since < now.minus(REPEATED_SECS)
}

fn row(site: &Site, kept: &Collected, now: Timestamp) -> [String; 7] {
    let result = match &kept.result {
        Some((at, Verdict::Activated(_))) => format!("activated, {at}"),
        Some((at, Verdict::Refused(code, _))) => format!("refused: {code}, {at}"),
        None if is_expired(kept, now) => "is not asked for any more".to_owned(),
        None => "waits".to_owned(),
    };
    let (_, edition) = names(site, kept);
    [
        kept.request.client.to_string(),
        kept.request.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        kept.address.clone(),
        edition,
        kept.since.to_string(),
        kept.exported.map(|at| at.to_string()).unwrap_or_default(),
        result,
    ]
}

fn value(site: &Site, kept: &Collected, now: Timestamp) -> Value {
    let (publisher, edition) = names(site, kept);
    let (result, code, detail) = match &kept.result {
        Some((_, Verdict::Activated(_))) => (Some("activated"), None, None),
        Some((_, Verdict::Refused(code, detail))) => (Some("refused"), Some(code), Some(detail)),
        None => (None, None, None),
    };
    json!({
        "client": kept.request.client.to_string(),
        "name": kept.request.name.as_ref().map(ToString::to_string),
        "address": kept.address,
        "publisher": publisher,
        "edition": edition,
        "request": kept.request.request.to_string(),
        "since": kept.since.as_secs(),
        "exported": kept.exported.map(Timestamp::as_secs),
        "answered": kept.result.as_ref().map(|(at, _)| at.as_secs()),
        "result": result,
        "code": code,
        "detail": detail,
        "is_expired": is_expired(kept, now),
    })
}
