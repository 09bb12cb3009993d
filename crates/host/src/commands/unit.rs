//! `keymuster-host unit`: the unit with which systemd runs this program.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use keymuster_service::config::Loader;
use keymuster_service::unit;

use super::print;

const PACKAGED: &str = include_str!("../../../../packaging/systemd/keymuster-host.service");

/// Runs the command.
pub fn run(data_dir: &Path, loader: &Loader) -> anyhow::Result<()> {
    let config = loader.is_named.then_some(&*loader.path);
    let unit = unit::of_this_program(PACKAGED, "keymuster-host", data_dir, config)?;
    if let Some(caution) = unit.caution {
        writeln!(std::io::stderr(), "note: {caution}").context("cannot write to standard error")?;
    }
    print(&unit.text)
}
