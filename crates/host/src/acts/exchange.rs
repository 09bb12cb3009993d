//! The exchange of collected requests for activations by a MAK: by files that are carried, or straight over the network.

use anyhow::{Context as _, ensure};
use keymuster_core::bundle::Bundle;
use keymuster_core::exchange::REPEATED_SECS;
use keymuster_core::id::{ClientId, Slug};
use keymuster_core::key::ProductKey;
use keymuster_service::console::By;
use keymuster_service::console::permission::Handle;
use keymuster_service::database;
use serde::Serialize;
use utoipa::ToSchema;

use super::keys::publisher_of;
use crate::certify;
use crate::exchange::results::{self, Fate, Outcome};
use crate::exchange::{self, Order, edition_of};
use crate::site::Home;
use crate::store::{audit, collected};

/// Which requests go out, and by which MAK.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The publisher's place in the site.
    pub publisher: usize,
    /// The MAK.
    pub mak: ProductKey,
    /// The edition, where somebody makes sure that the MAK is for it.
    pub edition: Option<Slug>,
    /// Which of the files, from 1 on, where one alone is meant.
    pub file: Option<usize>,
}

/// What goes out.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The edition: `Desk Enterprise 2026 (desk-enterprise-2026)`.
    pub edition: String,
    /// How many requests.
    pub requests: usize,
    /// In how many files all that wait find room.
    pub files: usize,
}

/// What became of the requests that an answer is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ExchangeReport)]
pub struct Report {
    /// How many machines get an activation.
    pub activated: usize,
    /// How many the publisher refused.
    pub refused: usize,
    /// How many activations do not verify.
    pub invalid: usize,
    /// How many fit no request: the machine has asked anew, or its request was dropped.
    pub unasked: usize,
    /// How many were imported before, and change nothing.
    pub known_before: usize,
    /// How many requests went out and have no result yet.
    pub still_open: u64,
    /// Each result.
    pub results: Vec<MachineResult>,
}

/// What became of one request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = ExchangeResult)]
pub struct MachineResult {
    /// The machine, where it can be told.
    pub client: Option<String>,
    /// Its name, where it has told it.
    pub name: Option<String>,
    /// The edition, by its name where the catalogue has it.
    pub edition: Option<String>,
    /// `activated`, `refused`, `invalid` or `unasked`.
    pub result: &'static str,
    /// The name of the code that explains it.
    pub code: Option<String>,
    /// The sentence with the numbers.
    pub detail: Option<String>,
    /// Whether it was not known before.
    pub is_new: bool,
}

/// Packs the requests that have no result for an edition, and commits that once `carry` has put them where they are wanted.
/// Where nothing waits there are no files, and nothing is carried.
pub fn pack(
    home: &mut Home,
    by: &By<Handle>,
    selection: &Selection,
    carry: impl FnOnce(&[Bundle]) -> anyhow::Result<()>,
) -> anyhow::Result<Packed> {
    let Selection { publisher, mak, edition, file } = selection;
    let publisher = &home.site.publishers[*publisher];
    let edition = edition_of(mak, &publisher.catalogue, edition.as_ref())?;
    let named = format!("{} ({})", edition.name, edition.id);
    let tx = database::begin(&mut home.db)?;
    let (bundles, files) = exchange::pack(&tx, &Order { publisher, edition, mak, file: *file }, by)?;
    if files == 0 {
        return Ok(Packed { edition: named, requests: 0, files });
    }
    ensure!(!bundles.is_empty(), "all that waits finds room in {files} files, so there is no such file");
    carry(&bundles)?;
    tx.commit()?;
    let requests = bundles.iter().flat_map(|bundle| &bundle.client_requests).map(Vec::len).sum();
    Ok(Packed { edition: named, requests, files })
}

/// Takes the publisher's answer; `told` hears how many results are done, of how many.
pub fn import(
    home: &mut Home,
    by: &By<Handle>,
    answer: &Bundle,
    told: impl FnMut(usize, usize),
) -> anyhow::Result<Report> {
    let outcomes = results::take(home, answer, by, told)?;
    report(home, by, &outcomes)
}

/// Sends packed requests to the authority at `url` and takes its answers; `told` hears how many results of one are done.
pub fn send(
    home: &mut Home,
    by: &By<Handle>,
    url: &str,
    bundles: Vec<Bundle>,
    mut told: impl FnMut(usize, usize),
) -> anyhow::Result<Report> {
    let mut outcomes = Vec::new();
    for bundle in bundles {
        exchange::send(url, bundle, |answer| {
            outcomes.extend(results::take(home, answer, by, &mut told)?);
            Ok(())
        })?;
    }
    report(home, by, &outcomes)
}

/// Where the authority of a publisher is asked: where somebody says, or at the address in the trust file.
pub fn authority(home: &Home, publisher: usize, url: Option<&str>) -> anyhow::Result<String> {
    certify::address(&home.site.publishers[publisher], url)?
        .context("the trust file names no authority; name it with --authority URL, or use exchange export")
}

