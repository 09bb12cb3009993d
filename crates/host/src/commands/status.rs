//! `keymuster-host status`: one screen with what is held, who is counted, and what to do next. Reads, writes nothing.

mod people;

use std::io::ErrorKind;
use std::path::Path;

use anyhow::bail;
use keymuster_core::time::Timestamp;
use keymuster_service::Env;
use keymuster_service::database::Failure;
use keymuster_service::sql::Connection;

use super::{pack, print};
use crate::engine::count_clients;
use crate::forecast::Outlook;
use crate::site::Site;
use crate::views::status::{self, Report};
use crate::{standing, store};

/// Options of `status`.
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
    let report = report(&mut db, data_dir, now)?;
    if options.json {
        return print(&(serde_json::to_string_pretty(&report)? + "\n"));
    }
    print(&people::text(&report))
}

/// The database of a host that is there; looking makes none.
pub(super) fn open_read_only(data_dir: &Path) -> anyhow::Result<Connection> {
    match store::open_read_only(data_dir) {
        Err(Failure::Io { source, .. }) if source.kind() == ErrorKind::NotFound => bail!(
            "there is no host in {} yet; make one with keymuster-host add-publisher --trust FILE --pack FILE, \
             or name the directory of another with --data-dir",
            data_dir.display()
        ),
        opened => Ok(opened?),
    }
}

pub(super) fn report(db: &mut Connection, data_dir: &Path, now: Timestamp) -> anyhow::Result<Report> {
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let mut counts = count_clients(&tx, &site)?;
    let outlook = |held: &_, family: &_| {
        let held: &crate::site::Publisher = held;
        let family: &keymuster_core::catalogue::Family = family;
        Outlook::of(held, family, counts.get_mut(&(held.number, family.number)), now)
    };
    let mut report = status::load(&tx, &site, data_dir, outlook, now)?;
    for (told, held) in report.publishers.iter_mut().zip(&site.publishers) {
        let installed = store::host_key::of_publisher(&tx, held.number)?;
        if !installed.is_empty() {
            told.needs = pack::needs_text("  ", &standing::needs(held, &installed, now));
        }
    }
    Ok(report)
}
