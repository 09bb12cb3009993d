//! `issuer renew`: a new issuer key, certified by the root key. The one command that needs the root key.
//!
//! The certificate is stored before the key file is replaced: whatever interrupts this, the key at hand has its
//! certificate. Old certificates stay, because what they vouch for outlives them.

use std::path::PathBuf;

use clap::Args;
use keymuster_core::signature::SecretKey;
use keymuster_service::database::Failure;
use serde_json::json;
use zeroize::Zeroizing;

use super::Site;
use crate::data_dir::{key_file_error, read_key_file, write_file};
use crate::error::Error;
use crate::issuer::certify_issuer;
use crate::keyfile::RootKeyFile;
use crate::output::Output;
use crate::passphrase::PassphraseSource;
use crate::{keyfile, store};

/// The options of `issuer renew`.
#[derive(Debug, Args)]
pub struct Options {
    /// The root key file, if it is not in the data directory
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let caller = site.caller();
        let mut db = site.dir.open_database()?;
        let tx = store::begin(&mut db)?;
        let publisher = store::publisher::find(&tx)?;
        let publisher = publisher.ok_or_else(|| Failure::damaged("publisher", "id", 1, "there is no such row"))?;
        drop(tx);
        let root = self.root(site, &publisher.slug)?;

        let key = SecretKey::from_seed(&Zeroizing::new(site.env.random()));
        let issuer = certify_issuer(&publisher.slug, key.public(), &root, caller.now)?;
        let (signer, until) = (issuer.key.signer(), issuer.sign_until);
        let tx = store::begin(&mut db)?;
        store::issuer::insert(&tx, &issuer)?;
        store::audit::append(&tx, &caller, "renew issuer", &signer.to_string(), &format!("may sign until {until}"))?;
        tx.commit()?;
        write_file(&site.dir.issuer_key(), keyfile::write_issuer(&key).as_bytes())?;
        write_file(&site.dir.issuer_certificate(), issuer.bytes())?;

        let value = json!({ "issuer": signer.to_string(), "sign_until": until.as_secs() });
        Ok(Output::new(value, format!("The new issuer {signer} may sign until {until}."))
            .note("Start the server again: it signs with the old issuer key until then."))
    }

    /// The root key, if it is one of those in the trust file; the passphrase is asked for only then.
    fn root(&self, site: &Site, publisher: &keymuster_core::id::Slug) -> Result<SecretKey, Error> {
        let path = self.root_key.clone().unwrap_or_else(|| site.dir.root_key());
        let text = read_key_file(&path)?;
        let file = RootKeyFile::parse(&text).map_err(|error| key_file_error(&path, &error))?;
        if !site.dir.read_trust(publisher)?.roots.contains(&file.public) {
            let trust = site.dir.trust_file(publisher);
            return Err(Error::Rule(format!("{} is not a root of {}", path.display(), trust.display())));
        }
        let passphrase = self.passphrase.recall()?;
        file.open(&passphrase).map_err(|error| key_file_error(&path, &error))
    }
}
