//! Taking a product's key off a machine: what it gave goes with it.

use crate::answer::Held;
use crate::client::Client;
use crate::error::Error;
use crate::status::Status;

impl Client {
    /// Removes the installed key and what was activated with it: the lease, which is given back first if its host can be
    /// reached, or the MAK with its activation, which stays used up at the authority.
    ///
    /// The product is not licensed by this any more, and a running [`keep_alive`](Client::keep_alive) asks for nothing
    /// until [`activate`](Client::activate) or [`install_key`](Client::install_key) is called or the product starts again.
    pub fn remove_key(&self) -> Result<Status, Error> {
        if self.current().held.as_ref().and_then(Held::lease).is_some() {
            // A host that cannot be reached frees a seat when its time is over.
            let _ = self.release();
        }
        self.update(|record| {
            record.mak = None;
            record.held = None;
            record.pending = None;
            record.next_attempt = None;
            record.released = true;
        })?;
        Ok(self.status())
    }
}
