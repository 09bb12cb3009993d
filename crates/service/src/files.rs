//! Small private files, such as keys: written whole or not at all, readable by their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Temporary files that earlier crashes may have left behind before a write gives up.
const TEMPORARIES_MAX: u32 = 100;
/// What those may do who are neither owner nor group. A group is an administrator's decision, and systemd's credentials have
/// one that stands for an access list.
const OTHERS: u32 = 0o007;

/// Writes `bytes` to `path` with mode 0600, replacing what was there.
///
/// After a crash at any moment the file holds either the old or the new bytes; when this returns, the new ones.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes).map_err(|error| with_context(&error, "write", path))
}

/// How many bytes an SQLite database takes, with what was written to its log and not yet to itself.
pub fn database_bytes(path: &Path) -> u64 {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    [path, &log].iter().map(|path| path.metadata().map_or(0, |file| file.len())).sum()
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (temporary, mut file) = create_temporary(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to tell; a temporary file that stays does no harm.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_directory(directory_of(path))
}

fn create_temporary(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    for n in 0..TEMPORARIES_MAX {
        let mut temporary_name = name.to_owned();
        temporary_name.push(format!(".new-{}-{n}", std::process::id()));
        let temporary = path.with_file_name(temporary_name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary) {
            Ok(file) => {
                give_to_owner_of(directory_of(path), &file);
                return Ok((temporary, file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many temporary files beside it"))
}

/// Reads the whole of `path`, and refuses more than `max_len` bytes.
pub fn read_private(path: &Path, max_len: usize) -> io::Result<Vec<u8>> {
    read_limited(path, max_len).map_err(|error| with_context(&error, "read", path))
}

/// Reads a file with a secret in the same way, and refuses one that every user of the machine can open.
pub fn read_secret(path: &Path, max_len: usize) -> io::Result<Vec<u8>> {
    refuse_open_secret(path)?;
    read_private(path, max_len)
}

/// Refuses a file with a secret that every user of the machine can open, with what to do about it.
pub fn refuse_open_secret(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path).map_err(|error| with_context(&error, "read", path))?;
    let mode = metadata.permissions().mode();
    // What is no file, such as a pipe, holds nothing for others.
    if metadata.is_file() && mode & OTHERS != 0 {
        let shown = path.display();
        let message = format!(
            "{shown} holds a secret, and every user of this machine can open it (mode {:04o}): run chmod o= {shown}, and let \
             the service alone read it, by its owner or by LoadCredential= in the unit",
            mode & 0o7777
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(())
}

fn read_limited(path: &Path, max_len: usize) -> io::Result<Vec<u8>> {
    // Room for everything from the start, so that growing leaves no copies of a secret behind.
    let mut bytes = Vec::with_capacity(max_len + 1);
    File::open(path)?.take(max_len as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max_len {
        let message = format!("it is larger than {max_len} bytes, so it cannot be what is expected here");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// What root makes in a server's directory must stay readable for the server; `file` was just made.
///
/// Only root can give files away, so a failure means that there is nothing to do.
pub fn give_to_owner_of(directory: &Path, file: &File) {
    if let (Ok(wanted), Ok(found)) = (fs::metadata(directory), file.metadata())
        && wanted.uid() != found.uid()
    {
        let _ = fchown(file, Some(wanted.uid()), Some(wanted.gid()));
    }
}

/// Makes names that were created, renamed or removed in `directory` outlive a power cut.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The directory that holds `path`; that of a bare file name is the current one.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn with_context(error: &io::Error, verb: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {verb} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_everybody_can_open_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dns.key");
        fs::write(&path, b"secret").unwrap();
        for (mode, is_read) in
            [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o602, false), (0o601, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_secret(&path, 100);
            assert_eq!(read.is_ok(), is_read, "{mode:o}");
            let Err(error) = read else { continue };
            assert!(
                error.to_string().contains(&format!("(mode {mode:04o}): run chmod o= {}", path.display())),
                "{error}"
            );
        }
        assert!(read_secret(&directory.path().join("none"), 100).unwrap_err().to_string().starts_with("cannot read "));
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_stays_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("host.key");
        fs::write(&path, b"a longer text than the next one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(read_private(&path, 6).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn what_an_earlier_crash_left_behind_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("host.key");
        let (left_behind, _) = create_temporary(&path).unwrap();
        write_private(&path, b"secret").unwrap();
        assert!(left_behind.exists());
        assert_eq!(read_private(&path, 100).unwrap(), b"secret");
    }

    #[test]
    fn failures_name_the_file_and_leave_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("host.key");
        let message = |result: io::Result<Vec<u8>>| result.unwrap_err().to_string();
        assert!(message(read_private(&path, 100)).starts_with(&format!("cannot read {}", path.display())));
        write_private(&path, b"secret").unwrap();
        assert!(message(read_private(&path, 5)).contains("larger than 5 bytes"));

        let impossible = directory.path().join("a directory");
        fs::create_dir_all(impossible.join("with content")).unwrap();
        let error = write_private(&impossible, b"secret").unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {}", impossible.display())), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "no temporary file stays");
    }
}
