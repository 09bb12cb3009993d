//! Which files are read, in which form each is, and how far the reading has come.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use super::event::Event;
use super::ledger::{Ledger, Taken};
use super::text::TextReader;
use super::{csv_file, evtx_file, xml_file};

/// More files of a folder are not read.
const FILES_MAX: usize = 10_000;
/// Folders below folders below the one that was named.
const DEPTH_MAX: usize = 8;
/// What is read in folders; a file that is named itself may be called anything.
const ENDINGS: [&str; 4] = ["evtx", "xml", "csv", "txt"];
/// How often somebody who watches is told, in bytes.
const STEP_BYTES: u64 = 1024 * 1024;

/// The form of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As Windows keeps it.
    Evtx,
    /// As `wevtutil` and the Event Viewer write it.
    Xml,
    /// As PowerShell and the Event Viewer write it.
    Csv,
}

/// A file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRead {
    /// Where it is.
    pub path: PathBuf,
    /// Its form.
    pub form: Form,
    /// Its length.
    pub bytes: u64,
    /// The events of volume activation in it that no other file had.
    pub taken: u64,
    /// The events that another file had, or this one before.
    pub again: u64,
    /// The events of other kinds.
    pub others: u64,
    /// The pieces that could not be understood.
    pub damaged: u64,
    /// Whether it ends in the middle of an event or chunk.
    pub is_cut: bool,
    /// Chunks whose checksum is wrong.
    pub wrong_checksums: u64,
    /// Whether its times are in the zone of the system that wrote it.
    pub is_local_time: bool,
}

/// Why nothing was read.
#[derive(Debug)]
pub enum ReadFailed {
    /// The file system says no.
    Io {
        /// What was to be read.
        path: PathBuf,
        /// What it says.
        why: io::Error,
    },
    /// The folder has no file of the right kind.
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
}

impl fmt::Display for ReadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadFailed::Io { path, why } => write!(f, "cannot read {}: {why}", path.display()),
            ReadFailed::EmptyFolder { path } => {
                write!(f, "no .evtx, .xml, .csv or .txt file is in {}", path.display())
            }
        }
    }
}

impl std::error::Error for ReadFailed {}

impl Form {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Form::Evtx => "evtx",
            Form::Xml => "xml",
            Form::Csv => "csv",
        }
    }
}

impl FileRead {
    /// Whether all of it was understood.
    pub fn is_whole(&self) -> bool {
        self.damaged == 0 && !self.is_cut
    }

    /// Whether there was anything in it that an event log has.
    pub fn is_log(&self) -> bool {
        self.taken + self.again + self.others > 0
    }
}

/// What a reader passes its finds to, and what it counts besides.
pub struct Tally<'a> {
    sink: &'a mut dyn FnMut(Event<'_>),
    pub others: u64,
    pub damaged: u64,
    pub is_cut: bool,
    pub wrong_checksums: u64,
    pub is_local_time: bool,
}

impl<'a> Tally<'a> {
    pub fn new(sink: &'a mut dyn FnMut(Event<'_>)) -> Tally<'a> {
        Tally { sink, others: 0, damaged: 0, is_cut: false, wrong_checksums: 0, is_local_time: false }
    }

    pub fn take(&mut self, event: Event<'_>) {
        (self.sink)(event);
    }
}

