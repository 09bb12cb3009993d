//! Re-arming: an installation gives up its identity, so that each copy of it becomes a client of its own; or the grace of
//! one edition begins anew (`docs/spec/client-state.md`, 11).

use keymuster_core::clock::Mark;
use keymuster_core::time::{HOUR, Timestamp};

use crate::client::{Client, Loaded, Shared, WRITE_LOCK};
use crate::env::Env;
use crate::error::Error;
use crate::product::Product;
use crate::record::{IdentityRecord, Record};
use crate::status::Status;
use crate::store::{Found, IDENTITY, Locked, contact_lock, state_name};

/// How long a running product asks for nothing after it was re-armed, in seconds: the image is captured meanwhile.
const CAPTURE_SECS: u64 = HOUR;

impl Client {
    /// Gives up client id, key and everything that is held, for all editions of this publisher on this machine. The next
    /// client that is opened makes a new identity and begins its grace; so of an image that is captured before that, each
    /// copy becomes a client of its own.
    ///
    /// It waits until attempts that are being made have ended. The publisher allows it a number of times
    /// ([`Status::rearms_left`]); an installation that has not begun anew since the last time stays as it is, and nothing
    /// is counted.
    ///
    /// ```
    /// # use keymuster_client::{Client, Error, Notice, Product, Settings};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let settings = Settings { store: directory.path().to_path_buf(), ..Settings::default() };
    /// # let trust = include_str!("../examples/aurora.trust");
    /// # let product = Product::new(trust, include_bytes!("../examples/aurora.pack"), "desk-pro-2026")?;
    /// let client = Client::open_with(product.clone(), settings.clone())?;
    /// let (id, left) = (client.status().client, client.status().rearms_left);
    /// let status = client.rearm()?;
    /// assert_eq!((status.client, status.rearms_left), (None, left - 1));
    /// assert!(status.notices.contains(&Notice::Rearmed));
    /// assert_ne!(Client::open_with(product, settings)?.status().client, id);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn rearm(&self) -> Result<Status, Error> {
        let store = &self.shared.store;
        let editions = store.editions()?;
        let _contacts = editions
            .iter()
            .map(|edition| store.lock(&contact_lock(edition)))
            .collect::<Result<Vec<Locked>, Error>>()?;
        let write = store.lock(WRITE_LOCK)?;
        let identity = self.identity_on_disk()?;
        if identity.identity().is_some() {
            let rearms = self.one_more(&identity)?;
            // The identity comes last: if this breaks off, it is not counted and can be repeated.
            for edition in &editions {
                self.clear(&state_name(edition))?;
            }
            store.remove_damaged()?;
            store.write_record(IDENTITY, &IdentityRecord::rearmed(rearms))?;
        }
        drop(write);
        Ok(self.status())
    }

    /// Begins the grace of this edition anew; identity and a valid lease stay. It is counted like [`rearm`](Client::rearm).
    pub fn rearm_edition(&self) -> Result<Status, Error> {
        let store = &self.shared.store;
        let _contact = store.lock(&contact_lock(self.product().edition().id.as_str()))?;
        if self.current().rearmed_at.is_some() {
            return Ok(self.status());
        }
        let write = store.lock(WRITE_LOCK)?;
        let identity = self.identity_on_disk()?;
        let rearms = self.one_more(&identity)?;
        if let Some(identity) = identity.identity() {
            store.write_record(IDENTITY, &IdentityRecord::of(&identity, rearms))?;
        }
        drop(write);
        let Loaded { held, .. } = self.current();
        self.update(|record| {
            let now = record.mark.mark().at;
            record.first_use = Some(now);
            record.reminded_at = None;
            if held.is_none_or(|held| !held.is_valid(now)) {
                record.held = None;
            }
            let since = record.held.as_mut().and_then(|held| held.out_of_tolerance_since.as_mut());
            since.into_iter().for_each(|since| *since = now);
        })?;
        Ok(self.status())
    }

    fn identity_on_disk(&self) -> Result<IdentityRecord, Error> {
        Ok(match self.shared.store.read_record(IDENTITY)? {
            Found::Record(identity) => identity,
            // What nobody can read is no identity, and keeps no number.
            Found::Nothing | Found::Damaged => IdentityRecord::default(),
        })
    }

    /// The number of rearms with this one, if the publisher allows it.
    fn one_more(&self, identity: &IdentityRecord) -> Result<u32, Error> {
        let rearms_max = self.product().catalogue().policy.rearms_max;
        let rearms = identity.rearms().saturating_add(1);
        if rearms > u32::from(rearms_max) { Err(Error::RearmsExhausted { rearms_max }) } else { Ok(rearms) }
    }

    /// Leaves of a state what stays true for every copy: which time has passed, and what was revoked.
    fn clear(&self, state_name: &str) -> Result<(), Error> {
        let Shared { store, settings, .. } = &*self.shared;
        let reading = settings.env.reading();
        let cleared = match store.read_record::<Record>(state_name)? {
            Found::Record(record) => {
                Record { revocations: record.revocations, ..Record::new(record.mark.mark().raised(reading)) }
            }
            Found::Nothing | Found::Damaged => Record::new(Mark::first(reading)),
        };
        store.write_record(state_name, &cleared)
    }
}

impl Loaded {
    /// Until when a running product leaves a re-armed installation as it is; `None` where it is in use.
    pub fn captured_until(&self) -> Option<Timestamp> {
        self.rearmed_at.map(|at| at.plus(CAPTURE_SECS))
    }

    pub fn is_being_captured(&self, env: &Env) -> bool {
        self.captured_until().is_some_and(|until| self.now(env) < until)
    }

    pub fn rearms_left(&self, product: &Product) -> u32 {
        u32::from(product.catalogue().policy.rearms_max).saturating_sub(self.rearms)
    }
}
