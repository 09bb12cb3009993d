//! `keymuster-host config`: what is configured and where that was given, and whether a file can be used.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use keymuster_core::codes;
use keymuster_service::Env;
use keymuster_service::config::{
    Change, Checked, Configuration, Given, Loader, Of, Shown, Source, SourceKind, check_text, shown_text,
};
use keymuster_service::database::Failure;
use keymuster_service::exit::{Coded, Told};
use keymuster_service::sql::Connection;
use serde_json::json;

use super::print;
use crate::configuration::{DATA_DIR_BUILT_IN, PUBLISHER, TABLE, everything_wrong};
use crate::serving;
use crate::settings;
use crate::site::Site;
use crate::store;
use crate::views::settings::{self as views, Setting};

/// The commands for the configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every key with the value that counts and where that was given.
    Show {
        /// Write JSON, for programs.
        #[arg(long)]
        json: bool,
    },
    /// Say everything that is wrong with a configuration, with its place.
    Check {
        /// Another file than the one that a start would read; environment and credentials are left out then.
        file: Option<PathBuf>,
        /// Write JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command.
pub fn run(loader: &Loader, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Show { json } => show(loader, *json),
        Command::Check { file: Some(file), json } => check(&loader.of_file(std::path::absolute(file)?), *json),
        Command::Check { file: None, json } => check(loader, *json),
    }
}

fn check(loader: &Loader, is_json: bool) -> anyhow::Result<()> {
    let (configuration, faults) = everything_wrong(loader);
    let checked = Checked::new(&loader.path, configuration.given.len(), &faults);
    print(&if is_json { serde_json::to_string_pretty(&checked)? + "\n" } else { check_text(&checked) })?;
    if !faults.is_empty() {
        return Err(Told.into());
    }
    Ok(())
}

/// Before another command: notes what is given, where no server runs that would have done so; a file that is broken is told
/// and leaves what was noted.
pub fn settle(loader: &Loader, data_dir: &Path) -> anyhow::Result<()> {
    let place = store::place(data_dir)?;
    let is_served = || serving::read(data_dir).is_ok_and(|serving| serving.is_some());
    if !place.is_there() || is_served() {
        return Ok(());
    }
    let configuration = match loader.load() {
        Ok(configuration) => configuration,
        Err(broken) => {
            let (why, code) = (Coded::from(broken), &codes::CONFIG_INVALID);
            let note = format!("note: what was configured before counts: {why} ({code})");
            return writeln!(std::io::stderr(), "{note}").context("cannot write to standard error");
        }
    };
    let is_noted = |db: &mut Connection| settings::is_noted(&db.transaction()?, &configuration);
    // A database that cannot be read so is the command's own to complain about.
    if let Ok(false) = place.open_read_only().and_then(|mut db| is_noted(&mut db)) {
        settings::note(&mut store::open(data_dir)?, &configuration, Env::system().now())?;
    }
    Ok(())
}

fn show(loader: &Loader, is_json: bool) -> anyhow::Result<()> {
    let data_dir = loader.data_dir(DATA_DIR_BUILT_IN).map_err(Coded::from)?;
    settle(loader, &data_dir)?;
    let (own, faults) = loader.load_what_is_right();
    let serving = serving::read(&data_dir).ok().flatten();
    let place = store::place(&data_dir)?;
    let (noted, settings) = match place.is_there() {
        true => noted(&mut place.open_read_only()?, &data_dir)?,
        false => (Configuration::default(), Vec::new()),
    };
    let counting = if serving.is_some() { &noted } else { &own };
    let (in_file, wrong) = loader.of_file(loader.path.clone()).load_what_is_right();
    // A file in which anything is wrong is not about to count.
    let pending = Some(&in_file).filter(|_| serving.is_some() && (wrong.is_empty() || own.file.is_none()));
    let shown = all(counting, pending, &settings);
    if is_json {
        let checked = Checked::new(&loader.path, own.given.len(), &faults);
        let value =
            json!({ "file": loader.path, "running": serving.is_some(), "faults": checked.faults, "keys": shown });
        return print(&(serde_json::to_string_pretty(&value)? + "\n"));
    }
    let file = if own.file.is_some() { "" } else { " (there is none)" };
    let mut text = format!("file: {}{file}\n", loader.path.display()) + &shown_text(&shown);
    for fault in &faults {
        text += &format!("wrong: {fault}\n");
    }
    if serving.is_none() {
        text += "no host is serving: so it would start\n";
    }
    print(&text)
}

/// What the running server has noted, and every setting.
fn noted(db: &mut Connection, data_dir: &Path) -> Result<(Configuration, Vec<Setting>), Failure> {
    let tx = db.transaction()?;
    let serving = views::serving(data_dir);
    let rows = settings::rows(&tx, &Site::load(&tx)?, serving.as_ref())?;
    let given = store::fixed::all(&tx)?.into_iter().map(|fixed| {
        let whole = whole(Some(&fixed.publisher).filter(|id| !id.is_empty()), &fixed.name);
        (whole, Given { value: fixed.value, source: Source { kind: fixed.source, place: fixed.place } })
    });
    Ok((Configuration { file: None, given: given.collect() }, rows.iter().map(Setting::from).collect()))
}

fn whole(publisher: Option<&String>, name: &str) -> String {
    publisher.map_or_else(|| name.to_owned(), |id| format!("{PUBLISHER}.{id}.{name}"))
}

/// The keys of the start, the settings of the host, and those of its publishers; then what is given for others.
fn all(counting: &Configuration, pending: Option<&Configuration>, settings: &[Setting]) -> Vec<Shown> {
    let at_top = TABLE.keys.iter().filter(|key| key.of == Of::Program).map(|key| key.name.to_owned());
    let of_publishers = settings.iter().filter(|setting| setting.publisher.is_some());
    let of_publishers = of_publishers.map(|setting| whole(setting.publisher.as_ref(), &setting.name));
    let mut names: Vec<String> = at_top.chain(of_publishers).collect();
    let given = counting.given.keys().chain(pending.into_iter().flat_map(|own| own.given.keys()));
    for name in given {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names.into_iter().filter_map(|name| one(name, counting, pending, settings)).collect()
}

fn one(name: String, counting: &Configuration, pending: Option<&Configuration>, settings: &[Setting]) -> Option<Shown> {
    let key = TABLE.find(&name)?.key;
    let setting = settings.iter().find(|setting| whole(setting.publisher.as_ref(), &setting.name) == name);
    let noted = counting.given.get(&name);
    // What the running server has from elsewhere does not change with the file.
    let is_by_file = noted.is_none_or(|given| given.source.kind == SourceKind::File);
    let newer = pending.filter(|_| is_by_file).map(|own| own.get(&name));
    let newer = newer.filter(|value| *value != noted.map(|given| given.value.as_str()));
    let (value, source, place) = match (noted, setting) {
        (Some(given), _) => (Some(given.value.clone()), given.source.kind.name(), given.source.to_string()),
        // What is set aside because it is out of range stands in `settings`.
        (None, Some(setting)) => (setting.text.clone(), setting.source, setting.source_words()),
        (None, None) => (None, "built-in", String::new()),
    };
    let pending = newer.map(|value| value.unwrap_or("nothing").to_owned());
    let needs_restart = pending.is_some() && key.change == Change::Restart;
    Some(Shown { key: name, value, source, place, default: key.default, needs_restart, pending })
}
