//! `init`: makes a new authority.
//!
//! Nothing is ever overwritten, and the root key exists in one copy until its owner has made others.

use clap::Args;
use keymuster_core::document::Signed;
use keymuster_core::id::{Label, Slug, to_hex};
use keymuster_core::issuer::Issuer;
use keymuster_core::signature::SecretKey;
use keymuster_core::trust::Trust;
use serde_json::json;
use zeroize::Zeroizing;

use super::Site;
use crate::data_dir::{key_file_error, write_file};
use crate::error::Error;
use crate::issuer::certify_issuer;
use crate::output::Output;
use crate::passphrase::PassphraseSource;
use crate::store::publisher::Publisher;
use crate::{keyfile, store};

/// The options of `init`.
#[derive(Debug, Args)]
pub struct Options {
    /// The publisher's name for machines, for ever: keys and documents carry it
    #[arg(long, value_name = "SLUG")]
    publisher: Slug,
    /// The publisher's name for people
    #[arg(long, value_name = "LABEL")]
    name: Label,
    /// Where hosts and clients reach this authority, for example https://activation.example.com
    #[arg(long, value_name = "URL")]
    authority_url: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let caller = site.caller();
        let root = new_key(site);
        let trust = self.trust(&root)?;
        site.dir.create()?;
        let passphrase = self.passphrase.choose()?;
        let sealed = keyfile::seal_root(&root, &passphrase, site.env.random(), site.env.random());
        let sealed = sealed.map_err(|error| key_file_error(&site.dir.root_key(), &error))?;
        write_file(&site.dir.root_key(), sealed.as_bytes())?;

        let issuer_key = new_key(site);
        let issuer = certify_issuer(&self.publisher, issuer_key.public(), &root, caller.now)?;
        let tags = Zeroizing::new(site.env.random());
        write_file(&site.dir.tags_key(), keyfile::write_tags(&tags).as_bytes())?;
        write_file(&site.dir.issuer_key(), keyfile::write_issuer(&issuer_key).as_bytes())?;
        write_file(&site.dir.issuer_certificate(), issuer.bytes())?;
        write_file(&site.dir.trust_file(&self.publisher), trust.to_string().as_bytes())?;

        let mut db = store::open(&site.dir.database())?;
        let tx = store::begin(&mut db)?;
        let publisher = Publisher { slug: self.publisher, name: self.name };
        store::publisher::insert(&tx, &publisher, caller.now)?;
        store::issuer::insert(&tx, &issuer)?;
        let detail = format!("issuer {} may sign until {}", issuer.key.signer(), issuer.sign_until);
        store::audit::append(&tx, &caller, "make authority", publisher.slug.as_str(), &detail)?;
        tx.commit()?;
        Ok(report(site, &publisher, &trust, &issuer))
    }

    /// The trust file, read back as everybody else will read it.
    fn trust(&self, root: &SecretKey) -> Result<Trust, Error> {
        let roots = vec![root.public()];
        let trust = Trust { publisher: self.publisher.clone(), roots, authority: self.authority_url.clone() };
        match trust.to_string().parse::<Trust>() {
            Ok(read) if read == trust => Ok(trust),
            _ => {
                let url = self.authority_url.as_deref().unwrap_or_default();
                let form = "http:// or https:// and a host, without a path";
                Err(Error::Rule(format!("--authority-url {url:?} is not accepted: it consists of {form}")))
            }
        }
    }
}

fn new_key(site: &Site) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new(site.env.random()))
}

fn report(site: &Site, publisher: &Publisher, trust: &Trust, issuer: &Signed<Issuer>) -> Output {
    let (slug, dir) = (&publisher.slug, site.dir.path().display().to_string());
    let root = trust.roots.first().map(|root| to_hex(root.as_bytes()));
    let value = json!({
        "publisher": slug.as_str(),
        "name": publisher.name.as_str(),
        "data_dir": dir,
        "root": root,
        "root_key": site.dir.root_key(),
        "trust_file": site.dir.trust_file(slug),
        "issuer": issuer.key.signer().to_string(),
        "sign_until": issuer.sign_until.as_secs(),
    });
    let until = issuer.sign_until;
    let text = format!(
        "The authority of {name} ({slug}) is in {dir}.

  !! COPY root.key ELSEWHERE NOW, to two places. This is the only copy, and without it this
  !! authority ends on {until}. Nobody can recover it or its passphrase.

  root.key       signs issuers, sealed with your passphrase; only `issuer renew` needs it,
                 so once it is copied it may be taken off this machine
  issuer.key     signs everything else; in the open, so that the server starts unattended
  tags.key       makes and recognises product keys; in the open; back it up with the database
  issuer.cert    what the root allows the issuer, until {until}
  {slug}.trust   for your products and your customers' hosts; public
  authority.db   the records

Next:
  keymuster-authority catalogue check FILE.toml      what you license
  keymuster-authority catalogue sign FILE.toml
  keymuster-authority customer add SLUG --name NAME
  keymuster-authority key mint host --customer SLUG --group GROUP
  keymuster-authority serve",
        name = publisher.name,
    );
    Output::new(value, text)
}
