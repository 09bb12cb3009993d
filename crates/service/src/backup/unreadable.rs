//! Why a file is not read as a backup. What was read before the fault was found is used for nothing.

use std::io;

use keymuster_core::codes;

use crate::exit::Coded;

/// What is wrong with a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Neither a backup nor a file of age with one inside.
    #[error("it is no backup of this program")]
    NotABackup,
    /// It begins like a file of age, and its header has another form.
    #[error("its header is damaged, or is of a form that this program does not know")]
    Header,
    /// It was sealed for keys and not with a passphrase.
    #[error("it was not sealed with a passphrase: open it with the program age first, and restore what comes out")]
    Recipients,
    /// The passphrase is not the one that it was sealed with.
    #[error("the passphrase does not open it; if it is the right one, the file was changed: take another copy")]
    Passphrase,
    /// Bytes differ from those that were written.
    #[error("it was changed or damaged after it was written")]
    Changed,
    /// Its end is missing.
    #[error("its end is missing or damaged")]
    Truncated,
    /// It holds something other than what it says it holds.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
    /// A newer version of the program has written it.
    #[error("it has form {0}, which is newer than this program: use the program's newer version")]
    Newer(u64),
}

impl From<Unreadable> for io::Error {
    fn from(unreadable: Unreadable) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, unreadable)
    }
}

impl Unreadable {
    /// The error that a command ends with.
    pub(super) fn coded(&self, shown: &str) -> Coded {
        let code = match self {
            Unreadable::Passphrase => &codes::BACKUP_PASSPHRASE_WRONG,
            _ => &codes::BACKUP_UNREADABLE,
        };
        Coded { code, detail: format!("{shown}: {self}") }
    }
}
