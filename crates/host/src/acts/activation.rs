//! Getting an entitlement for an installed host key: over the network, or by a request and a response that are carried.

use anyhow::{Context as _, anyhow};
use keymuster_core::bundle::Bundle;
use keymuster_core::entitlement::Pool;
use keymuster_core::invalid::Invalid;
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_service::Env;
use keymuster_service::console::By;
use keymuster_service::console::permission::Keys;
use keymuster_service::database;
use serde::Serialize;
use utoipa::ToSchema;

use super::packs::Brought;
use crate::certify::{self, Accepted};
use crate::site::Home;
use crate::store::audit;

/// What an authority's answer has brought. Times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Activated {
    /// The publisher's name for machines.
    pub publisher: String,
    /// The customer, as the publisher names them.
    pub customer: String,
    /// Until when the host may grant.
    pub stop_at: u64,
    /// How many groups the entitlement names.
    pub groups: usize,
    /// Floating seats.
    pub pools: Vec<PoolSeats>,
    /// Whether it was held already, so that nothing has changed.
    pub is_repeated: bool,
    /// What the licence pack has brought that came with it, where that was another one than was held.
    pub pack: Option<Brought>,
    /// Why the licence pack that came with it was not taken: it needs a newer version of this program.
    pub pack_refused: Option<PackRefused>,
}

/// A pool of floating seats.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PoolSeats {
    /// Its name.
    pub id: String,
    /// How many seats it has.
    pub seats: u32,
}

/// Why a licence pack was not taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PackRefused {
    /// The name of the stable code.
    pub code: &'static str,
    /// Its number and name, for people.
    #[serde(skip)]
    pub label: String,
    /// The sentence with the numbers.
    pub detail: String,
    /// What to do.
    pub remedy: &'static str,
}

/// The file of the request for one key, to be carried to the publisher: the one that is still open, or a new one.
///
/// It holds the whole key, so the audit says who got it.
pub fn request(
    home: &mut Home,
    by: &By<Keys>,
    publisher: usize,
    key: &ProductKey,
    env: &Env,
) -> anyhow::Result<Vec<u8>> {
    let request = certify::request(home, publisher, key, env)?;
    let tx = database::begin(&mut home.db)?;
    let subject = format!("host key …{}", key.last_five());
    let detail = format!("publisher {}", home.site.publishers[publisher].trust.publisher);
    let act = audit::Act { actor: by.actor(), act: "request handed out", subject: &subject, detail: &detail };
    audit::record(&tx, act, by.at())?;
    tx.commit()?;
    Ok(Bundle { host_request: Some(request.into()), ..Bundle::default() }.to_file())
}

/// Takes what the publisher has answered.
pub fn respond(home: &mut Home, by: &By<Keys>, publisher: usize, answer: &Bundle) -> anyhow::Result<Activated> {
    let accepted = certify::accept(home, publisher, answer, by)?;
    Activated::of(accepted, home, by)
}

/// Asks the authority at `url`.
pub fn ask(
    home: &mut Home,
    by: &By<Keys>,
    (publisher, key): (usize, &ProductKey),
    url: &str,
    env: &Env,
) -> anyhow::Result<Activated> {
    let request = certify::request(home, publisher, key, env)?;
    let answer = certify::send(url, &request)?;
    respond(home, by, publisher, &answer)
}

/// Where the authority of a publisher is asked: where somebody says, or at the address in the trust file.
pub fn authority(home: &Home, publisher: usize, url: Option<&str>) -> anyhow::Result<String> {
    certify::address(&home.site.publishers[publisher], url)?.context(
        "the trust file names no authority; name it with --authority URL, or use --request FILE or --request-qr",
    )
}

impl Activated {
    fn of(accepted: Accepted, home: &mut Home, by: &By<Keys>) -> anyhow::Result<Activated> {
        let Accepted { entitlement, is_repeated, pack, pack_refused } = accepted;
        let pool = |pool: &Pool| PoolSeats { id: pool.id.to_string(), seats: pool.seats };
        let refused = |refusal: keymuster_core::refusal::Refusal| {
            let (code, detail) = (refusal.code(), refusal.to_string());
            PackRefused { code: code.name, label: code.to_string(), detail, remedy: code.remedy }
        };
        Ok(Activated {
            publisher: entitlement.publisher.to_string(),
            customer: entitlement.customer_name.to_string(),
            stop_at: entitlement.stop_at.as_secs(),
            groups: entitlement.covers.len(),
            pools: entitlement.pools.iter().map(pool).collect(),
            is_repeated,
            pack: pack.map(|taken| Brought::by(&taken, &mut home.db, by)).transpose()?,
            pack_refused: pack_refused.map(refused),
        })
    }
}

/// Takes the file that the publisher answered with; whose it is, its issuers tell.
pub fn respond_sent(home: &mut Home, by: &By<Keys>, file: &[u8]) -> anyhow::Result<Activated> {
    let answer = Bundle::parse_file(file)?;
    let publisher = super::packs::owner(&home.site, &answer).ok_or_else(|| {
        anyhow!(Invalid::SignerUnknown).context("the response is of no publisher that this host knows")
    })?;
    respond(home, by, publisher, &answer)
}

/// The file of the request for a key that was made and waits for its answer, where there is one; nothing is written.
pub fn open_request(
    home: &mut Home,
    publisher: usize,
    key: &ProductKey,
    now: Timestamp,
) -> anyhow::Result<Option<Vec<u8>>> {
    let request = certify::open_request(home, publisher, key, now)?;
    Ok(request.map(|request| Bundle { host_request: Some(request.into()), ..Bundle::default() }.to_file()))
}
