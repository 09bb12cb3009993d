//! What a host holds, verified: its publishers with their catalogues and entitlements. Read once, then shared as it is.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use keymuster_core::bundle::{Bundle, ISSUERS_MAX};
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::Chain;
use keymuster_core::choice::Choices;
use keymuster_core::document::Signed;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{EntitlementId, HostId, Slug};
use keymuster_core::invalid::Invalid;
use keymuster_core::key::KeyId;
use keymuster_core::ledger::Head;
use keymuster_core::signature::SecretKey;
use keymuster_core::trust::Trust;
use keymuster_service::database::{self, Failure};
use keymuster_service::sql::{Connection, Transaction};
use keymuster_service::tls::Certificate;
use keymuster_service::{Env, backup};

use crate::store::epoch::Return;
use crate::{choices, identity, store, tls};

/// A host: who it is and what it may grant.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its id.
    pub host: HostId,
    /// The epoch of its ledger.
    pub epoch: u64,
    /// Where its ledger last went back to an older copy, if it did.
    pub returned: Option<Return>,
    /// Its publishers.
    pub publishers: Vec<Publisher>,
}

/// One publisher of a host.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// The number that stands for it in the database.
    pub number: i64,
    /// Whose root keys count.
    pub trust: Trust,
    /// The newest catalogue.
    pub catalogue: Signed<Catalogue>,
    /// The bundle that the catalogue came in.
    pub pack: Bundle,
    /// What the customer chose.
    pub choices: Choices,
    /// What was granted to this host and counts.
    pub entitlements: Vec<Granted>,
    /// The host keys whose entitlement does not count, and why: mostly because it is revoked.
    pub left_out: Vec<(KeyId, Invalid)>,
}

/// An entitlement, and what travels with every lease on it.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The entitlement.
    pub entitlement: Signed<Entitlement>,
    /// A bundle with entitlement, issuers and revocations, in which only the lease is missing.
    pub enclosure: Arc<Bundle>,
}

impl Site {
    /// Reads and verifies everything.
    pub fn load(tx: &Transaction<'_>) -> Result<Site, Failure> {
        let host = store::host::load(tx)?.ok_or_else(|| {
            Failure::damaged("host", "host_id", "-", "the row is missing; the host may have moved to another database")
        })?;
        let rows = store::publisher::all(tx)?;
        let publishers = rows.into_iter().map(|row| Publisher::load(tx, row)).collect::<Result<_, _>>()?;
        Ok(Site { host: host.id, epoch: host.epoch, returned: store::epoch::newest(tx)?, publishers })
    }

    /// The place of the publisher that is meant: the named one, or the only one.
    pub fn choose(&self, named: Option<&str>) -> anyhow::Result<usize> {
        let names =
            || self.publishers.iter().map(|held| held.trust.publisher.to_string()).collect::<Vec<_>>().join(", ");
        match (named, self.publishers.len()) {
            (_, 0) => {
                bail!("this host has no publisher yet; add one: keymuster-host add-publisher --trust FILE --pack FILE")
            }
            (Some(id), _) => {
                let found = self.publishers.iter().position(|held| held.trust.publisher.as_str() == id);
                found.with_context(|| format!("this host has no publisher {id}; it has: {}", names()))
            }
            (None, 1) => Ok(0),
            (None, _) => bail!("this host has several publishers; name one with --publisher: {}", names()),
        }
    }

    /// The publisher of this name.
    pub fn publisher(&self, id: &Slug) -> Option<&Publisher> {
        self.publishers.iter().find(|publisher| publisher.trust.publisher == *id)
    }

    /// The publisher that this number stands for in the database.
    pub fn numbered(&self, number: i64) -> Option<&Publisher> {
        self.publishers.iter().find(|publisher| publisher.number == number)
    }

    /// The names of a publisher and of one of its editions: the publisher's id, the edition's id and name. What no
    /// catalogue has is named by its number.
    pub fn names(&self, publisher: i64, edition: u16) -> [String; 3] {
        let held = self.numbered(publisher);
        let id = held.map_or_else(|| publisher.to_string(), |held| held.trust.publisher.to_string());
        match held.and_then(|held| held.catalogue.edition(edition)) {
            Some(found) => [id, found.id.to_string(), found.name.to_string()],
            None => [id, edition.to_string(), format!("edition {edition}")],
        }
    }
}

