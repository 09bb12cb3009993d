//! `keymuster-host audit`: what administrators did, the newest last. Writes nothing.

use std::path::Path;

use keymuster_core::time::Timestamp;
use keymuster_service::sql::Connection;
use keymuster_service::table::table;
use serde_json::{Value, json};

use super::print;
use super::status::open_read_only;
use crate::store::audit::{self, Entry};

/// Options of `audit`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many entries are shown, from the newest one back.
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: u32,
    /// Follow the running hash through all entries instead, and show the newest one.
    #[arg(long, conflicts_with = "last")]
    check: bool,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let mut db = open_read_only(data_dir)?;
    if options.check {
        return check(&mut db, options.json);
    }
    let entries = audit::newest(&db.transaction()?, options.last)?;
    if options.json {
        let values: Vec<Value> = entries.iter().map(value).collect();
        return print(&(serde_json::to_string_pretty(&values)? + "\n"));
    }
    let rows: Vec<[String; 6]> = entries.iter().map(row).collect();
    print(table(["NUMBER", "WHEN", "WHO", "ACT", "WHAT", "DETAIL"], &rows, "no entries").trim_end())?;
    print("\n")
}

fn check(db: &mut Connection, as_json: bool) -> anyhow::Result<()> {
    let newest = audit::check(&db.transaction()?)?;
    let (entries, head) = newest.map_or_else(|| (0, String::new()), |newest| (newest.sequence, newest.head));
    if as_json {
        return print(&(serde_json::to_string_pretty(&json!({ "entries": entries, "head": head }))? + "\n"));
    }
    print(&format!(
        "{entries} entries, each following from the one before\nhead {head}\ncompare it with the entry of the same number in an \
         earlier export\n"
    ))
}

fn row(entry: &Entry) -> [String; 6] {
    let Entry { sequence, at, actor, act, subject, detail, .. } = entry.clone();
    [sequence.to_string(), at.to_string(), actor, act, subject, detail]
}

fn value(entry: &Entry) -> Value {
    let at = Timestamp::as_secs(entry.at);
    json!({
        "sequence": entry.sequence,
        "at": at,
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "detail": entry.detail,
        "head": entry.head,
    })
}
