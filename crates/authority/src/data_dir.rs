//! The data directory: one directory is one publisher, and this file knows the name of everything in it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use keymuster_core::id::Slug;
use keymuster_core::trust::{self, Trust};
use keymuster_service::backup;
use keymuster_service::files::{read_private, write_private};
use keymuster_service::sql::Connection;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::{keyfile, store};

/// Where one publisher's authority keeps everything.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// The directory at this path, whether it exists or not.
    pub fn new(path: PathBuf) -> DataDir {
        DataDir { path }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root key, where it has not been taken elsewhere.
    pub fn root_key(&self) -> PathBuf {
        self.path.join("root.key")
    }

    /// The issuer key.
    pub fn issuer_key(&self) -> PathBuf {
        self.path.join("issuer.key")
    }

    /// The certificate of the issuer key.
    pub fn issuer_certificate(&self) -> PathBuf {
        self.path.join("issuer.cert")
    }

    /// The secret of the product keys.
    pub fn tags_key(&self) -> PathBuf {
        self.path.join("tags.key")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.path.join("authority.db")
    }

    /// The publisher's trust file, which products and hosts are given.
    pub fn trust_file(&self, publisher: &Slug) -> PathBuf {
        self.path.join(format!("{publisher}.trust"))
    }

    /// Creates the directory for its owner alone; refuses where an authority lives in it already.
    pub fn create(&self) -> Result<(), Error> {
        let taken = [self.root_key(), self.issuer_key(), self.tags_key(), self.database()];
        if let Some(taken) = taken.iter().find(|path| path.exists()) {
            let taken = taken.display();
            return Err(Error::Rule(format!("{taken} exists; nothing is ever overwritten, choose another --data-dir")));
        }
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        created.map_err(|error| Error::file("create", &self.path, &error))
    }

    /// Whether an authority was made here.
    pub fn is_initialised(&self) -> bool {
        self.database().exists()
    }

    /// Opens the database of an authority that was made here before.
    pub fn open_database(&self) -> Result<Connection, Error> {
        if !self.is_initialised() {
            let path = self.path.display();
            let advice = "run `keymuster-authority init`, or point --data-dir to where it was run";
            return Err(Error::Environment(format!("there is no authority in {path}; {advice}")));
        }
        backup::enter(&self.path)?;
        Ok(store::open(&self.database())?)
    }

    /// Reads the publisher's trust file.
    pub fn read_trust(&self, publisher: &Slug) -> Result<Trust, Error> {
        let path = self.trust_file(publisher);
        let text = read_text(&path, trust::SIZE_MAX)?;
        text.parse().map_err(|error| Error::Environment(format!("{}: {error}", path.display())))
    }
}

/// Reads a key file.
pub fn read_key_file(path: &Path) -> Result<Zeroizing<String>, Error> {
    read_text(path, keyfile::SIZE_MAX)
}

/// The error of a key file that gives no key.
pub fn key_file_error(path: &Path, error: &keyfile::NotAKey) -> Error {
    let message = format!("{}: {error}", path.display());
    match error {
        keyfile::NotAKey::Sealed => Error::Rule(message),
        _ => Error::Environment(message),
    }
}

/// Reads a small text file.
pub fn read_text(path: &Path, size_max: usize) -> Result<Zeroizing<String>, Error> {
    let bytes = read_file(path, size_max)?;
    let text = String::from_utf8(bytes).map(Zeroizing::new);
    text.map_err(|_| Error::Environment(format!("{} is not a text file", path.display())))
}

/// Reads a file whole.
pub fn read_file(path: &Path, size_max: usize) -> Result<Vec<u8>, Error> {
    read_private(path, size_max).map_err(|error| Error::Environment(error.to_string()))
}

/// Writes a file whole or not at all, for its owner alone.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_private(path, bytes).map_err(|error| Error::Environment(error.to_string()))
}
