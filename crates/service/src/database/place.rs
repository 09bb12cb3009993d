//! Where the database of a server is: a file in its data directory, or a PostgreSQL that the directory names.
//!
//! The directory says so itself, in `database.toml`, and not the configuration: so every command that works on it meets the
//! same database as the server, in whatever environment it runs (`docs/guides/postgresql.md`).

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BUSY_TIMEOUT, Failure, open, open_read_only, server};
use crate::files;
use crate::sql::Connection;
use crate::sql::postgres::Access;

/// The file that names a PostgreSQL.
pub const PLACE_FILE: &str = "database.toml";
/// Three lines, and no more than three paths in them.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// Where a database is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file of SQLite.
    File(PathBuf),
    /// A PostgreSQL.
    Server(Arc<Access>),
}

/// What names a PostgreSQL.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Address {
    /// `postgres://USER@HOST/NAME`, without a password.
    pub url: String,
    /// The file with the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The certificates of who vouches for the server, where these are not the machine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Address {
    /// From here on the database of a data directory is this one.
    pub fn settle(&self, data_dir: &Path) -> Result<(), Failure> {
        let path = data_dir.join(PLACE_FILE);
        let text = toml::to_string(self).expect("three texts can be written");
        files::write_private(&path, text.as_bytes()).map_err(|error| Failure::io("write the place of", &path, error))
    }
}

impl Place {
    /// From here on the database of a data directory is the file in it.
    pub fn settle_on_file(data_dir: &Path) -> Result<(), Failure> {
        let path = data_dir.join(PLACE_FILE);
        fs::remove_file(&path).map_err(|error| Failure::io("forget the place of", &path, error))
    }

    /// Gives a file whose content has moved another name; one of that name is replaced.
    pub fn put_aside(&self) -> Result<(), Failure> {
        let Place::File(path) = self else { return Ok(()) };
        let aside = PathBuf::from(format!("{}.moved", path.display()));
        let renamed = fs::rename(path, &aside).and_then(|()| files::sync_directory(files::directory_of(path)));
        renamed.map_err(|error| Failure::io("rename", path, error))
    }

    /// Where the database of a data directory is; as a file it has this name.
    pub fn of(data_dir: &Path, file_name: &str) -> Result<Place, Failure> {
        let path = data_dir.join(PLACE_FILE);
        let text = match files::read_private(&path, FILE_BYTES_MAX) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::File(data_dir.join(file_name))),
            Err(error) => return Err(Failure::io("read the place of", &path, error)),
        };
        let address: Address = toml::from_str(&text)
            .map_err(|error| Failure::Unfit(format!("{} cannot be read: {}", path.display(), error.message())))?;
        Place::at(&address)
    }

    /// The database at an address.
    pub fn at(address: &Address) -> Result<Place, Failure> {
        let Address { url, password_file, ca_file } = address.clone();
        let access = Access::new(&url, password_file, ca_file).map_err(|error| Failure::Unfit(error.to_string()))?;
        Ok(Place::Server(Arc::new(access)))
    }

    /// Opens it for writing, makes what is missing, and runs those of `migrations` that it lacks.
    pub fn open(&self, migrations: &[&str]) -> Result<Connection, Failure> {
        match self {
            Place::File(path) => open(path, migrations),
            Place::Server(access) => server::open(access, migrations),
        }
    }

    /// Opens it for reading, whatever its version.
    pub fn open_read_only(&self) -> Result<Connection, Failure> {
        match self {
            Place::File(path) => open_read_only(path),
            Place::Server(access) => Ok(Connection::to_postgres(Arc::clone(access), BUSY_TIMEOUT)),
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Place::File(path) => Some(path),
            Place::Server(_) => None,
        }
    }

    /// Whether there is something to look at: a file can be missing, and a server answers for itself.
    pub fn is_there(&self) -> bool {
        self.file().is_none_or(Path::exists)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Server(access) => access.fmt(f),
        }
    }
}
