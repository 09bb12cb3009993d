//! A file or a directory: as it is, as it was when it was last synced, and what was changed between.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::{Fate, Fault, Lot, SECTOR};

/// A file or a directory.
#[derive(Clone, Debug)]
pub struct Node {
    /// Permissions.
    pub mode: u16,
    /// User and group.
    pub owner: (u32, u32),
    /// What it holds.
    pub content: Content,
}

/// What a node holds, with what a power cut would leave of it.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes.
    File {
        /// As they are read.
        bytes: Vec<u8>,
        /// As they last.
        lasting: Vec<u8>,
        /// What leads from these to those, in order.
        pending: Vec<Change>,
    },
    /// Names.
    Directory {
        /// As they are read.
        names: BTreeMap<OsString, u64>,
        /// As they last.
        lasting: BTreeMap<OsString, u64>,
        /// What leads from these to those, in order.
        pending: Vec<NameChange>,
    },
}

/// A change of a file.
#[derive(Clone, Debug)]
pub enum Change {
    /// Bytes at a place.
    Write {
        /// The place.
        at: usize,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Another length.
    Resize(usize),
}

/// A change of a directory.
#[derive(Clone, Debug)]
pub enum NameChange {
    /// A name for a node.
    Set(OsString, u64),
    /// A name less.
    Unset(OsString),
    /// Another name for a node.
    Move(OsString, OsString, u64),
}

impl Node {
    /// An empty directory for its owner alone.
    pub fn directory() -> Node {
        let content = Content::Directory { names: BTreeMap::new(), lasting: BTreeMap::new(), pending: Vec::new() };
        Node { mode: 0o700, owner: (0, 0), content }
    }

    /// An empty file for its owner alone.
    pub fn file() -> Node {
        let content = Content::File { bytes: Vec::new(), lasting: Vec::new(), pending: Vec::new() };
        Node { mode: 0o600, owner: (0, 0), content }
    }

    /// The length of a file.
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::File { bytes, .. } => bytes.len() as u64,
            Content::Directory { .. } => 0,
        }
    }

    /// Whether it holds nothing that takes room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a file.
    pub fn bytes(&self) -> Result<&[u8], Fault> {
        match &self.content {
            Content::File { bytes, .. } => Ok(bytes),
            Content::Directory { .. } => Err(Fault::Unsupported),
        }
    }

    /// The names of a directory.
    pub fn names(&self) -> Result<&BTreeMap<OsString, u64>, Fault> {
        match &self.content {
            Content::Directory { names, .. } => Ok(names),
            Content::File { .. } => Err(Fault::Unsupported),
        }
    }

    pub(super) fn name_of(&self, number: u64) -> Option<OsString> {
        let names = self.names().ok()?;
        names.iter().find(|(_, named)| **named == number).map(|(name, _)| name.clone())
    }

    /// How many bytes longer a change makes it.
    pub(super) fn growth(&self, change: &Change) -> u64 {
        let len = match change {
            Change::Write { at, bytes } => at + bytes.len(),
            Change::Resize(len) => *len,
        };
        (len as u64).saturating_sub(self.len())
    }

    pub(super) fn change(&mut self, change: Change) -> Result<(), Fault> {
        let Content::File { bytes, pending, .. } = &mut self.content else { return Err(Fault::Unsupported) };
        change.apply(bytes);
        pending.push(change);
        Ok(())
    }

    pub(super) fn rename(&mut self, change: NameChange) -> Result<(), Fault> {
        let Content::Directory { names, pending, .. } = &mut self.content else { return Err(Fault::Unsupported) };
        change.apply(names);
        pending.push(change);
        Ok(())
    }

    /// What was changed lasts.
    pub(super) fn sync(&mut self) {
        match &mut self.content {
            Content::File { lasting, pending, .. } => pending.drain(..).for_each(|change| change.apply(lasting)),
            Content::Directory { lasting, pending, .. } => pending.drain(..).for_each(|change| change.apply(lasting)),
        }
    }

    /// What was changed is read, and never lasts.
    pub(super) fn doom(&mut self) {
        match &mut self.content {
            Content::File { pending, .. } => pending.clear(),
            Content::Directory { pending, .. } => pending.clear(),
        }
    }

    /// What is left of it.
    pub(super) fn after_cut(&self, fate: Fate, lot: &Lot) -> Node {
        let content = match &self.content {
            Content::File { lasting, pending, .. } => {
                let mut bytes = lasting.clone();
                pending.iter().for_each(|change| change.apply_part(&mut bytes, fate, lot));
                Content::File { lasting: bytes.clone(), bytes, pending: Vec::new() }
            }
            Content::Directory { lasting, pending, .. } => {
                let mut names = lasting.clone();
                let kept = match fate {
                    Fate::Forgotten | Fate::Unnamed => 0,
                    Fate::InPart | Fate::Torn => lot.below(pending.len() as u64 + 1) as usize,
                };
                pending.iter().take(kept).for_each(|change| change.apply(&mut names));
                Content::Directory { lasting: names.clone(), names, pending: Vec::new() }
            }
        };
        Node { content, ..*self }
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes } => write(file, *at, bytes),
            Change::Resize(len) => file.resize(*len, 0),
        }
    }

    /// What of the change a disk has made when the power goes.
    fn apply_part(&self, file: &mut Vec<u8>, fate: Fate, lot: &Lot) {
        match (fate, self) {
            (Fate::Forgotten, _) => {}
            (Fate::Unnamed, _) => self.apply(file),
            (Fate::Torn, Change::Write { at, bytes }) => {
                let mut at = *at;
                let end = at + bytes.len();
                let mut rest = &bytes[..];
                while at < end {
                    let in_sector = (SECTOR - at % SECTOR).min(end - at);
                    let (sector, others) = rest.split_at(in_sector);
                    if lot.is_one_in(2) {
                        write(file, at, sector);
                    }
                    (at, rest) = (at + in_sector, others);
                }
            }
            (Fate::InPart | Fate::Torn, _) => {
                if lot.is_one_in(2) {
                    self.apply(file);
                }
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<OsString, u64>) {
        match self {
            NameChange::Set(name, number) => drop(names.insert(name.clone(), *number)),
            NameChange::Unset(name) => drop(names.remove::<OsStr>(name)),
            NameChange::Move(from, to, number) => {
                names.remove::<OsStr>(from);
                names.insert(to.clone(), *number);
            }
        }
    }
}

fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}
