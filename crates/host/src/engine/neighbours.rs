//! Other servers of this host on the same database: what they have granted since this one looked last.

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;

use super::batch::Asked;
use crate::store::batch::{self, Batch};

/// What is known of the batches of all servers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbours {
    /// The number and time of the newest batch that the counts include; 0 where there was none.
    newest: (u64, Timestamp),
}

/// What others have done.
#[derive(Debug)]
pub(super) enum News {
    /// Nothing.
    None,
    /// These batches, of which the counts have none.
    Batches(Vec<Batch>),
    /// More than is written down: everything is counted anew.
    Unknown,
}

impl Neighbours {
    /// As it is now; the counts are made in the same transaction.
    pub(super) fn look(tx: &Transaction<'_>) -> Result<Neighbours, Failure> {
        Ok(Neighbours { newest: batch::newest(tx)?.unwrap_or_default() })
    }

    /// What happened since.
    pub(super) fn news(&self, tx: &Transaction<'_>) -> Result<News, Failure> {
        let known = self.newest.0;
        let mut batches = batch::from(tx, known)?;
        if known > 0 {
            // The one that is known has to be there still: otherwise the database is an older or another one.
            let is_there = batches.first().is_some_and(|first| (first.number, first.at) == self.newest);
            if !is_there {
                return Ok(News::Unknown);
            }
            batches.remove(0);
        }
        match batches.first() {
            None => Ok(News::None),
            Some(first) if first.number == known + 1 => Ok(News::Batches(batches)),
            Some(_) => Ok(News::Unknown),
        }
    }

    /// The counts include this batch as well.
    pub(super) fn include(&mut self, batch: &Batch) {
        self.newest = (batch.number, batch.at);
    }

    /// The time of the newest batch: none is decided at an earlier one, whatever the clocks of the servers say.
    pub(super) fn time(&self) -> Timestamp {
        self.newest.1
    }

    /// The batch that follows.
    pub(super) fn next(&self, asked: &[Asked], at: Timestamp) -> Batch {
        let asked = asked.iter().map(|asked| {
            let (publisher, family) = asked.scope;
            batch::Asked { publisher, family, before: asked.before }
        });
        Batch { number: self.newest.0 + 1, at, asked: asked.collect() }
    }
}
