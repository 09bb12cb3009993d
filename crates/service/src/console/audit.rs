//! What the shared part of a console leaves in the audit of its program.

use crate::sql::Transaction;
use keymuster_core::time::Timestamp;

use crate::database::Failure;

/// One act.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Who did it.
    pub actor: &'a str,
    /// What was done: `account added`.
    pub act: &'static str,
    /// To what.
    pub subject: &'a str,
    /// Further words; never a secret.
    pub detail: &'a str,
    /// When.
    pub at: Timestamp,
}

/// How a program writes an entry, in the transaction of the act.
pub type Record = fn(&Transaction<'_>, &Entry<'_>) -> Result<(), Failure>;
