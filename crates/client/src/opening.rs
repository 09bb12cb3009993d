//! Opening a client: what is on disk is read, what is missing is made, what is damaged is put aside.

use std::path::PathBuf;

use minicbor::Decode;

use keymuster_core::clock::Mark;
use keymuster_core::id::ClientId;
use keymuster_core::time::Timestamp;

use crate::client::{Loaded, WRITE_LOCK};
use crate::error::Error;
use crate::product::Product;
use crate::record::{Identity, MarkRecord, Record};
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
        match self.register() {
            Err(why @ Error::StateUnwritable { .. }) => self.read_only(why),
            result => result,
        }
    }

    /// Reads identity and state, makes what is missing, puts aside what is damaged, and notes the first use.
    fn register(&self) -> Result<Loaded, Error> {
        self.store.create()?;
        let _write = self.store.lock(WRITE_LOCK)?;
        let reading = self.settings.env.reading();
        let (identity, damaged_identity) = self.own(IDENTITY, reading.wall)?;
        let identity = match identity {
            Some(identity) => identity,
            None => self.new_identity()?,
        };
        let state_name = state_name(&self.product.edition().id);
        let (record, damaged_state) = self.own::<Record>(&state_name, reading.wall)?;
        let mut record = record.unwrap_or_else(|| Record::new(reading.wall, Mark::first(reading)));
        record.mark = MarkRecord::of(&record.mark.mark().raised(reading));
        if let Some(aside) = damaged_state.or(damaged_identity) {
            record.damaged = Some(aside.display().to_string());
        }
        self.store.write_record(&state_name, &record)?;
        self.keep_copies()?;
        Ok(Loaded::new(identity, record, self.product, self.store))
    }

    /// What a store that cannot be written still says; `why` it cannot is the error where it says too little.
    fn read_only(&self, why: Error) -> Result<Loaded, Error> {
        let state_name = state_name(&self.product.edition().id);
        let (identity, record) = (self.store.read_record(IDENTITY), self.store.read_record(&state_name));
        let (Ok(Found::Record(identity)), Ok(Found::Record(record))) = (identity, record) else { return Err(why) };
        let mut loaded = Loaded::new(identity, record, self.product, self.store);
        loaded.read_only = Some(why.to_string());
        Ok(loaded)
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

    fn new_identity(&self) -> Result<Identity, Error> {
        let env = &self.settings.env;
        let identity = Identity { client: ClientId::from_bytes(env.random()), seed: env.random() };
        self.store.write_record(IDENTITY, &identity)?;
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
