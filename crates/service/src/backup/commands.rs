//! `backup create`, `inspect` and `restore`, which both programs have.

use std::fs::{self, DirBuilder};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use keymuster_core::time::Timestamp;
use serde_json::json;

use super::archive::{Archive, Manifest};
use super::create::Order;
use super::passphrase::PassphraseSource;
use super::place::{self, Lock, Moved, Quiet};
use super::restore::restore;
use super::shelf::Shelf;
use super::{Contents, Done, Unreadable};
use crate::Env;
use crate::console::By;
use crate::console::commands::Said;
use crate::console::permission::Settings;
use crate::database::{self, Failure, PLACE_FILE, Place};
use crate::exit::Usage;

/// `backup`.
#[derive(Debug, clap::Subcommand)]
pub enum BackupCommand {
    /// Make a backup of everything, sealed with a passphrase, while the server works.
    Create(CreateOptions),
    /// Read a backup from end to end, and say what it holds.
    Inspect(InspectOptions),
    /// Restore a backup, here or on another machine; the server must be stopped.
    Restore(RestoreOptions),
}

/// `backup create`.
#[derive(Debug, clap::Args)]
pub struct CreateOptions {
    /// The file to write; none of this name may exist.
    #[arg(required_unless_present = "into")]
    file: Option<PathBuf>,
    /// Write a file with a name of its own into this directory, and remove the oldest ones there.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "file")]
    into: Option<PathBuf>,
    /// How many backups of this server stay in the directory.
    #[arg(long, value_name = "NUMBER", default_value_t = 14, requires = "into",
          value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Write the backup in the open: whoever reads the file has the server's keys.
    #[arg(long, conflicts_with = "passphrase_file")]
    unencrypted: bool,
    /// Move to another machine: this one serves no more, and the backup is restored there. The server must be stopped.
    #[arg(long)]
    retire: bool,
}

/// `backup inspect`.
#[derive(Debug, clap::Args)]
pub struct InspectOptions {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// `backup restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreOptions {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Put what is in the data directory aside, and the backup in its place.
    #[arg(long)]
    replace: bool,
}

/// Runs a command on a data directory.
pub fn run(contents: &Contents, data_dir: &Path, command: &BackupCommand, env: &Env) -> anyhow::Result<Said> {
    match command {
        BackupCommand::Create(options) => create(contents, data_dir, options, env),
        BackupCommand::Inspect(options) => inspect(options),
        BackupCommand::Restore(options) => restore_file(contents, data_dir, options, env),
    }
}

fn create(contents: &Contents, data_dir: &Path, options: &CreateOptions, env: &Env) -> anyhow::Result<Said> {
    let now = env.now();
    if let Place::Server(_) = Place::of(data_dir, contents.database)? {
        bail!(
            "the database is a PostgreSQL, which a backup of files does not reach: copy it by its own means, as by \
             `pg_dump --format=custom --file=keymuster.dump` with the address in {place}, and keep host.key, tls.key, tls.pem \
             and {place} with the copy; docs/guides/databases.md says how it is put back",
            place = data_dir.join(PLACE_FILE).display()
        );
    }
    let database = data_dir.join(contents.database);
    anyhow::ensure!(database.exists(), "there is nothing in {} to be backed up", data_dir.display());
    place::enter(data_dir)?;
    let _lock = Lock::take(data_dir)?;
    let _quiet = options.retire.then(|| Quiet::take(data_dir)).transpose()?;
    let passphrase = if options.unencrypted { None } else { Some(options.passphrase.choose()?) };
    let shelf = options.into.as_deref().map(|directory| shelf(contents, &database, directory)).transpose()?;
    let target = match (&options.file, &shelf) {
        (Some(file), _) => file.clone(),
        (None, Some(shelf)) => shelf.place(now, passphrase.is_some()),
        (None, None) => bail!(Usage("name a file, or a directory with --into".to_owned())),
    };
    let passphrase = passphrase.as_ref();
    let order = Order { contents, data_dir, target: &target, passphrase, retired: options.retire, env };
    let manifest = order.make(progress())?;
    record(contents, &database, &target, &manifest, now)?;
    if options.retire {
        let file = std::path::absolute(&target)?.display().to_string();
        place::move_away(data_dir, &Moved { file, at: now.as_secs() })?;
    }
    let removed = shelf.map(|shelf| shelf.prune(options.keep.into())).transpose();
    let removed = removed.context("the backup is made, and older ones cannot be removed")?.unwrap_or_default();
    Ok(created(contents, &target, &manifest, &removed, passphrase.is_some()))
}

/// Where backups of this data directory are kept; the directory is made where it is missing.
fn shelf<'d>(contents: &Contents, database: &Path, directory: &'d Path) -> anyhow::Result<Shelf<'d>> {
    if !directory.exists() {
        let made = DirBuilder::new().mode(0o700).create(directory);
        made.with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let mut db = database::open_read_only(database)?;
    let described = (contents.describe)(&db.transaction().map_err(Failure::from)?)?;
    Ok(Shelf::new(directory, contents.program, &described.id))
}

/// How far the copy is, for whoever sits before the terminal.
fn progress() -> impl FnMut(u64, u64) {
    let (is_shown, mut last) = (io::stderr().is_terminal(), 0);
    move |done, all| {
        let percent = done * 100 / all.max(1);
        if is_shown && percent >= last + 5 {
            last = percent;
            // A terminal that is gone is no reason to stop.
            let _ = write!(io::stderr(), "\rcopied {percent} %{}", if percent >= 95 { "\n" } else { "" });
        }
    }
}