/// Forgets what was collected of one client, or of all; how many requests that was.
pub fn drop(home: &mut Home, by: &By<Handle>, client: Option<ClientId>) -> anyhow::Result<usize> {
    let tx = database::begin(&mut home.db)?;
    let (dropped, subject) = match client {
        Some(client) => (collected::drop_client(&tx, client)?, format!("client {client}")),
        None => (collected::drop_all(&tx)?, "all clients".to_owned()),
    };
    if dropped > 0 {
        let detail = format!("{dropped} requests");
        let act = audit::Act { actor: by.actor(), act: "requests dropped", subject: &subject, detail: &detail };
        audit::record(&tx, act, by.at())?;
    }
    tx.commit()?;
    Ok(dropped)
}

fn report(home: &mut Home, by: &By<Handle>, outcomes: &[Outcome]) -> anyhow::Result<Report> {
    let those = |is_such: fn(&Fate) -> bool| outcomes.iter().filter(|outcome| is_such(&outcome.fate)).count();
    let invalid = those(|fate| matches!(fate, Fate::Invalid(_)));
    let unasked = those(|fate| *fate == Fate::Unasked);
    Ok(Report {
        activated: those(|fate| *fate == Fate::Activated),
        refused: those(|fate| matches!(fate, Fate::Refused { .. })),
        invalid,
        unasked,
        known_before: outcomes.len() - unasked - invalid - outcomes.iter().filter(|outcome| outcome.is_new).count(),
        still_open: collected::exported(&home.db.transaction()?, by.at().minus(REPEATED_SECS))?,
        results: outcomes.iter().map(MachineResult::from).collect(),
    })
}

impl From<&Outcome> for MachineResult {
    fn from(outcome: &Outcome) -> MachineResult {
        let (result, code, detail) = match &outcome.fate {
            Fate::Activated => ("activated", None, None),
            Fate::Refused { code, detail } => ("refused", Some(code.clone()), Some(detail.clone())),
            Fate::Invalid(why) => ("invalid", Some(why.code().name.to_owned()), Some(why.to_string())),
            Fate::Unasked => ("unasked", None, Some("no request here is answered by it".to_owned())),
        };
        MachineResult {
            client: outcome.client.map(|client| client.to_string()),
            name: outcome.name.as_ref().map(ToString::to_string),
            edition: outcome.edition.clone(),
            result,
            code,
            detail,
            is_new: outcome.is_new,
        }
    }
}

/// What somebody orders in words.
#[derive(Clone)]
pub struct Ordered {
    /// The publisher's name for machines; nothing for the one whose MAK it is.
    pub publisher: String,
    /// The MAK as it was typed.
    pub mak: String,
    /// The edition's name for machines, where somebody makes sure that the MAK is for it.
    pub edition: Option<Slug>,
    /// Which of the files, from 1 on, where one alone is meant.
    pub file: Option<usize>,
}

/// A file for the publisher.
#[derive(Clone)]
pub struct Exported {
    /// The publisher's name for machines.
    pub publisher: String,
    /// Its number.
    pub number: usize,
    /// In how many files all that wait find room.
    pub files: usize,
    /// The file. It holds the whole MAK.
    pub file: Vec<u8>,
}

impl Exported {
    /// What it is called: `aurora.request`, `aurora-2.request`.
    pub fn name(&self) -> String {
        let Exported { publisher, number, .. } = self;
        if *number == 1 { format!("{publisher}.request") } else { format!("{publisher}-{number}.request") }
    }
}

/// One file with the requests that wait for an edition, and the MAK for them.
pub fn export(home: &mut Home, by: &By<Handle>, ordered: &Ordered) -> anyhow::Result<Exported> {
    let selection = select(home, ordered)?;
    let mut file = Vec::new();
    let packed = pack(home, by, &selection, |bundles| {
        file = bundles.first().map(Bundle::to_file).unwrap_or_default();
        Ok(())
    })?;
    check_something_waits(&packed)?;
    let publisher = home.site.publishers[selection.publisher].trust.publisher.to_string();
    Ok(Exported { publisher, number: ordered.file.unwrap_or(1), files: packed.files, file })
}

/// The whole exchange at the authority.
pub fn send_ordered(home: &mut Home, by: &By<Handle>, ordered: &Ordered, url: Option<&str>) -> anyhow::Result<Report> {
    let selection = select(home, ordered)?;
    let url = authority(home, selection.publisher, url)?;
    let mut bundles = Vec::new();
    let packed = pack(home, by, &selection, |packed| {
        bundles.extend_from_slice(packed);
        Ok(())
    })?;
    check_something_waits(&packed)?;
    send(home, by, &url, bundles, |_, _| ())
}

fn select(home: &Home, ordered: &Ordered) -> anyhow::Result<Selection> {
    let mak = ProductKey::parse(ordered.mak.trim())?;
    let publisher = match ordered.publisher.as_str() {
        "" => publisher_of(&home.site, &mak).map_or_else(|| home.site.choose(None), Ok)?,
        named => home.site.choose(Some(named))?,
    };
    Ok(Selection { publisher, mak, edition: ordered.edition.clone(), file: ordered.file })
}

fn check_something_waits(packed: &Packed) -> anyhow::Result<()> {
    ensure!(packed.files > 0, "no request for {} waits", packed.edition);
    Ok(())
}
