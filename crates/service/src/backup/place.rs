//! The data directory as backups see it: who works on it, what a restore that was interrupted left, whether it has moved away.
//!
//! A restored directory is put in place by renaming alone. Every step can be repeated, so that whoever comes next finishes it:
//!
//! 1. `restore.ready-T` holds everything new, durable. Until it has this name, nothing has happened.
//! 2. What was there goes to `replaced-T`; then the directory is called `restore.moving-T`.
//! 3. The new files go to their places; then the directory is gone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use keymuster_core::codes;
use keymuster_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::Coded;
use crate::files::{read_private, sync_directory, write_private};

/// The file that a running server keeps locked.
const SERVING: &str = "serving";
/// What says that the data have moved to another machine.
const MOVED: &str = "moved";
const MOVED_SIZE_MAX: usize = 4096;
/// A restore in the making; nothing looks into it but another restore, which removes it.
pub(super) const UNFINISHED: &str = "restore.unfinished";
/// The copy of the database, as long as a backup is made.
pub(super) const COPY: &str = "backup.unfinished";
const READY: &str = "restore.ready-";
const MOVING: &str = "restore.moving-";
const REPLACED: &str = "replaced-";

/// How long whoever looks for a server has its lock at most, and the time between two attempts.
const LOOKS_WITHIN: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(10);

/// Where the data have gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moved {
    /// The backup that they have gone with.
    pub file: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

/// The data directory, for one backup or restore at a time. The system ends the lock with the process.
#[derive(Debug)]
pub(super) struct Lock {
    _directory: File,
}

/// The directory without a server, until this is dropped.
#[derive(Debug)]
pub(super) struct Quiet {
    _serving: File,
}

/// Makes a data directory ready to be worked on: finishes a restore that was interrupted, and refuses one that has moved
/// away. One that does not exist is as good as any.
pub fn enter(data_dir: &Path) -> anyhow::Result<()> {
    if unfinished(data_dir)?.is_some() {
        let _lock = Lock::wait(data_dir)?;
        settle(data_dir)?;
    }
    let Some(Moved { file, at }) = moved(data_dir)? else { return Ok(()) };
    let (shown, at) = (data_dir.display(), Timestamp::from_secs(at));
    let detail = format!("what was in {shown} has moved away: on {at}, with the backup {file}");
    Err(Coded { code: &codes::DATA_MOVED, detail }.into())
}

/// Where the data of a directory have gone, where they have.
pub fn moved(data_dir: &Path) -> io::Result<Option<Moved>> {
    let path = data_dir.join(MOVED);
    if !path.try_exists().unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&read_private(&path, MOVED_SIZE_MAX)?)?))
}

/// Says that the data have gone with a backup.
pub(super) fn move_away(data_dir: &Path, moved: &Moved) -> io::Result<()> {
    write_private(&data_dir.join(MOVED), &serde_json::to_vec(moved)?)
}