impl Publisher {
    fn load(tx: &Transaction<'_>, row: store::publisher::Row) -> Result<Publisher, Failure> {
        let damaged = |column: &str, why: String| Failure::damaged("publisher", column, row.id.as_str(), why);
        let trust: Trust = row.trust.parse().map_err(|e| damaged("trust", format!("{e}")))?;
        let pack = Bundle::parse(&row.pack).map_err(|e| damaged("pack", e.to_string()))?;
        let (mut entitlements, mut left_out) = (Vec::new(), Vec::new());
        let catalogue = {
            let chain = Chain::new(&trust, &pack, None).map_err(|e| damaged("pack", e.to_string()))?;
            for (key, answer) in store::entitlement::answers(tx, row.number)? {
                match granted(&chain, &trust, &pack, &answer) {
                    Ok(granted) => entitlements.push(granted),
                    // The rest of the host goes on.
                    Err(why) => {
                        tracing::warn!(publisher = %trust.publisher, error = %why, "an entitlement is left out");
                        left_out.push((key, why));
                    }
                }
            }
            let bytes = pack.catalogue.as_ref().ok_or_else(|| damaged("pack", "no catalogue".into()))?;
            chain.catalogue(bytes).map_err(|e| damaged("pack", e.to_string()))?
        };
        let choices = choices::load(tx, row.number, &catalogue)?;
        Ok(Publisher { number: row.number, trust, catalogue, pack, choices, entitlements, left_out })
    }

    /// The entitlement with this id, and what travels with it.
    pub fn granted(&self, id: EntitlementId) -> Option<&Granted> {
        self.entitlements.iter().find(|granted| granted.entitlement.id == id)
    }
}

/// A stored answer, verified against the newest revocations.
fn granted(newest: &Chain<'_>, trust: &Trust, pack: &Bundle, answer: &[u8]) -> Result<Granted, Invalid> {
    let mut enclosure = Bundle::parse(answer)?;
    let chain = Chain::new(trust, &enclosure, newest.revocations().cloned())?;
    let bytes = enclosure.entitlement.as_ref().map_or(&[][..], |bytes| bytes);
    let entitlement = chain.entitlement(bytes)?;
    carry_revocations(&mut enclosure, pack);
    Ok(Granted { entitlement, enclosure: Arc::new(enclosure) })
}

/// Puts the newest revocations into what travels with a lease, with the issuers by which clients verify them.
pub(crate) fn carry_revocations(enclosure: &mut Bundle, pack: &Bundle) {
    if pack.revocations.is_none() {
        return;
    }
    let issuers = enclosure.issuers.get_or_insert_default();
    let missing = pack.issuers.iter().flatten().filter(|issuer| !issuers.contains(issuer)).cloned().collect::<Vec<_>>();
    if issuers.len() + missing.len() <= ISSUERS_MAX {
        issuers.extend(missing);
        enclosure.revocations.clone_from(&pack.revocations);
    }
}

/// A data directory that is open: the database, and who the host is.
#[derive(Debug)]
pub struct Home {
    /// The database, for writing.
    pub db: Connection,
    /// The signing key.
    pub key: SecretKey,
    /// What the host holds.
    pub site: Site,
    /// The certificate that it made itself, whose key its entitlements name.
    pub certificate: Certificate,
}

impl Home {
    /// Opens a data directory, and makes a new host in one that is empty.
    pub fn open(data_dir: &Path, env: &Env) -> anyhow::Result<Home> {
        backup::enter(data_dir)?;
        let mut db =
            store::open(data_dir).with_context(|| format!("cannot open the data directory {}", data_dir.display()))?;
        let tx = database::begin(&mut db)?;
        let key = match store::host::load(&tx)? {
            Some(_) => identity::read(data_dir)?,
            None => {
                let host = store::host::Host { id: HostId::from_bytes(env.random()), epoch: 1 };
                store::host::create(&tx, host, env.now())?;
                identity::create(data_dir, env)?
            }
        };
        let site = Site::load(&tx)?;
        identity::check(data_dir, &key, &site)?;
        identity::check_noted(data_dir, &tx, &key)?;
        tx.commit_unnoticed()?;
        let certificate = tls::own(data_dir, site.host, env.now())?;
        Ok(Home { db, key, site, certificate })
    }
}

/// The newest place of the ledger.
pub fn ledger_head(tx: &Transaction<'_>, site: &Site) -> Result<Head, Failure> {
    Ok(store::ledger::head(tx, site.host)?.0)
}
