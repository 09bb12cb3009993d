//! The results of a run: a table for people, an array for machines, a file for spreadsheets; all in the order of the list.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use keymuster::list::{Row, Written, write};
use serde_json::{Value, json};

use super::outcome::{End, Outcome};
use crate::answer::Answer;
use crate::exit;

/// All results.
pub fn answer(rows: &[Row], outcomes: &[Outcome]) -> Answer {
    let pairs = || rows.iter().zip(outcomes);
    let json = pairs().map(|(row, outcome)| entry(row, outcome)).collect();
    let is_done = outcomes.iter().all(|outcome| outcome.end == End::Done);
    let exit = if is_done { exit::OK } else { exit::SOME_FAILED };
    let text = [table(rows, outcomes), summary(outcomes), remedies(outcomes)].concat();
    Answer { exit, ..Answer::new(text, json) }
}

/// The file for spreadsheets.
pub fn csv(rows: &[Row], outcomes: &[Outcome]) -> Vec<u8> {
    let written = rows.iter().zip(outcomes).map(|(row, outcome)| Written {
        row,
        result: outcome.end.word(),
        code: outcome.code.as_deref().unwrap_or_default(),
        message: &outcome.message,
        remedy: outcome.remedy.as_deref().unwrap_or_default(),
    });
    write(&written.collect::<Vec<_>>())
}

fn entry(row: &Row, outcome: &Outcome) -> Value {
    json!({
        "line": row.line,
        "machine": row.place.to_string(),
        "publisher": row.publisher.as_ref().map(ToString::to_string),
        "edition": row.edition.as_ref().map(ToString::to_string),
        "store": row.store.as_ref().map(ToString::to_string),
        "host": row.host.as_ref().map(ToString::to_string),
        "key_ends_in": row.key.as_ref().map(|key| key.last_five()),
        "result": outcome.end.word(),
        "exit": outcome.exit,
        "code": outcome.code,
        "message": outcome.message,
        "remedy": outcome.remedy,
        "answer": outcome.answer,
    })
}

fn table(rows: &[Row], outcomes: &[Outcome]) -> String {
    let names: Vec<String> = rows.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, outcome) in names.iter().zip(outcomes) {
        let _ = writeln!(text, "{name:width$}  {:7}  {}", outcome.end.word(), outcome.sentence());
    }
    text
}

/// The machine, with what tells two rows of it apart.
fn name(row: &Row) -> String {
    let more = [
        row.publisher.as_ref().map(ToString::to_string),
        row.edition.as_ref().map(ToString::to_string),
        row.store.as_ref().map(ToString::to_string),
        row.key.as_ref().map(|key| format!("key …-{}", key.last_five())),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    if more.is_empty() { row.place.to_string() } else { format!("{} ({})", row.place, more.join(", ")) }
}

fn summary(outcomes: &[Outcome]) -> String {
    let count = |end: End| outcomes.iter().filter(|outcome| outcome.end == end).count();
    let mut text = format!("\n{} of {} done", count(End::Done), outcomes.len());
    for (end, words) in [(End::Failed, "failed"), (End::Stopped, "not finished")] {
        if count(end) > 0 {
            let _ = write!(text, ", {} {words}", count(end));
        }
    }
    text.push('\n');
    text
}

/// What to do, once for each code and each advice.
fn remedies(outcomes: &[Outcome]) -> String {
    let pair = |one: &Outcome| Some((one.code.clone().unwrap_or_else(|| "no code".to_owned()), one.remedy.clone()?));
    let remedies: BTreeSet<(String, String)> = outcomes.iter().filter_map(pair).collect();
    let lines = remedies.iter().map(|(code, remedy)| format!("  {code}: {remedy}\n"));
    if remedies.is_empty() { String::new() } else { format!("what to do:\n{}", lines.collect::<String>()) }
}
