//! Counting from the stored clients: at the start, for whoever asks without a server, and for a look at all of them.

use std::collections::HashMap;

use keymuster_core::muster::Muster;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Connection;

use super::batch::{Counts, Scope};
use crate::site::Site;
use crate::store;
use crate::store::client::Seen;

/// Counts clients as they are seen, those of one client one after the other.
#[derive(Debug)]
pub(crate) struct Counting {
    /// Family and window of each edition, by the publisher's number and its own.
    families: HashMap<(i64, u16), (u16, u64)>,
    musters: Counts,
    /// The times of the client that was seen last, by family: it counts once in each, at its newest time.
    client: Vec<(Scope, Timestamp)>,
}

impl Counting {
    /// Nobody is counted yet.
    pub(crate) fn new(site: &Site) -> Counting {
        let mut families = HashMap::new();
        for held in &site.publishers {
            for edition in &held.catalogue.editions {
                if let Some(group) = held.catalogue.group_of(edition) {
                    families.insert((held.number, edition.number), (group.family, held.catalogue.policy.window_secs));
                }
            }
        }
        Counting { families, musters: Counts::new(), client: Vec::new() }
    }

    /// Counts a client and edition.
    pub(crate) fn see(&mut self, seen: &Seen) {
        if !seen.is_same {
            self.client.clear();
        }
        let Some((family, window_secs)) = self.families.get(&(seen.publisher, seen.edition)) else { return };
        let scope = (seen.publisher, *family);
        let muster = self.musters.entry(scope).or_insert_with(|| Muster::new(*window_secs));
        let before = self.client.iter().filter(|(of, _)| *of == scope).map(|(_, at)| *at).max();
        muster.asked(before, seen.last_asked);
        self.client.push((scope, seen.last_asked));
    }

    /// The counts.
    pub(crate) fn finish(self) -> Counts {
        self.musters
    }
}

/// Counts, per publisher and family, the clients that asked within the window.
pub(crate) fn count_clients(db: &Connection, site: &Site) -> Result<Counts, Failure> {
    let mut counting = Counting::new(site);
    store::client::each(db, |seen| counting.see(&seen))?;
    Ok(counting.finish())
}