fn record(
    contents: &Contents,
    database: &Path,
    target: &Path,
    manifest: &Manifest,
    now: Timestamp,
) -> anyhow::Result<()> {
    let by = By::<Settings>::of_process(now);
    let act = if manifest.retired { "server retired" } else { "backup made" };
    let (subject, detail) = (target.display().to_string(), position_words(manifest));
    let mut db = (contents.open)(database)?;
    let tx = database::begin(&mut db)?;
    (contents.record)(&tx, &Done { actor: by.actor(), act, subject: &subject, detail: &detail, now })?;
    Ok(tx.commit().map_err(Failure::from)?)
}

fn created(contents: &Contents, target: &Path, manifest: &Manifest, removed: &[PathBuf], is_sealed: bool) -> Said {
    let (shown, bytes) = (target.display(), fs::metadata(target).map_or(0, |file| file.len()));
    let mut text = format!("made {shown}, {}: {}\n", size(bytes), held_words(manifest));
    for file in removed {
        text += &format!("removed {}\n", file.display());
    }
    let program = contents.program;
    let mut note = if is_sealed {
        "Keep the passphrase elsewhere: without it nobody opens the backup.\n".to_owned()
    } else {
        "The backup is not encrypted: whoever reads it has the server's keys.\n".to_owned()
    };
    if manifest.retired {
        note += &format!(
            "This server has retired, and does not start again here. On the other machine: {program} backup restore FILE\n"
        );
    }
    let json = json!({ "file": target, "bytes": bytes, "sealed": is_sealed, "removed": removed, "holds": manifest });
    Said { json, text, note }
}

fn inspect(options: &InspectOptions) -> anyhow::Result<Said> {
    let mut archive = open(&options.file, &options.passphrase)?;
    archive.files(|_| Ok(Box::new(io::sink()))).map_err(|error| unreadable(error.into(), &options.file))?;
    let Archive { manifest, is_sealed, .. } = archive;
    let sealed = if is_sealed { "sealed with a passphrase" } else { "not encrypted" };
    let mut text = format!("{}\n{sealed}; every file is what it was\n", held_words(&manifest));
    for held in &manifest.files {
        text += &format!("  {:<24} {}\n", held.name, size(held.bytes));
    }
    Ok(Said { json: json!({ "sealed": is_sealed, "holds": manifest }), text, note: String::new() })
}

fn restore_file(contents: &Contents, data_dir: &Path, options: &RestoreOptions, env: &Env) -> anyhow::Result<Said> {
    let now = env.now();
    if !data_dir.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
        made.with_context(|| format!("cannot create {}", data_dir.display()))?;
    }
    let _lock = Lock::take(data_dir)?;
    let _quiet = Quiet::take(data_dir)?;
    place::settle(data_dir)?;
    if !options.replace && !place::files(data_dir)?.is_empty() {
        let shown = data_dir.display();
        bail!("{shown} is not empty, and nothing is overwritten: --replace puts what is there aside and keeps it");
    }
    let archive = open(&options.file, &options.passphrase)?;
    let by = By::<Settings>::of_process(now);
    let restored = restore(archive, contents, data_dir, (by.actor(), now));
    let restored = restored.map_err(|error| unreadable(error, &options.file))?;
    let manifest = &restored.manifest;
    let mut text = format!("restored in {}: {}\n{}\n", data_dir.display(), held_words(manifest), restored.words);
    if let Some(replaced) = &restored.replaced {
        text += &format!("what was there before is in {}; remove it when all is well\n", replaced.display());
    }
    let note = if manifest.retired {
        String::new()
    } else {
        "See to it that the server which this backup was made of does not run beside this one.\n".to_owned()
    };
    let json =
        json!({ "data_dir": data_dir, "replaced": restored.replaced, "holds": manifest, "done": restored.words });
    Ok(Said { json, text, note })
}

fn open(file: &Path, passphrase: &PassphraseSource) -> anyhow::Result<Archive> {
    Archive::open(file, || passphrase.recall()).map_err(|error| unreadable(error, file))
}

/// The error of a file, with its code where the file is to blame.
fn unreadable(error: anyhow::Error, file: &Path) -> anyhow::Error {
    let shown = file.display().to_string();
    let found = error.chain().find_map(|cause| {
        let inner = cause.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        inner.and_then(|inner| inner.downcast_ref::<Unreadable>())
    });
    match found {
        Some(unreadable) => unreadable.coded(&shown).into(),
        None => error.context(format!("cannot use the backup {shown}")),
    }
}

fn held_words(manifest: &Manifest) -> String {
    let Manifest { program, version, id, made_at, .. } = manifest;
    let made_at = Timestamp::from_secs(*made_at);
    let position = position_words(manifest);
    let retired = if manifest.retired { ", which has retired since" } else { "" };
    format!("{program} {id}{retired}, as of {made_at} (version {version}{position})")
}

fn position_words(manifest: &Manifest) -> String {
    let position = manifest.position.as_ref();
    position.map_or(String::new(), |at| format!(", ledger at epoch {}, sequence {}", at.epoch, at.sequence))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1024 * 1024)),
    }
}
