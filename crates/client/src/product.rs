//! What a product knows of itself when it is built: whose it is, how it is licensed, which edition it is.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::{Catalogue, Edition};
use keymuster_core::chain::Chain;
use keymuster_core::document::Signed;
use keymuster_core::id::Slug;
use keymuster_core::invalid::Invalid;
use keymuster_core::state::Rules;
use keymuster_core::trust::Trust;

use crate::error::Error;
use crate::store::Store;

/// An edition of a product, with the trust and the licence pack that are compiled into it; clones share them.
///
/// ```
/// use keymuster_client::Product;
/// let trust = include_str!("../examples/aurora.trust");
/// let pack = include_bytes!("../examples/aurora.pack");
/// let product = Product::new(trust, pack, "desk-pro-2026")?;
/// assert_eq!(product.edition().name.as_str(), "Aurora Desk Pro 2026");
/// # Ok::<(), keymuster_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Product {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    trust: Trust,
    pack: Vec<u8>,
    catalogue: Signed<Catalogue>,
    edition: Edition,
}

impl Product {
    /// Reads the publisher's trust file, verifies the licence pack by it, and finds the edition in the pack.
    ///
    /// An error here is a mistake in how the product was built, except in a program that reads these from files.
    pub fn new(trust: &str, pack: &[u8], edition: &str) -> Result<Product, Error> {
        let trust: Trust = trust.parse().map_err(Error::Trust)?;
        let catalogue = catalogue(&trust, pack).map_err(Error::Pack)?;
        let edition = catalogue.edition_named(edition).cloned().ok_or_else(|| Error::EditionUnknown {
            edition: edition.to_owned(),
            known: catalogue.editions.iter().map(|edition| edition.id.clone()).collect(),
        })?;
        Ok(Product { parts: Arc::new(Parts { trust, pack: pack.to_vec(), catalogue, edition }) })
    }

    /// The products that were used on this machine, as a store knows them, by publisher and edition: for programs that are
    /// not the product, such as the `keymuster` command. A product itself never takes its trust from there.
    pub fn installed(store: &Path) -> Result<Vec<Product>, Error> {
        let unusable = |why| Error::StateUnwritable { path: store.to_path_buf(), why };
        let mut directories = match fs::read_dir(store) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>().map_err(unusable)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(unusable(why)),
        };
        directories.sort_by_key(fs::DirEntry::file_name);
        let mut products = Vec::new();
        for directory in directories {
            let publisher = directory.file_name().to_str().and_then(|name| name.parse::<Slug>().ok());
            // The settings of the machine are a file beside the publishers.
            if let Some(publisher) = publisher.filter(|_| directory.path().is_dir()) {
                products.extend(Store::of(store, &publisher).products()?);
            }
        }
        Ok(products)
    }

    /// Whose product it is.
    pub fn publisher(&self) -> &Slug {
        &self.parts.trust.publisher
    }

    /// The edition.
    pub fn edition(&self) -> &Edition {
        &self.parts.edition
    }

    /// The publisher's catalogue, in which the edition stands.
    pub fn catalogue(&self) -> &Catalogue {
        &self.parts.catalogue
    }

    /// Whose root keys are believed.
    pub fn trust(&self) -> &Trust {
        &self.parts.trust
    }

    /// The licence pack, as it was given.
    pub fn pack(&self) -> &[u8] {
        &self.parts.pack
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules { kind: self.edition().kind, grace_secs: self.catalogue().policy.grace_secs }
    }
}

fn catalogue(trust: &Trust, pack: &[u8]) -> Result<Signed<Catalogue>, Invalid> {
    let bundle = Bundle::parse_file(pack)?;
    let chain = Chain::new(trust, &bundle, None)?;
    let missing = || Invalid::Malformed("a licence pack holds a catalogue, this file holds none".into());
    chain.catalogue(bundle.catalogue.as_ref().ok_or_else(missing)?)
}