impl Lock {
    /// Takes the directory, unless another backup or restore has it.
    pub fn take(data_dir: &Path) -> anyhow::Result<Lock> {
        let directory = File::open(data_dir)?;
        match directory.try_lock() {
            Ok(()) => Ok(Lock { _directory: directory }),
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!("another backup or restore works on {}: wait for its end", data_dir.display())
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn wait(data_dir: &Path) -> io::Result<Lock> {
        let directory = File::open(data_dir)?;
        directory.lock()?;
        Ok(Lock { _directory: directory })
    }
}

impl Quiet {
    /// Keeps servers away from the directory, unless one is there.
    pub fn take(data_dir: &Path) -> anyhow::Result<Quiet> {
        let serving = open_serving(data_dir)?;
        let begin = Instant::now();
        loop {
            match serving.try_lock() {
                Ok(()) => return Ok(Quiet { _serving: serving }),
                // It may be somebody who looks whether a server is there, and has the lock for that moment.
                Err(TryLockError::WouldBlock) if begin.elapsed() < LOOKS_WITHIN => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    anyhow::bail!("a server works in {}: stop it first", data_dir.display())
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }
}

/// Says that a server works in the directory, until this is dropped; several may.
pub fn occupy(data_dir: &Path) -> anyhow::Result<File> {
    let serving = open_serving(data_dir)?;
    match serving.try_lock_shared() {
        Ok(()) => Ok(serving),
        Err(TryLockError::WouldBlock) => {
            anyhow::bail!("a backup is being restored in {}: start the server afterwards", data_dir.display())
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn open_serving(data_dir: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(data_dir.join(SERVING))
}

/// The files of a data directory that are its content, by name; what lies deeper is not looked at.
pub(super) fn files(data_dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(data_dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_ours = name == SERVING || name.starts_with(COPY) || name.starts_with('.') || name.contains(".new-");
        if entry.file_type()?.is_file() && !is_ours {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes the directory for a restore in the making, and removes an earlier one.
pub(super) fn begin(data_dir: &Path) -> io::Result<PathBuf> {
    let directory = data_dir.join(UNFINISHED);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}

/// Puts what was made in [`begin`]'s directory in the place of what is there, which goes to a directory that is returned.
pub(super) fn replace(data_dir: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let unfinished = data_dir.join(UNFINISHED);
    sync_directory(&unfinished)?;
    let replaced = (!files(data_dir)?.is_empty()).then(|| data_dir.join(format!("{REPLACED}{}", compact(now))));
    fs::rename(&unfinished, data_dir.join(format!("{READY}{}", compact(now))))?;
    sync_directory(data_dir)?;
    settle(data_dir)?;
    Ok(replaced)
}

/// A time as it stands in names: `20270115T080000Z`.
pub(super) fn compact(at: Timestamp) -> String {
    at.to_string().replace(['-', ':'], "")
}

/// What an interrupted restore has left: the directory, and whether the old files are out of its way.
fn unfinished(data_dir: &Path) -> io::Result<Option<(PathBuf, String, bool)>> {
    let entries = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Whoever works on the directory meets the same fault, and knows better how to say it.
        Err(_) => return Ok(None),
        Ok(entries) => entries,
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        for (prefix, is_moving) in [(READY, false), (MOVING, true)] {
            if let Some(time) = name.strip_prefix(prefix) {
                return Ok(Some((entry.path(), time.to_owned(), is_moving)));
            }
        }
    }
    Ok(None)
}

/// Does what is left of a restore.
pub(super) fn settle(data_dir: &Path) -> io::Result<()> {
    let Some((mut directory, time, is_moving)) = unfinished(data_dir)? else { return Ok(()) };
    if !is_moving {
        let old = files(data_dir)?;
        let replaced = data_dir.join(format!("{REPLACED}{time}"));
        if !old.is_empty() && !replaced.exists() {
            DirBuilder::new().mode(0o700).create(&replaced)?;
        }
        for name in old {
            fs::rename(data_dir.join(&name), replaced.join(&name))?;
        }
        if replaced.exists() {
            sync_directory(&replaced)?;
        }
        let moving = data_dir.join(format!("{MOVING}{time}"));
        fs::rename(&directory, &moving)?;
        sync_directory(data_dir)?;
        directory = moving;
    }
    for name in files(&directory)? {
        fs::rename(directory.join(&name), data_dir.join(&name))?;
    }
    sync_directory(data_dir)?;
    fs::remove_dir_all(&directory)?;
    sync_directory(data_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn read(directory: &Path) -> Vec<(String, String)> {
        let names = files(directory).unwrap();
        names.into_iter().map(|name| (name.clone(), fs::read_to_string(directory.join(name)).unwrap())).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// A directory with old files, and with new ones in the making.
    fn prepared() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [("a.db", "old"), ("a.db-wal", "old"), ("key", "old"), (SERVING, "")] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        fs::create_dir(directory.path().join("replaced-before")).unwrap();
        let unfinished = begin(directory.path()).unwrap();
        for (name, text) in [("a.db", "new"), ("key", "new"), ("more", "new")] {
            fs::write(unfinished.join(name), text).unwrap();
        }
        directory
    }

    #[test]
    fn the_new_files_take_the_place_of_the_old_wherever_it_is_interrupted() {
        let new = pairs(&[("a.db", "new"), ("key", "new"), ("more", "new")]);
        let old = pairs(&[("a.db", "old"), ("a.db-wal", "old"), ("key", "old")]);
        let whole = prepared();
        let replaced = replace(whole.path(), NOW).unwrap().unwrap();
        assert_eq!((read(whole.path()), read(&replaced)), (new.clone(), old.clone()));
        assert_eq!(replaced, whole.path().join("replaced-20270115T080000Z"));

        // Each number of renames after which the power fails, by hand, as `settle` does them.
        for steps in 0..7 {
            let directory = prepared();
            let data_dir = directory.path();
            let name = |prefix: &str| data_dir.join(format!("{prefix}{}", compact(NOW)));
            let (ready, moving, replaced) = (name(READY), name(MOVING), name(REPLACED));
            let mut renames = vec![(data_dir.join(UNFINISHED), ready.clone())];
            renames.extend(["a.db", "a.db-wal", "key"].map(|name| (data_dir.join(name), replaced.join(name))));
            renames.push((ready, moving.clone()));
            renames.extend(["a.db", "key"].map(|name| (moving.join(name), data_dir.join(name))));
            if steps > 0 {
                fs::create_dir(&replaced).unwrap();
            }
            for (from, to) in &renames[..=steps.min(renames.len() - 1)] {
                fs::rename(from, to).unwrap();
            }
            enter(data_dir).unwrap();
            assert_eq!((read(data_dir), read(&replaced)), (new.clone(), old.clone()), "after {steps}");
            assert!(unfinished(data_dir).unwrap().is_none());
        }
    }

    #[test]
    fn before_the_first_rename_nothing_has_happened() {
        let directory = prepared();
        enter(directory.path()).unwrap();
        assert_eq!(read(directory.path()).len(), 3);
        assert!(read(directory.path()).iter().all(|(_, text)| text == "old"));
        begin(directory.path()).unwrap();
        assert!(read(&directory.path().join(UNFINISHED)).is_empty(), "what was left is removed");
    }

    #[test]
    fn servers_backups_and_restores_keep_out_of_each_others_way() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        let server = (occupy(data_dir).unwrap(), occupy(data_dir).unwrap());
        assert!(Quiet::take(data_dir).unwrap_err().to_string().contains("stop it first"));
        drop(server);
        let quiet = Quiet::take(data_dir).unwrap();
        assert!(occupy(data_dir).unwrap_err().to_string().contains("being restored"));
        drop(quiet);
        let lock = Lock::take(data_dir).unwrap();
        assert!(Lock::take(data_dir).unwrap_err().to_string().contains("another backup or restore"));
        drop(lock);
        Lock::take(data_dir).unwrap();

        enter(data_dir).unwrap();
        move_away(data_dir, &Moved { file: "/mnt/host.age".to_owned(), at: NOW.as_secs() }).unwrap();
        let error = enter(data_dir).unwrap_err();
        assert_eq!(error.downcast_ref::<Coded>().unwrap().code, &codes::DATA_MOVED);
        assert!(error.to_string().ends_with("has moved away: on 2027-01-15T08:00:00Z, with the backup /mnt/host.age"));
    }
}
