//! Making a backup while the server works: copy, check, seal, read back, and only then give it its name.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{CWD, RenameFlags, renameat_with, statvfs};
use rustix::io::Errno;

use super::Contents;
use super::age::Sealer;
use super::archive::{self, Archive, Held, Manifest};
use super::passphrase::Passphrase;
use super::place::{COPY, files};
use crate::Env;
use crate::database::{self, Failure};
use crate::files::{directory_of, sync_directory};

/// Room that a backup leaves on the disk of the data directory, so that the server goes on writing.
const ROOM_LEFT: u64 = 64 * 1024 * 1024;

/// What is to be made.
pub(super) struct Order<'a> {
    pub contents: &'a Contents,
    pub data_dir: &'a Path,
    /// The file; none of this name may exist.
    pub target: &'a Path,
    /// None leaves the backup in the open.
    pub passphrase: Option<&'a Passphrase>,
    pub retired: bool,
    pub env: &'a Env,
}

impl Order<'_> {
    /// Makes it; `tell` hears which part of the copy is done. Where it fails, there is no file.
    pub fn make(&self, tell: impl FnMut(u64, u64)) -> anyhow::Result<Manifest> {
        if self.target.try_exists()? {
            bail!("{} exists, and nothing is ever overwritten: name another file", self.target.display());
        }
        let copy = self.data_dir.join(COPY);
        remove_if_there(&copy)?;
        self.check_room()?;
        let made = self.make_of_copy(&copy, tell);
        remove_if_there(&copy)?;
        made
    }

    fn make_of_copy(&self, copy: &Path, tell: impl FnMut(u64, u64)) -> anyhow::Result<Manifest> {
        let database = self.data_dir.join(self.contents.database);
        let room = || format!("cannot copy the database to {}", copy.display());
        database::copy(&database, copy, tell).with_context(room)?;
        let (manifest, paths) = self.manifest(copy)?;
        let part = part_of(self.target)?;
        let shown = self.target.display();
        let finished = self
            .write(&part, &manifest, &paths)
            .and_then(|()| self.read_back(&part))
            .and_then(|()| name_it(&part, self.target).map_err(anyhow::Error::from));
        if finished.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&part);
        }
        finished.with_context(|| format!("cannot make the backup {shown}"))?;
        Ok(manifest)
    }

    /// A copy that fills the disk would keep the server from granting anything.
    fn check_room(&self) -> anyhow::Result<()> {
        let database = self.data_dir.join(self.contents.database);
        let log = self.data_dir.join(format!("{}-wal", self.contents.database));
        let needed = fs::metadata(&database)?.len() + fs::metadata(log).map_or(0, |log| log.len()) + ROOM_LEFT;
        let disk = statvfs(self.data_dir).map_err(io::Error::from)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        anyhow::ensure!(
            free >= needed,
            "the disk of {} has {} MiB free; the copy of the database needs {} MiB there for a while",
            self.data_dir.display(),
            free / 1024 / 1024,
            needed.div_ceil(1024 * 1024)
        );
        Ok(())
    }

    fn manifest(&self, copy: &Path) -> anyhow::Result<(Manifest, Vec<PathBuf>)> {
        let mut db = database::open_read_only(copy)?;
        let schema: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(Failure::from)?;
        let described = (self.contents.describe)(&db.transaction().map_err(Failure::from)?)?;
        let (mut held, mut paths): (Vec<Held>, Vec<PathBuf>) = (Vec::new(), Vec::new());
        let mut add = |name: &str, path: PathBuf| -> io::Result<()> {
            held.push(archive::held(name, &path)?);
            paths.push(path);
            Ok(())
        };
        add(self.contents.database, copy.to_owned())?;
        for name in files(self.data_dir)?.iter().filter(|name| !name.starts_with(self.contents.database)) {
            let path = self.data_dir.join(name);
            add(name, path).with_context(|| format!("cannot read {name} in the data directory"))?;
        }
        let manifest = Manifest {
            program: self.contents.program.to_owned(),
            version: self.contents.version.to_owned(),
            id: described.id,
            made_at: self.env.now().as_secs(),
            schema: database::number(schema),
            position: described.position,
            retired: self.retired,
            files: held,
        };
        Ok((manifest, paths))
    }

    fn write(&self, part: &Path, manifest: &Manifest, paths: &[PathBuf]) -> anyhow::Result<()> {
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
        let mut file = BufWriter::new(file);
        let file = match self.passphrase {
            Some(passphrase) => {
                let mut sealer = Sealer::new(file, passphrase, self.env)?;
                archive::write(&mut sealer, manifest, &paths)?;
                sealer.finish()?
            }
            None => {
                archive::write(&mut file, manifest, &paths)?;
                file
            }
        };
        Ok(file.into_inner().map_err(|error| error.into_error())?.sync_all()?)
    }

    /// Reads what was written as a restore would.
    fn read_back(&self, part: &Path) -> anyhow::Result<()> {
        let passphrase = || self.passphrase.cloned().context("a backup in the open asks for no passphrase");
        Ok(Archive::open(part, passphrase)?.files(|_| Ok(Box::new(io::sink())))?)
    }
}

/// Where a file is written before it has its name.
fn part_of(target: &Path) -> io::Result<PathBuf> {
    let mut name = target.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?.to_owned();
    name.push(format!(".part-{}", std::process::id()));
    Ok(target.with_file_name(name))
}

/// Gives the finished file its name, unless another one has it meanwhile.
fn name_it(part: &Path, target: &Path) -> io::Result<()> {
    match renameat_with(CWD, part, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        // Not every file system can do that in one step.
        Err(Errno::INVAL | Errno::NOSYS) if !target.try_exists()? => fs::rename(part, target)?,
        Err(Errno::INVAL | Errno::NOSYS) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) => return Err(error.into()),
    }
    sync_directory(directory_of(target))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
