//! The configuration of a server: one table that names each key once, from which come the reading of file, environment and
//! command line, their checks, what is shown, and the reference page.
//!
//! No key holds a secret: a secret is in a file that a key names, so that neither command line nor environment can show it.

mod check;
mod file;
mod flags;
pub mod forms;
mod given;
mod load;
mod reference;
mod show;
mod watch;

pub use check::{Checked, check_text};
pub use flags::{Configured, Flags};
pub use given::{Configuration, Difference, Given, Source, SourceKind};
pub use load::{Broken, Fault, Loader, Place};
pub use reference::markdown;
pub use show::{Shown, shown_text};
pub use watch::{Watch, follow};

/// The key of the directory with a server's data. It is an option of every command, and has a variable of its own.
pub const DATA_DIR: &str = "data-dir";

/// Where a key stands in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// At the top.
    Program,
    /// Once in each table of this kind: `[publisher.NAME]`. Only a file can say it.
    Each(&'static str),
}

/// What a key's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One value.
    Value,
    /// Several, with commas between them, or as an array.
    List,
    /// The path of a file or a directory.
    Path,
    /// The path of a file with a secret.
    Secret,
}

/// When a changed value counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// While the server runs.
    Running,
    /// Once it is started again.
    Restart,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name; one that ends with a dot is followed by a name.
    pub name: &'static str,
    /// Where it stands.
    pub of: Of,
    /// What its value is.
    pub kind: Kind,
    /// When a change counts.
    pub change: Change,
    /// What its value looks like, in words.
    pub expected: String,
    /// What counts where nothing is given, in words.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The value in the one form in which it is shown, or what is expected.
    pub read: fn(name: &'static str, text: &str) -> Result<String, String>,
}

/// Every key of a program.
#[derive(Clone, Debug)]
pub struct Table {
    /// The program.
    pub program: &'static str,
    /// The file that is read if it exists.
    pub path: &'static str,
    /// What the names of its environment variables begin with.
    pub prefix: &'static str,
    /// Variables that begin so and belong to others.
    pub foreign: &'static [&'static str],
    /// The keys, in the order in which they are shown.
    pub keys: Vec<Key>,
}

/// A key as it stands in a file, with the names that are filled in.
#[derive(Clone, Debug)]
pub struct Found {
    /// The key.
    pub key: &'static Key,
    /// Whose, for a key of [`Of::Each`].
    pub owner: Option<String>,
    /// Its name, with what follows the dot.
    pub name: String,
}

impl Key {
    /// Its name for people, with what has to be filled in.
    pub fn pattern(&self) -> String {
        let name = if self.name.ends_with('.') { format!("{}EDITION", self.name) } else { self.name.to_owned() };
        match self.of {
            Of::Program => name,
            Of::Each(kind) => format!("{kind}.NAME.{name}"),
        }
    }

    /// The rest of `name` behind this key's own; `None` where it is another key.
    fn matches<'n>(&self, name: &'n str) -> Option<&'n str> {
        let rest = name.strip_prefix(self.name)?;
        (rest.is_empty() != self.name.ends_with('.')).then_some(rest)
    }
}

impl Table {
    /// The keys at the top of the file, which environment and command line have as well.
    pub fn of_program(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|key| key.of == Of::Program)
    }

    /// The environment variable of a key.
    pub fn variable(&self, key: &Key) -> String {
        if key.name == DATA_DIR {
            return format!("{}DIR", self.prefix);
        }
        format!("{}{}", self.prefix, key.name.replace(['-', '.'], "_").to_ascii_uppercase())
    }

    /// The environment variable that names the file.
    pub fn file_variable(&self) -> String {
        format!("{}CONFIG", self.prefix)
    }

    /// The key of this whole name, such as `port` or `publisher.aurora.renewal-interval`.
    pub fn find(&'static self, whole: &str) -> Option<Found> {
        self.keys.iter().find_map(|key| {
            let (owner, name) = match key.of {
                Of::Program => (None, whole),
                Of::Each(kind) => {
                    let (owner, name) = whole.strip_prefix(kind)?.strip_prefix('.')?.split_once('.')?;
                    (Some(owner.to_owned()), name)
                }
            };
            key.matches(name).map(|_| Found { key, owner, name: name.to_owned() })
        })
    }

    /// The name that was probably meant.
    fn nearest(&self, whole: &str) -> Option<String> {
        let mut parts = whole.split('.');
        let (owner, name) = (parts.nth(1), parts.collect::<Vec<_>>().join("."));
        let known = self.keys.iter().map(|key| match (key.of, owner) {
            (Of::Each(kind), Some(owner)) => {
                let rest = if key.name.ends_with('.') { name.rsplit('.').next().unwrap_or_default() } else { "" };
                format!("{kind}.{owner}.{}{rest}", key.name)
            }
            _ => key.pattern(),
        });
        let known: Vec<String> = known.collect();
        crate::nearest::nearest(whole, known.iter().map(String::as_str)).map(str::to_owned)
    }
}
