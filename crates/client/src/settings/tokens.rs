//! The token files of this machine, as they are read (`docs/spec/client-tokens.md`).
//!
//! They configure and vouch for nothing: what is in one that somebody else has left costs time and nothing more. Who may
//! have left it is looked at on the open file, so that it is not exchanged between the look and the reading.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use keymuster_core::client_token::{ClientToken, SIZE_MAX};
use keymuster_core::id::Slug;

use super::file::Layer;
use super::{Setting, SettingFault};
use crate::product::Product;

const SUFFIX: &str = ".token";
/// More files are not read: there is one for each publisher, or two.
const FILES_MAX: usize = 16;

/// One file that may be used.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Token {
    path: PathBuf,
    token: ClientToken,
    layer: Layer,
}

/// What the files say, and what is wrong with them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tokens {
    /// In the order in which they count.
    files: Vec<Token>,
    pub faults: Vec<SettingFault>,
}

/// The directory of the token files.
#[derive(Debug)]
pub(crate) struct TokenDirectory {
    path: PathBuf,
    /// What was read last, and of what.
    read: Mutex<(Vec<Mark>, Arc<Tokens>)>,
}

/// Tells one version of a file, or of the directory, from the next without reading it.
type Mark = (PathBuf, Option<SystemTime>, u64, [u64; 3]);

impl TokenDirectory {
    pub fn of(path: &Path) -> TokenDirectory {
        TokenDirectory { path: path.to_path_buf(), read: Mutex::default() }
    }

    /// What the files say now. It touches the disk to see whether something has changed, and reads all of them if so.
    pub fn content(&self) -> Arc<Tokens> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = self.paths();
        let marks: Vec<Mark> = [&self.path].into_iter().chain(paths.iter().flatten()).map(|path| mark(path)).collect();
        if marks != read.0 {
            *read = (marks, Arc::new(self.tokens(paths)));
        }
        read.1.clone()
    }

    /// The paths of all token files in the order of their names; none where there is no directory.
    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX)));
        paths.sort();
        Ok(paths)
    }

    fn tokens(&self, paths: io::Result<Vec<PathBuf>>) -> Tokens {
        let mut tokens = Tokens::default();
        let paths = match paths.and_then(|paths| match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(paths),
            metadata => check_owner(&metadata?, "directory").map(|()| paths),
        }) {
            Ok(paths) => paths,
            Err(why) => {
                tokens.fault(&self.path, String::new(), why.to_string());
                return tokens;
            }
        };
        for path in paths.iter().skip(FILES_MAX) {
            tokens.fault(path, String::new(), format!("only the first {FILES_MAX} token files are read"));
        }
        for path in paths.iter().take(FILES_MAX) {
            match read(path)
                .map_err(|why| why.to_string())
                .and_then(|text| text.parse::<ClientToken>().map_err(|why| why.to_string()))
            {
                Ok(token) => tokens.take(path, token),
                Err(why) => tokens.fault(path, String::new(), why),
            }
        }
        // The last name counts first, and one edition before all.
        tokens.files.reverse();
        tokens.files.sort_by_key(|file| file.token.edition.is_none());
        tokens
    }
}

impl Tokens {
    /// The value for a product, and the file that has it.
    pub fn find(&self, setting: Setting, product: &Product) -> Option<(&super::SettingValue, &Path)> {
        let mut files = self.files.iter().filter(|file| file.is_for(product) && file.is_believed(product));
        files.find_map(|file| Some((file.layer.get(&setting)?, file.path.as_path())))
    }

    /// The files that are for a product by their names and not by their keys.
    pub fn faults_for(&self, product: &Product) -> Vec<SettingFault> {
        let others = self.files.iter().filter(|file| file.is_for(product) && !file.is_believed(product));
        let why = format!("it is for other root keys of {} than those of this product", product.publisher());
        others.map(|file| fault(&file.path, "root".to_owned(), why.clone())).collect()
    }

    fn take(&mut self, path: &Path, token: ClientToken) {
        let mut layer = BTreeMap::new();
        for entry in &token.settings {
            let setting = Setting::named(entry.name).expect("what a token file sets are settings");
            match setting.parse_value(&entry.value) {
                Ok(value) => {
                    layer.insert(setting, value);
                }
                Err(_) => {
                    let place = format!("line {}", entry.line);
                    self.fault(path, place, format!("{setting} is {:?}; expected {}", entry.value, setting.expects()));
                }
            }
        }
        self.files.push(Token { path: path.to_path_buf(), token, layer });
    }

    fn fault(&mut self, path: &Path, place: String, why: String) {
        if self.faults.len() < FILES_MAX {
            self.faults.push(fault(path, place, why));
        }
    }
}

impl Token {
    fn is_for(&self, product: &Product) -> bool {
        let is_edition = |edition: &Slug| *edition == product.edition().id;
        self.token.publisher == *product.publisher() && self.token.edition.as_ref().is_none_or(is_edition)
    }

    /// Whether the keys, if there are any, are those of the product: a token adds none.
    fn is_believed(&self, product: &Product) -> bool {
        self.token.roots.is_empty() || self.token.roots.iter().any(|root| product.trust().roots.contains(root))
    }
}

fn fault(path: &Path, place: String, why: String) -> SettingFault {
    SettingFault { file: path.to_path_buf(), place, why, is_out_of_range: false }
}

/// The text of a file that somebody left who may.
fn read(path: &Path) -> io::Result<String> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    check_owner(&metadata, "file")?;
    let mut bytes = Vec::new();
    // One byte more than there may be, so that a longer file is seen to be one.
    file.take(SIZE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("not a token file: this is no UTF-8"))
}

/// Opens a file, no link and, without waiting for a writer, no pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let is_link = || fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    opened.map_err(
        |error| if is_link() { io::Error::other("this is a symbolic link, and does not count") } else { error },
    )
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Whether root or the product's own user left it there, and nobody else can change it.
#[cfg(unix)]
fn check_owner(metadata: &fs::Metadata, what: &str) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = metadata.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!(
            "the {what} belongs to user {owner}; a token counts that root or the user of the product has left"
        )));
    }
    if metadata.mode() & 0o022 != 0 {
        let mode = metadata.mode() & 0o7777;
        return Err(io::Error::other(format!("others may write to the {what} (mode {mode:o}); take that right away")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_: &fs::Metadata, _: &str) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn mark(path: &Path) -> Mark {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = fs::symlink_metadata(path) else { return (path.to_path_buf(), None, 0, [0; 3]) };
    let rights = [metadata.ino(), u64::from(metadata.mode()), u64::from(metadata.uid())];
    (path.to_path_buf(), metadata.modified().ok(), metadata.len(), rights)
}

#[cfg(not(unix))]
fn mark(path: &Path) -> Mark {
    let Ok(metadata) = fs::symlink_metadata(path) else { return (path.to_path_buf(), None, 0, [0; 3]) };
    (path.to_path_buf(), metadata.modified().ok(), metadata.len(), [0; 3])
}

/// Where token files are, unless the environment or the product says otherwise.
pub(super) fn default_directory() -> PathBuf {
    if cfg!(target_os = "macos") {
        return PathBuf::from("/Library/Application Support/keymuster/client.d");
    }
    if cfg!(windows) {
        let data = std::env::var_os("PROGRAMDATA").unwrap_or_else(|| "C:\\ProgramData".into());
        return PathBuf::from(data).join("keymuster\\client.d");
    }
    PathBuf::from("/etc/keymuster/client.d")
}
