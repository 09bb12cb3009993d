//! `keymuster-host exchange`: activations by a MAK for machines that cannot reach the publisher's authority.

mod drop;
mod export;
mod import;
mod list;
mod send;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use keymuster_core::bundle::Bundle;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_service::exit::Told;
use keymuster_service::table::table;
use keymuster_service::{Env, exit, files};
use serde_json::{Value, json};

use super::{choose_publisher, print, read_secret_line};
use crate::exchange::results::{Fate, Outcome, count, take};
use crate::exchange::{edition_of, pack};
use crate::site::Home;

/// How often progress is told, in results.
const PROGRESS_STEP: usize = 250;

/// What is done with the requests that clients have left.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is collected, and what became of it.
    List(list::Options),
    /// Write the requests that have no result to a file for the publisher, with the MAK for them.
    Export(export::Options),
    /// Take the publisher's answer; the machines fetch their results by themselves.
    Import(import::Options),
    /// Do both at once, where the publisher's authority can be reached from here.
    Send(send::Options),
    /// Forget what was collected.
    Drop(drop::Options),
}

/// Runs the command that was asked for.
pub fn run(data_dir: &Path, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(options) => list::run(data_dir, options),
        Command::Export(options) => export::run(data_dir, options),
        Command::Import(options) => import::run(data_dir, options),
        Command::Send(options) => send::run(data_dir, options),
        Command::Drop(options) => drop::run(data_dir, options),
    }
}

/// Which requests go out, and by which MAK.
///
/// The MAK is no argument: it is a secret, and every user of the machine can read the arguments of all programs.
#[derive(Debug, clap::Args)]
struct Selection {
    /// The publisher, where this host has several.
    #[arg(long)]
    publisher: Option<Slug>,
    /// The edition, to make sure that the MAK is for it; without it, the one that the MAK is for.
    #[arg(long)]
    edition: Option<Slug>,
    /// Read the MAK from this file instead of standard input.
    #[arg(long, value_name = "FILE")]
    mak_file: Option<PathBuf>,
}

/// What goes out.
struct Selected {
    home: Home,
    /// The publisher's place in the site.
    publisher: usize,
    edition: String,
    requests: usize,
}

impl Selection {
    /// Reads and checks the MAK, packs the requests, and commits that once `carry` has put them where they are wanted.
    fn pack(
        &self,
        data_dir: &Path,
        env: &Env,
        carry: impl FnOnce(&[Bundle]) -> anyhow::Result<()>,
    ) -> anyhow::Result<Selected> {
        let text = match &self.mak_file {
            Some(path) => {
                String::from_utf8(files::read_private(path, 256)?).context("the file of the MAK is no text")?
            }
            None => read_secret_line("MAK")?,
        };
        let mak = ProductKey::parse(text.trim())?;
        let mut home = Home::open(data_dir, env)?;
        let publisher = choose_publisher(&home.site, self.publisher.as_ref())?;
        let held = &home.site.publishers[publisher];
        let edition = edition_of(&mak, &held.catalogue, self.edition.as_ref())?;
        let named = format!("{} ({})", edition.name, edition.id);
        let tx = home.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let bundles = pack(&tx, held, edition, &mak, env.now())?;
        if bundles.is_empty() {
            exit::tell(&format!("no request for {named} waits; keymuster-host exchange list shows all"), None);
            return Err(Told.into());
        }
        carry(&bundles)?;
        tx.commit()?;
        let requests = bundles.iter().flat_map(|bundle| &bundle.client_requests).map(Vec::len).sum();
        Ok(Selected { home, publisher, edition: named, requests })
    }
}

/// Takes an answer, and tells how far that is where it takes a while.
fn take_and_tell(home: &mut Home, answer: &Bundle, env: &Env) -> anyhow::Result<Vec<Outcome>> {
    let total = count(answer);
    take(home, answer, env, |done| {
        if total > PROGRESS_STEP && done % PROGRESS_STEP == 0 {
            // Where standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{done} of {total} results …");
        }
    })
}

/// Shows what became of each machine; not everything in order is the exit code of a refusal.
fn tell_results(outcomes: &[Outcome], as_json: bool) -> anyhow::Result<()> {
    let those = |is_such: fn(&Fate) -> bool| outcomes.iter().filter(|outcome| is_such(&outcome.fate)).count();
    let activated = those(|fate| *fate == Fate::Activated);
    let refused = those(|fate| matches!(fate, Fate::Refused { .. }));
    let invalid = those(|fate| matches!(fate, Fate::Invalid(_)));
    let unasked = those(|fate| *fate == Fate::Unasked);
    let known = outcomes.len() - unasked - invalid - outcomes.iter().filter(|outcome| outcome.is_new).count();
    if as_json {
        let results: Vec<Value> = outcomes.iter().map(value).collect();
        let report = json!({
            "activated": activated,
            "refused": refused,
            "invalid": invalid,
            "unasked": unasked,
            "known_before": known,
            "results": results,
        });
        print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        let rows: Vec<[String; 4]> = outcomes.iter().map(row).collect();
        let mut text = table(["CLIENT", "NAME", "EDITION", "RESULT"], &rows, "");
        text += &format!("\n{activated} activated, {refused} refused");
        for (number, words) in [
            (invalid, "do not verify"),
            (unasked, "fit no request: the machine has asked anew, or its request was dropped"),
            (known, "were imported before, and change nothing"),
        ] {
            if number > 0 {
                text += &format!("\n{number} {words}");
            }
        }
        print(&(text + "\n"))?;
    }
    if activated == outcomes.len() { Ok(()) } else { Err(Told.into()) }
}

/// What a result is, in a word and in a sentence.
fn words(fate: &Fate) -> (&'static str, Option<String>, Option<String>) {
    match fate {
        Fate::Activated => ("activated", None, None),
        Fate::Refused { code, detail } => ("refused", Some(code.clone()), Some(detail.clone())),
        Fate::Invalid(why) => ("invalid", Some(why.code().name.to_owned()), Some(why.to_string())),
        Fate::Unasked => ("unasked", None, Some("no request here is answered by it".to_owned())),
    }
}

fn row(outcome: &Outcome) -> [String; 4] {
    let (word, code, detail) = words(&outcome.fate);
    let result = [Some(word.to_owned()), code, detail].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let client = outcome.client.map_or_else(|| "?".to_owned(), |client| client.to_string());
    let name = outcome.name.as_ref().map(ToString::to_string).unwrap_or_default();
    [client, name, outcome.edition.clone().unwrap_or_default(), result]
}

fn value(outcome: &Outcome) -> Value {
    let (word, code, detail) = words(&outcome.fate);
    json!({
        "client": outcome.client.map(|client| client.to_string()),
        "name": outcome.name.as_ref().map(ToString::to_string),
        "edition": outcome.edition,
        "result": word,
        "code": code,
        "detail": detail,
        "is_new": outcome.is_new,
    })
}
