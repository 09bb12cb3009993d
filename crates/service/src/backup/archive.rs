//! What a backup holds, in the open or sealed: a line that names the form, a manifest, and the files one after the other.
//!
//! A reader believes nothing before it has all of it: sizes and hashes stand before the files that they are checked against.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use keymuster_core::id::to_hex;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::age::{MAGIC as AGE, Opener};
use super::passphrase::Passphrase;
use super::unreadable::Unreadable;

/// The form that this program writes, and the newest that it reads.
const FORM: u64 = 1;
const FIRST_WORD: &str = "keymuster-backup ";
/// More files than any data directory has, which is about ten.
const FILES_MAX: usize = 1000;
const MANIFEST_MAX: u64 = 1024 * 1024;
const LINE_MAX: u64 = 64;
const BLOCK: usize = 256 * 1024;

/// What a backup says of itself. Members that are not known are ignored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The program whose data they are.
    pub program: String,
    /// Its version as it made the backup.
    pub version: String,
    /// The id of the host, or the publisher's.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub made_at: u64,
    /// The version of the database's schema.
    pub schema: u64,
    /// The newest place of the ledger, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Whether the server that it was made of has ended for good.
    pub retired: bool,
    /// The files, in the order of their bytes; the first is the database.
    pub files: Vec<Held>,
}

/// A place of a ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Position {
    /// The epoch.
    pub epoch: u64,
    /// The newest entry.
    pub sequence: u64,
    /// The running hash behind it, in hexadecimal digits.
    pub head: String,
}

/// A file in a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Its name in the data directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its hash, in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    fn check(self) -> Result<Manifest, Unreadable> {
        let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        let mut names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        let bad = match names.iter().find(|name| !is_name(name)) {
            Some(name) => format!("{name:?} is no name of a file"),
            None if names.len() < count => "a file occurs twice".to_owned(),
            None if count == 0 || count > FILES_MAX => format!("it names {count} files"),
            None => return Ok(self),
        };
        Err(Unreadable::Contradiction(bad))
    }
}

/// A file of the data directory, and where its bytes are at the moment.
pub(super) fn held(name: &str, path: &Path) -> io::Result<Held> {
    let (mut file, mut hash, mut bytes, mut block) = (File::open(path)?, Context::new(&SHA256), 0, vec![0; BLOCK]);
    loop {
        let len = file.read(&mut block)?;
        if len == 0 {
            return Ok(Held { name: name.to_owned(), bytes, sha256: to_hex(hash.finish().as_ref()) });
        }
        hash.update(&block[..len]);
        bytes += len as u64;
    }
}

/// Writes a backup; `paths` are those of the manifest's files.
pub(super) fn write(to: &mut impl Write, manifest: &Manifest, paths: &[&Path]) -> io::Result<()> {
    let line = serde_json::to_string(manifest)?;
    write!(to, "{FIRST_WORD}{FORM}\n{line}\n")?;
    for (held, path) in manifest.files.iter().zip(paths) {
        let copied = io::copy(&mut File::open(path)?.take(held.bytes), to)?;
        if copied != held.bytes {
            let message = format!("{} has become shorter meanwhile; try again", path.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
    }
    to.flush()
}

/// A backup that is open: what it says of itself, and the files behind it.
pub(super) struct Archive {
    pub manifest: Manifest,
    pub is_sealed: bool,
    rest: Box<dyn BufRead>,
}

impl Archive {
    /// Opens a file; `passphrase` is asked for where it is sealed.
    pub fn open(path: &Path, passphrase: impl FnOnce() -> anyhow::Result<Passphrase>) -> anyhow::Result<Archive> {
        let mut file = BufReader::with_capacity(BLOCK, File::open(path)?);
        let is_sealed = file.fill_buf()?.starts_with(AGE);
        let mut rest: Box<dyn BufRead> = if is_sealed {
            Box::new(BufReader::with_capacity(BLOCK, Opener::new(file, &passphrase()?)?))
        } else {
            Box::new(file)
        };
        let manifest = read_manifest(&mut rest)?;
        Ok(Archive { manifest, is_sealed, rest })
    }

    /// Gives every file to `take`, which writes it or does not, and makes sure that each is what the manifest says and
    /// that nothing follows.
    pub fn files(&mut self, mut take: impl FnMut(&Held) -> io::Result<Box<dyn Write>>) -> io::Result<()> {
        for held in &self.manifest.files {
            let mut to = take(held)?;
            let (mut hash, mut block, mut missing) = (Context::new(&SHA256), vec![0; BLOCK], held.bytes);
            while missing > 0 {
                let most = usize::try_from(missing).unwrap_or(BLOCK).min(BLOCK);
                let len = self.rest.read(&mut block[..most])?;
                if len == 0 {
                    return Err(Unreadable::Truncated.into());
                }
                hash.update(&block[..len]);
                to.write_all(&block[..len])?;
                missing -= len as u64;
            }
            to.flush()?;
            if to_hex(hash.finish().as_ref()) != held.sha256 {
                return Err(Unreadable::Changed.into());
            }
        }
        match self.rest.fill_buf()? {
            [] => Ok(()),
            _ => Err(Unreadable::Contradiction("something follows its last file".to_owned()).into()),
        }
    }
}

fn read_manifest(from: &mut impl BufRead) -> io::Result<Manifest> {
    let first = line(from, LINE_MAX)?.ok_or(Unreadable::NotABackup)?;
    let form = first.strip_prefix(FIRST_WORD).and_then(|form| form.parse().ok()).ok_or(Unreadable::NotABackup)?;
    if form != FORM {
        return Err(Unreadable::Newer(form).into());
    }
    let text = line(from, MANIFEST_MAX)?.ok_or(Unreadable::Truncated)?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| Unreadable::Contradiction(error.to_string()))?;
    Ok(manifest.check()?)
}

/// A line without its end; `None` where there is none of at most `max` bytes.
fn line(from: &mut impl BufRead, max: u64) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.take(max).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8(bytes).ok();
    Ok(text.and_then(|mut text| text.ends_with('\n').then(|| text.truncate(text.len() - 1)).map(|()| text)))
}
