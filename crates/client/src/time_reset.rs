//! The way back for a client whose clock was once far ahead: the authority's signed statement of the time
//! (`docs/spec/client-state.md`, 4.1).

use keymuster_core::bundle::Bundle;
use keymuster_core::chain::Chain;
use keymuster_core::clock::{JUMP_SECS_MAX, Mark};
use keymuster_core::invalid::Invalid;
use keymuster_core::request::Act;
use keymuster_core::time::{DAY, Timestamp};

use crate::client::{Client, Loaded};
use crate::error::Error;
use crate::record::MarkRecord;
use crate::request::Open;
use crate::route::{Outcome, Route};
use crate::status::Status;

/// How long an answer in a file may have been on its way, in seconds.
const CARRIED_SECS: u64 = 30 * DAY;

impl Client {
    /// Asks the publisher's authority for the time, and goes by it from then on: the way back where the machine's clock was
    /// once far ahead ([`Status::time_suspect`]). The clock itself must be right by then.
    pub fn reset_time(&self) -> Result<Status, Error> {
        let _contact = self.shared.store.lock(&self.contact_lock())?;
        let open = self.open_request(Act::ResetTime)?;
        match Route::new(self, Act::ResetTime, &|| false).run(open)? {
            (Outcome::TimeStated(issued), authority) => self.go_by(issued, 0, authority.address.to_string())?,
            _ => unreachable!("a request for the time has no other outcome"),
        }
        Ok(self.status())
    }

    /// The same request as a file, to be carried to the publisher. The same file is made again for 30 days, or until its
    /// answer has come.
    pub fn time_request_file(&self) -> Result<Vec<u8>, Error> {
        let _contact = self.shared.store.lock(&self.contact_lock())?;
        self.to_file(Act::ResetTime)
    }

    /// Takes the publisher's answer to [`time_request_file`](Client::time_request_file). Where the clock is wrong the answer
    /// can be taken later, once the clock is right.
    pub fn accept_time_reset(&self, file: &[u8]) -> Result<Status, Error> {
        let _contact = self.shared.store.lock(&self.contact_lock())?;
        let from = "the file";
        let invalid = |why| Error::AnswerInvalid { from: from.into(), why };
        let bundle = Bundle::parse_file(file).map_err(invalid)?;
        let open = self.open_in_file(Act::ResetTime)?;
        let issued = self.time_stated(&bundle, &open).map_err(invalid)?;
        self.go_by(issued, CARRIED_SECS, from.into())?;
        Ok(self.status())
    }

    /// The time in an answer that verifies.
    pub(crate) fn time_stated(&self, bundle: &Bundle, open: &Open) -> Result<Timestamp, Invalid> {
        let Loaded { reader, record, .. } = self.current();
        let known = record.revocations.as_ref().and_then(|bytes| reader.revocations(bytes));
        let chain = Chain::new(reader.product.trust(), bundle, known)?;
        let missing = || Invalid::Malformed("the answer holds no time reset".into());
        let reset = bundle.time_reset.as_ref().ok_or_else(missing)?;
        let asker = reader.asker(reader.product.edition(), Some(open.signed.request), None);
        Ok(chain.time_reset(reset, &asker)?.issued)
    }

    /// Lowers the mark, if the machine's clock agrees, and judges by the new time what was kept by the old one.
    fn go_by(&self, issued: Timestamp, carried_secs: u64, from: String) -> Result<(), Error> {
        let reading = self.shared.settings.env.reading();
        let Some(mark) = Mark::reset(issued, carried_secs, reading) else {
            return Err(Error::ClockWrong { clock: reading.wall, stated: issued, by: from });
        };
        let granted = self.current().held.map(|held| held.issued());
        self.update(|record| {
            record.mark = MarkRecord::of(&mark);
            record.time_request = None;
            record.cut_times(mark.at);
            if let (Some(held), Some(granted)) = (&mut record.held, granted) {
                // By its own times, unless it was granted in what is the future by the time that was stated.
                held.by_duration = granted > mark.at.plus(JUMP_SECS_MAX);
            }
        })
    }
}
