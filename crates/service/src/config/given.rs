//! What was given to a server, key by key, each with where it was given; of several places the one that counts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::{Change, Table};

/// By what means a value was given. The later ones count before the earlier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SourceKind {
    /// By the file.
    File,
    /// By a credential of the service manager, which has the name of the key.
    Credential,
    /// By the environment.
    Environment,
    /// By the command line.
    CommandLine,
}

/// Where a value was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// By what means.
    pub kind: SourceKind,
    /// The place for people: `/etc/keymuster/host.toml:3`, `KEYMUSTER_HOST_PORT`, `--port`.
    pub place: String,
}

/// A value that was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// In the one form in which it is shown.
    pub value: String,
    /// Where.
    pub source: Source,
}

/// Everything that was given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Configuration {
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// By whole name.
    pub given: BTreeMap<String, Given>,
}

/// A key for which something else is given than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Its whole name.
    pub name: String,
    /// Before.
    pub before: Option<Given>,
    /// Now.
    pub after: Option<Given>,
    /// When it counts.
    pub change: Change,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [SourceKind; 4] =
        [SourceKind::File, SourceKind::Credential, SourceKind::Environment, SourceKind::CommandLine];

    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            SourceKind::File => "file",
            SourceKind::Credential => "credential",
            SourceKind::Environment => "environment",
            SourceKind::CommandLine => "command-line",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SourceKind::File => write!(f, "{}", self.place),
            SourceKind::Credential => write!(f, "the credential {}", self.place),
            SourceKind::Environment => write!(f, "{} in the environment", self.place),
            SourceKind::CommandLine => write!(f, "{} on the command line", self.place),
        }
    }
}

impl Configuration {
    /// The value of a key, if one was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|given| given.value.as_str())
    }

    /// Notes a value, unless one that counts before it is there.
    pub(super) fn give(&mut self, name: String, given: Given) {
        let is_less = self.given.get(&name).is_some_and(|known| known.source.kind > given.source.kind);
        if !is_less {
            self.given.insert(name, given);
        }
    }

    /// For which keys `newer` gives other values.
    pub fn differences(&self, newer: &Configuration, table: &'static Table) -> Vec<Difference> {
        let mut names: Vec<&String> = self.given.keys().chain(newer.given.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let differs = |name: &&String| self.get(name) != newer.get(name);
        let difference = |name: &String| Difference {
            name: name.clone(),
            before: self.given.get(name).cloned(),
            after: newer.given.get(name).cloned(),
            change: table.find(name).map_or(Change::Restart, |found| found.key.change),
        };
        names.into_iter().filter(differs).map(difference).collect()
    }

    /// The same with those values of `started` that only a restart can change.
    pub fn in_force(&self, started: &Configuration, table: &'static Table) -> Configuration {
        let is_kept = |name: &&String| table.find(name).is_some_and(|found| found.key.change == Change::Restart);
        let newer = self.given.iter().filter(|(name, _)| !is_kept(name));
        let kept = started.given.iter().filter(|(name, _)| is_kept(name));
        let given = newer.chain(kept).map(|(name, given)| (name.clone(), given.clone())).collect();
        Configuration { file: self.file.clone(), given }
    }
}
