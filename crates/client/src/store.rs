//! The files of a store, most of them in the directory of a publisher (`docs/spec/client-state.md`, 5 to 7).
//!
//! A reader sees a file as it was before or after a write, never between, because a write ends with one rename.
//! Every record ends with its own hash, so that a file which the disk damaged is recognised and put aside.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use minicbor::{Decode, Encode};

use keymuster_core::id::Slug;
use keymuster_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::product::Product;

/// The first bytes of a record.
const MAGIC: &[u8] = b"KMS1\n";
const HASH_LENGTH: usize = 32;
/// The largest file that is read: far more than a licence pack may have.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

pub(crate) const TRUST: &str = "publisher.trust";
pub(crate) const PACK: &str = "publisher.pack";
pub(crate) const IDENTITY: &str = "identity";
const STATE_SUFFIX: &str = ".state";
/// Between the name of a damaged file and the time at which it was put aside.
const DAMAGED: &str = ".damaged-";

/// One directory of a store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

/// Tells one version of a file from the next without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Every write makes a new file, so its number changes even where the clock is coarse.
    number: u64,
}

/// A lock between processes; it is given back when this is dropped, also by a crash.
#[derive(Debug)]
pub(crate) struct Locked {
    _file: File,
}

/// What became of reading a record.
pub(crate) enum Found<T> {
    Nothing,
    Record(T),
    Damaged,
}

impl Store {
    /// The store itself, in which the settings of the machine stand.
    pub(crate) fn root(root: &Path) -> Store {
        Store { directory: root.to_path_buf() }
    }

    pub(crate) fn of(root: &Path, publisher: &Slug) -> Store {
        Store { directory: root.join(publisher.as_str()) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Removes what was put aside as damaged.
    pub(crate) fn remove_damaged(&self) -> Result<(), Error> {
        let remove = || -> io::Result<()> {
            for entry in fs::read_dir(&self.directory)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().contains(DAMAGED) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        remove().map_err(|why| self.unusable("", why))
    }

    /// The products whose states are here, by the copies of trust and pack beside them.
    ///
    /// A state that the pack does not explain is passed over: it belongs to a product that was removed or replaced.
    pub(crate) fn products(&self) -> Result<Vec<Product>, Error> {
        let Some((trust, pack)) = self.read(TRUST)?.zip(self.read(PACK)?) else { return Ok(Vec::new()) };
        let trust = String::from_utf8_lossy(&trust);
        Ok(self.editions()?.iter().filter_map(|edition| Product::new(&trust, &pack, edition).ok()).collect())
    }

    /// The editions that have a state here, in the order of their names, known to a pack or not.
    pub(crate) fn editions(&self) -> Result<Vec<String>, Error> {
        let read = || -> io::Result<Vec<String>> {
            let mut editions = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                let name = entry?.file_name();
                editions.extend(name.to_str().and_then(|name| name.strip_suffix(STATE_SUFFIX)).map(str::to_owned));
            }
            editions.sort();
            Ok(editions)
        };
        read().map_err(|why| self.unusable("", why))
    }

    /// Makes the directory, for the owner alone.
    pub(crate) fn create(&self) -> Result<(), Error> {
        create_directory(&self.directory).map_err(|why| self.unusable("", why))
    }

    /// Waits for the lock of this name and takes it.
    pub(crate) fn lock(&self, name: &str) -> Result<Locked, Error> {
        let take = || -> io::Result<Locked> {
            let path = self.path(name);
            let file = match private().create_new(true).write(true).open(&path) {
                Ok(file) => {
                    give_to_owner_of(&self.directory, &file);
                    file
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => private().write(true).open(&path)?,
                Err(error) => return Err(error),
            };
            file.lock()?;
            Ok(Locked { _file: file })
        };
        take().map_err(|why| self.unusable(name, why))
    }

    /// A whole file; `None` where there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(self.path(name))?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(self.unusable(name, why)),
        }
    }

    /// A record; damaged is one whose hash does not hold, and one that holds something else.
    pub(crate) fn read_record<T: for<'b> Decode<'b, ()>>(&self, name: &str) -> Result<Found<T>, Error> {
        let Some(bytes) = self.read(name)? else { return Ok(Found::Nothing) };
        let record = content(&bytes).and_then(|content| minicbor::decode(content).ok());
        Ok(record.map_or(Found::Damaged, Found::Record))
    }

    pub(crate) fn write_record<T: Encode<()>>(&self, name: &str, content: &T) -> Result<(), Error> {
        let content = minicbor::to_vec(content).expect("writing to a vector cannot fail");
        self.write(name, &record(&content))
    }

    /// Replaces a file as a whole; once this returns, it survives a power cut.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let new = self.path(&format!("{name}.new"));
        let replace = || -> io::Result<()> {
            // A crash may have left one behind.
            let _ = fs::remove_file(&new);
            let mut file = private().create_new(true).write(true).open(&new)?;
            give_to_owner_of(&self.directory, &file);
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, self.path(name))?;
            sync_directory(&self.directory)
        };
        replace().map_err(|why| self.unusable(name, why))
    }

    pub(crate) fn stamp(&self, name: &str) -> Option<Stamp> {
        let metadata = fs::metadata(self.path(name)).ok()?;
        Some(Stamp { modified: metadata.modified().ok(), length: metadata.len(), number: number(&metadata) })
    }

    /// Renames a damaged file so that it does not stand in the way, and says what it is called then.
    pub(crate) fn put_aside(&self, name: &str, now: Timestamp) -> Result<PathBuf, Error> {
        let aside = self.path(&format!("{name}{DAMAGED}{}", now.as_secs()));
        fs::rename(self.path(name), &aside).map_err(|why| self.unusable(name, why))?;
        Ok(aside)
    }

    fn unusable(&self, name: &str, why: io::Error) -> Error {
        Error::StateUnwritable { path: if name.is_empty() { self.directory.clone() } else { self.path(name) }, why }
    }
}

pub(crate) fn state_name(edition: &str) -> String {
    format!("{edition}{STATE_SUFFIX}")
}

/// The lock that is held during an attempt for this edition.
pub(crate) fn contact_lock(edition: &str) -> String {
    format!("{edition}.lock")
}

/// A record: magic, content, and the SHA-256 of both.
fn record(content: &[u8]) -> Vec<u8> {
    let mut bytes = [MAGIC, content].concat();
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes
}

/// The content of a record whose hash holds.
fn content(bytes: &[u8]) -> Option<&[u8]> {
    let (hashed, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH_LENGTH)?)?;
    (Sha256::digest(hashed).as_slice() == hash).then(|| hashed.strip_prefix(MAGIC)).flatten()
}

/// How files are opened for writing: for the owner alone, and never through a link, which the product's user could have
/// laid in the way of root.
#[cfg(unix)]
fn private() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

#[cfg(not(unix))]
fn private() -> fs::OpenOptions {
    fs::OpenOptions::new()
}

#[cfg(unix)]
fn create_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// What root makes in a product's store must stay readable for the product; `file` was just made.
///
/// Only root can give files away, so a failure means that there is nothing to do.
#[cfg(unix)]
fn give_to_owner_of(directory: &Path, file: &File) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    if let (Ok(wanted), Ok(found)) = (fs::metadata(directory), file.metadata())
        && wanted.uid() != found.uid()
    {
        let _ = fchown(file, Some(wanted.uid()), Some(wanted.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner_of(_: &Path, _: &File) {}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> u64 {
    0
}
