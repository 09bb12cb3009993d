//! What comes from files and standard input, and what goes to files.
//!
//! Secrets come from a file or from standard input and never from the command line, which every user of the machine can
//! read. Every file is written for its owner alone: most of them hold a secret.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use crate::answer::{note, read_line};
use crate::failure::Failure;

/// A key has 29 characters.
const SECRET_MAX: u64 = 256;
/// More than a host takes as one document.
const DOCUMENT_MAX: u64 = 16 * 1024 * 1024;

/// A secret, called `what`, from its file or a line of standard input.
pub fn secret(what: &str, file: Option<&Path>) -> Result<String, Failure> {
    let text = match file {
        Some(path) => {
            let bytes = read(path, SECRET_MAX, what)?;
            let advice = "write it alone into the file";
            let no_text =
                |_| Failure::usage(format!("{} does not hold a {what}: it is no text", path.display()), advice);
            String::from_utf8(bytes).map_err(no_text)?.trim().to_owned()
        }
        None => {
            if io::stdin().is_terminal() {
                note(format!("type the {what}:"));
            }
            read_line()?
        }
    };
    if text.is_empty() {
        return Err(Failure::usage(format!("there is no {what}"), "type it, pipe it in, or name a file that holds it"));
    }
    Ok(text)
}

/// A document.
pub fn document(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, DOCUMENT_MAX, "document of a publisher")
}

fn read(path: &Path, len_max: u64, what: &str) -> Result<Vec<u8>, Failure> {
    let metadata = fs::metadata(path).map_err(|why| Failure::file(path, &why))?;
    if metadata.len() > len_max {
        let message = format!("{} has {} bytes, so it is no {what}", path.display(), metadata.len());
        return Err(Failure::usage(message, "name another file"));
    }
    fs::read(path).map_err(|why| Failure::file(path, &why))
}

/// Writes a file as a whole for its owner alone; what was there before is replaced. It is on the medium when this returns.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // A terminal, a pipe or a link would be replaced as well.
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Failure::usage(format!("{} is there and is no plain file", path.display()), "name another file"));
    }
    replace(path, bytes).map_err(|why| Failure::file(path, &why))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let new = path.with_file_name(name);
    let mut file = private().write(true).create_new(true).open(&new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&new);
    }
    written?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_directory(directory.unwrap_or(Path::new(".")))
}

/// How files are opened for writing that are for their owner alone. On Windows the directory's rights are inherited, and
/// those of a user's own directories are for that user.
fn private() -> OpenOptions {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "the mode is one of Unix"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// Windows opens no directories as files.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The path of the file with this number: `x.request`, `x-2.request`, `x-3.request`.
pub fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(suffix) = path.extension() {
        name.push(".");
        name.push(suffix);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn files_are_replaced_as_a_whole_and_stay_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.request");
        fs::write(&path, "a longer text than the next one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        for not in [&link, Path::new("/dev/null"), directory.path(), &directory.path().join("none/x")] {
            assert!(write_private(not, b"").is_err(), "{}", not.display());
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing else stays");
    }

    #[test]
    fn secrets_are_short_texts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        for (bytes, expected) in [
            (&b" BCDFG-HJKMP\n"[..], Ok("BCDFG-HJKMP")),
            (b"\n", Err("there is no key")),
            (b"\xff", Err("does not hold a key: it is no text")),
            (&[b'B'; 257], Err("has 257 bytes, so it is no key")),
        ] {
            fs::write(&path, bytes).unwrap();
            match (secret("key", Some(&path)), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{found}"),
                (found, _) => panic!("{bytes:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn further_files_are_numbered_before_their_suffix() {
        for (path, number, expected) in
            [("a/x.request", 1, "a/x.request"), ("a/x.request", 2, "a/x-2.request"), ("x", 3, "x-3")]
        {
            assert_eq!(numbered(Path::new(path), number), Path::new(expected));
        }
    }
}
