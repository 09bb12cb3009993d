//! Opening a client: what is on disk is read, what is missing is made, what is damaged is put aside.

use std::path::PathBuf;

use minicbor::Decode;

use keymuster_core::clock::Mark;
use keymuster_core::time::Timestamp;

use crate::client::{Loaded, WRITE_LOCK};
use crate::error::Error;
use crate::product::Product;
use crate::record::{Identity, IdentityRecord, MarkRecord, Record};
use crate::settings::Settings;
use crate::store::{Found, IDENTITY, PACK, Store, TRUST, state_name};

/// What is at hand while a client is being opened.
pub(crate) struct Opening<'a> {
    pub product: &'a Product,
    pub settings: &'a Settings,
    pub store: &'a Store,
}

impl Opening<'_> {
    /// Reads what is held, or as much as can be had of a store that cannot be written.
    pub fn load(&self) -> Result<Loaded, Error> {
        let begun = self.store.create().and_then(|()| {
            let _write = self.store.lock(WRITE_LOCK)?;
            self.begin()
        });
        match begun {
            Err(why @ Error::StateUnwritable { .. }) => self.read_only(why),
            result => result,
        }
    }

    /// The same for somebody who looks: an installation that was re-armed stays so.
    pub fn look(&self) -> Result<Loaded, Error> {
        match self.read() {
            Ok(Some(loaded)) if loaded.rearmed_at.is_some() => Ok(loaded),
            _ => self.load(),
        }
    }

    /// Reads identity and state, makes what is missing, puts aside what is damaged, notes the first use, and compares the
    /// machine with what is held. Whoever calls it holds the lock.
    pub fn begin(&self) -> Result<Loaded, Error> {
        let env = &self.settings.env;
        let reading = env.reading();
        let (found, damaged_identity) = self.own::<IdentityRecord>(IDENTITY, reading.wall)?;
        let rearms = found.as_ref().map_or(0, IdentityRecord::rearms);
        let identity = match found.and_then(|found| found.identity()) {
            Some(identity) => identity,
            None => self.new_identity(rearms)?,
        };
        let state_name = state_name(self.product.edition().id.as_str());
        let (record, damaged_state) = self.own::<Record>(&state_name, reading.wall)?;
        let mut record = record.unwrap_or_else(|| Record::new(Mark::first(reading)));
        let mark = record.mark.mark().raised(reading);
        record.mark = MarkRecord::of(&mark);
        record.first_use.get_or_insert(mark.at);
        record.salt.get_or_insert_with(|| env.random());
        if let Some(aside) = damaged_state.or(damaged_identity) {
            record.damaged = Some(aside.display().to_string());
        }
        let mut loaded = Loaded::new(identity, rearms, record, self.product);
        loaded.note_machine(env);
        self.store.write_record(&state_name, &loaded.record)?;
        self.keep_copies()?;
        loaded.stamp(self.store, &state_name);
        Ok(loaded)
    }

    /// What a store that cannot be written still says; `why` it cannot is the error where it says too little.
    fn read_only(&self, why: Error) -> Result<Loaded, Error> {
        let found = self.read().ok().flatten();
        let Some(mut loaded) = found.filter(|loaded| loaded.rearmed_at.is_none()) else { return Err(why) };
        loaded.note_machine(&self.settings.env);
        loaded.read_only = Some(why.to_string());
        Ok(loaded)
    }

    /// Identity and state as they are; `None` where one of them is missing or damaged.
    fn read(&self) -> Result<Option<Loaded>, Error> {
        let state_name = state_name(self.product.edition().id.as_str());
        let (identity, record) = (self.store.read_record(IDENTITY)?, self.store.read_record(&state_name)?);
        let (Found::Record(identity), Found::Record(record)) = (identity, record) else { return Ok(None) };
        let mut loaded = Loaded::of(&identity, record, self.product, &self.settings.env);
        loaded.stamp(self.store, &state_name);
        Ok(Some(loaded))
    }

    /// A record of ours, and where a damaged one was put.
    fn own<T: for<'b> Decode<'b, ()>>(
        &self,
        name: &str,
        now: Timestamp,
    ) -> Result<(Option<T>, Option<PathBuf>), Error> {
        Ok(match self.store.read_record(name)? {
            Found::Nothing => (None, None),
            Found::Record(record) => (Some(record), None),
            Found::Damaged => (None, Some(self.store.put_aside(name, now)?)),
        })
    }

    fn new_identity(&self, rearms: u32) -> Result<Identity, Error> {
        let identity = Identity::random(&self.settings.env);
        self.store.write_record(IDENTITY, &IdentityRecord::of(&identity, rearms))?;
        Ok(identity)
    }

    /// Copies trust and pack beside the state, so that the `keymuster` command finds the products of this machine; of the
    /// packs of several products the newest stays. The product itself believes only what is compiled into it.
    fn keep_copies(&self) -> Result<(), Error> {
        let trust = self.product.trust().to_string();
        let is_same = self.store.read(TRUST)?.is_some_and(|kept| kept == trust.as_bytes());
        let kept = self.store.read(PACK)?.filter(|_| is_same);
        let version = kept.and_then(|pack| {
            let product = Product::new(&trust, &pack, self.product.edition().id.as_str());
            product.ok().map(|product| product.catalogue().version)
        });
        if version.is_none_or(|version| version < self.product.catalogue().version) {
            self.store.write(TRUST, trust.as_bytes())?;
            self.store.write(PACK, self.product.pack())?;
        }
        Ok(())
    }
}
