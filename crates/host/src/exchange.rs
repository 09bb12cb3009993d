//! The exchange with the authority: requests that were collected go out with a MAK, and their results come back
//! (`docs/spec/messages.md`, 6).
//!
//! The MAK is in what goes out, and nowhere else: neither in the database nor in a log.

pub mod results;

use std::time::Duration;

use anyhow::bail;
use keymuster_core::bundle::{Bundle, EXCHANGE_MAX};
use keymuster_core::catalogue::{Catalogue, Edition};
use keymuster_core::coverage::check_client_key;
use keymuster_core::exchange::REPEATED_SECS;
use keymuster_core::id::{Label, Slug};
use keymuster_core::key::{KeyKind, ProductKey};
use keymuster_core::refusal::Refusal;
use keymuster_service::console::By;
use keymuster_service::console::permission::Handle;
use keymuster_service::database::Failure;
use keymuster_service::exit::Usage;
use keymuster_service::nearest::unknown;
use keymuster_service::sql::Transaction;

use crate::certify::{self, Errand};
use crate::site::Publisher;
use crate::store::audit;
use crate::store::collected::{self, Collected};

/// Bytes of requests in one file, so that it is a bundle that everybody takes.
const REQUESTS_BYTES_MAX: usize = 384 * 1024;
/// How an authority is asked; it has a thousand signatures to check and to make.
const ERRAND: Errand =
    Errand { path: "/v1/exchange", media_type: "application/cbor", secret: "MAK", within: Duration::from_secs(90) };

/// The edition that a MAK is for; `asked` is the one that was named, if one was.
pub fn edition_of<'c>(mak: &ProductKey, catalogue: &'c Catalogue, asked: Option<&Slug>) -> anyhow::Result<&'c Edition> {
    let number = mak.fields().number;
    let edition = match asked {
        None => catalogue.edition(number),
        Some(id) => {
            let Some(edition) = catalogue.edition_named(id.as_str()) else {
                let known = catalogue.editions.iter().map(|edition| edition.id.as_str());
                bail!(Usage(unknown("edition", id.as_str(), known)));
            };
            Some(edition)
        }
    };
    // Whose key it is and of which kind is said first, whatever the number means.
    let any = edition.or(catalogue.editions.first());
    let kind = any.map(|any| check_client_key(mak, any, catalogue)).transpose();
    match (kind, edition) {
        (Ok(Some(KeyKind::Mak)), Some(edition)) => Ok(edition),
        (Ok(Some(KeyKind::Setup)), _) => bail!(Refusal::KeyWrongKind { found: "setup key", wanted: "MAK" }),
        (Err(Refusal::KeyWrongKind { found, .. }), _) => bail!(Refusal::KeyWrongKind { found, wanted: "MAK" }),
        (Err(refusal @ Refusal::KeyWrongPublisher { .. }), _) | (Err(refusal), Some(_)) => bail!(refusal),
        _ => bail!(Refusal::KeyNumberUnknown { number, catalogue_version: catalogue.version }),
    }
}

/// Which requests go out.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The publisher.
    pub publisher: &'a Publisher,
    /// The edition.
    pub edition: &'a Edition,
    /// The MAK for it.
    pub mak: &'a ProductKey,
    /// Which of the files, from 1 on, where one alone is meant.
    pub file: Option<usize>,
}

/// All requests of an edition that have no result, with the MAK for them, in bundles of a size that authorities take, or the
/// one of these that is meant, and how many there are; and notes which went out. What is too old to be asked for again is
/// dropped.
pub fn pack(tx: &Transaction<'_>, order: &Order<'_>, by: &By<Handle>) -> Result<(Vec<Bundle>, usize), Failure> {
    let Order { publisher, edition, mak, file } = *order;
    collected::drop_before(tx, by.at().minus(REPEATED_SECS))?;
    let is_waiting = |kept: &Collected| {
        kept.publisher == publisher.number && kept.request.edition == edition.number && kept.result.is_none()
    };
    let waiting: Vec<Collected> = collected::all(tx)?.into_iter().filter(is_waiting).collect();
    let bundles = bundles(&waiting, mak);
    let files = bundles.len();
    let mut rest = waiting.as_slice();
    let (mut meant, mut requests) = (Vec::new(), 0);
    for (number, bundle) in (1..).zip(bundles) {
        let (of_bundle, after) = rest.split_at(bundle.client_requests.as_ref().map_or(0, Vec::len));
        rest = after;
        if file.is_none_or(|file| file == number) {
            of_bundle.iter().try_for_each(|kept| collected::note_export(tx, kept, by.at()))?;
            requests += of_bundle.len();
            meant.push(bundle);
        }
    }
    if !meant.is_empty() {
        let subject = format!("MAK …{}", mak.last_five());
        let detail = format!("publisher {}, edition {}, {requests} requests", publisher.trust.publisher, edition.id);
        let act = audit::Act { actor: by.actor(), act: "requests exported", subject: &subject, detail: &detail };
        audit::record(tx, act, by.at())?;
    }
    Ok((meant, files))
}

fn bundles(waiting: &[Collected], mak: &ProductKey) -> Vec<Bundle> {
    // A product key has 29 characters, and a label room for 128.
    let mak: Label = mak.reveal().parse().expect("a product key is a label");
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut room = 0;
    for kept in waiting {
        let bytes = kept.request.bytes();
        let is_full = |bundle: &Bundle| bundle.client_requests.as_ref().is_some_and(|list| list.len() == EXCHANGE_MAX);
        if bundles.last().is_none_or(is_full) || bytes.len() > room {
            bundles.push(Bundle { mak: Some(mak.clone()), ..Bundle::default() });
            room = REQUESTS_BYTES_MAX;
        }
        room = room.saturating_sub(bytes.len());
        let bundle = bundles.last_mut().expect("one was just added where there was none");
        bundle.client_requests.get_or_insert_default().push(bytes.to_vec().into());
    }
    bundles
}

/// Sends an exchange to the authority at `url`, and once more what found no room in its answer; each answer goes to `take`.
pub fn send(
    url: &str,
    mut exchange: Bundle,
    mut take: impl FnMut(&Bundle) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let answer = certify::post(url, &ERRAND, &exchange.to_bytes())?;
        take(&answer)?;
        let decided = results::count(&answer);
        let requests = exchange.client_requests.get_or_insert_default();
        // The authority takes them in their order, and leaves out the last ones.
        requests.drain(..decided.min(requests.len()));
        if requests.is_empty() || decided == 0 {
            return Ok(());
        }
    }
}
