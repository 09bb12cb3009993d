//! Whole directories of real files, taken in and given out: the disk itself is asked, not the kernel.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::{Disk, Fault, Node, ROOT};

impl Disk {
    /// Takes a directory in, with the files in it; all of it lasts.
    pub fn take_in(&self, directory: &Path) -> anyhow::Result<()> {
        let name = directory.file_name().context("a directory has a name")?;
        let told = |fault: Fault| anyhow::anyhow!("cannot take {} in: {fault:?}", directory.display());
        let to = self.create(ROOT, name, Node::directory()).map_err(told)?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let file = self.create(to, &entry.file_name(), Node::file()).map_err(told)?;
            self.write(file, 0, &fs::read(entry.path())?).map_err(told)?;
        }
        self.sync_all();
        Ok(())
    }

    /// Writes the files of a directory of the root, as they are at one moment, into a real one. The memory that SQLite
    /// shares is left out: whoever looks makes their own.
    pub fn give_out(&self, directory: &str, to: &Path) -> anyhow::Result<()> {
        let found = self.look(|nodes| {
            let number = nodes[&ROOT].names()?.get(OsStr::new(directory)).ok_or(Fault::Missing)?;
            let names = nodes.get(number).ok_or(Fault::Missing)?.names()?;
            let lasts = names.iter().filter(|(name, _)| !super::ends_with(name, "-shm"));
            let files =
                lasts.filter_map(|(name, number)| Some((name.clone(), nodes.get(number)?.bytes().ok()?.to_vec())));
            Ok(files.collect::<Vec<_>>())
        });
        let found = found.map_err(|fault| anyhow::anyhow!("there is no {directory}: {fault:?}"))?;
        found.into_iter().try_for_each(|(name, bytes)| Ok(fs::write(to.join(name), bytes)?))
    }
}