/// Reads files and folders into a ledger; `progress` is told how many bytes of how many are done.
pub fn read(
    paths: &[PathBuf],
    ledger: &mut Ledger,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<FileRead>, ReadFailed> {
    let files = files(paths)?;
    let total = files.iter().map(|(_, bytes)| bytes).sum();
    let mut done = 0;
    let mut found = Vec::new();
    for (path, bytes) in files {
        let failed = |why| ReadFailed::Io { path: path.clone(), why };
        let file = File::open(&path).map_err(failed)?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let mut told = 0;
        let mut tell = |read: u64| {
            if read >= told + STEP_BYTES {
                told = read;
                progress(done + read.min(bytes), total);
            }
        };
        let mut read = read_one(Watched { inner: file, read: 0, tell: &mut tell }, &name, ledger).map_err(failed)?;
        done += bytes;
        (read.path, read.bytes) = (path, bytes);
        progress(done, total);
        found.push(read);
    }
    Ok(found)
}

/// Reads one file in whatever form it is.
fn read_one(mut reader: impl Read, name: &str, ledger: &mut Ledger) -> io::Result<FileRead> {
    let mut start = Vec::new();
    reader.by_ref().take(256).read_to_end(&mut start)?;
    let (mut taken, mut again, mut malformed) = (0, 0, 0);
    let mut sink = |event: Event<'_>| match ledger.take(event) {
        Taken::New => taken += 1,
        Taken::Again => again += 1,
        Taken::Malformed => malformed += 1,
    };
    let mut tally = Tally::new(&mut sink);
    let is_evtx = start.starts_with(MAGIC_START);
    let reader = Cursor::new(start).chain(reader);
    let form = if is_evtx {
        evtx_file::read(reader, &mut tally)?;
        Form::Evtx
    } else {
        read_text(TextReader::new(reader)?, name, &mut tally)?
    };
    let Tally { others, damaged, is_cut, wrong_checksums, is_local_time, .. } = tally;
    let damaged = damaged + malformed;
    let path = PathBuf::new();
    Ok(FileRead { path, form, bytes: 0, taken, again, others, damaged, is_cut, wrong_checksums, is_local_time })
}

/// A file that is cut within its first word is still one of this kind.
const MAGIC_START: &[u8] = evtx_file::MAGIC.split_at(7).0;

fn read_text(mut reader: impl Read, name: &str, tally: &mut Tally<'_>) -> io::Result<Form> {
    let mut start = Vec::new();
    reader.by_ref().take(256).read_to_end(&mut start)?;
    let is_xml = start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    let reader = Cursor::new(start).chain(reader);
    if is_xml {
        xml_file::read(reader, tally)?;
        return Ok(Form::Xml);
    }
    csv_file::read(reader, name, tally)?;
    Ok(Form::Csv)
}

/// A reader that says how far it is.
struct Watched<'a, R> {
    inner: R,
    read: u64,
    tell: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.read += length as u64;
        (self.tell)(self.read);
        Ok(length)
    }
}

/// The files with their lengths, each once, those of folders in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<(PathBuf, u64)>, ReadFailed> {
    let mut found = Vec::new();
    for path in paths {
        let failed = |why| ReadFailed::Io { path: path.clone(), why };
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            let before = found.len();
            folder(path, DEPTH_MAX, &mut found)?;
            if found.len() == before {
                return Err(ReadFailed::EmptyFolder { path: path.clone() });
            }
        } else if metadata.is_file() {
            found.push((path.clone(), metadata.len()));
        } else {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|(path, _)| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    Ok(found)
}

fn folder(path: &Path, depth: usize, found: &mut Vec<(PathBuf, u64)>) -> Result<(), ReadFailed> {
    let failed = |why| ReadFailed::Io { path: path.to_owned(), why };
    let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(path).map_err(failed)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // What vanished meanwhile or cannot be seen is no log that somebody put there.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if metadata.is_dir() && depth > 0 {
            folder(&path, depth - 1, found)?;
        } else if metadata.is_file() && ENDINGS.contains(&ending.as_str()) && found.len() < FILES_MAX {
            found.push((path, metadata.len()));
        }
    }
    Ok(())
}

/// Reads bytes as each form of file, for the fuzz targets.
#[cfg(fuzzing)]
pub fn every_form(bytes: &[u8]) {
    let mut ledger = Ledger::default();
    let _ = read_one(bytes, "host", &mut ledger);
    let mut sink = |event: Event<'_>| {
        let _ = event.detail();
    };
    let mut tally = Tally::new(&mut sink);
    let _ = evtx_file::read(bytes, &mut tally);
    let _ = xml_file::read(bytes, &mut tally);
    let _ = csv_file::read(bytes, "host", &mut tally);
}
