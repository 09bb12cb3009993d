//! How a family's count stands against its thresholds, and when it will fall below one (`docs/spec/counting.md`, 8).

use std::path::{Path, PathBuf};
use std::time::Duration;

use keymuster_core::catalogue::{Edition, Family};
use keymuster_core::lease::LeaseKind;
use keymuster_core::muster::Muster;
use keymuster_core::time::{DAY, Timestamp, duration_words};
use keymuster_service::database::Failure;
use keymuster_service::{Env, Stop};

use crate::engine::count_clients;
use crate::site::{Granted, Publisher, Site};
use crate::store;

/// How often a running host looks.
const LOOK: Duration = Duration::from_secs(DAY);

/// A family's count, and what is to be expected of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outlook {
    /// Distinct clients in the window.
    pub count: u64,
    /// What the editions of the family need, the lowest first.
    pub thresholds: Vec<u32>,
    /// Clients that have missed two renewals.
    pub silent: u64,
    /// For how long those have been silent at least, in seconds.
    pub silence_secs: u64,
    /// What somebody should know before it happens.
    pub warning: Option<Warning>,
}

/// A threshold that is reached now and will or may not be for long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Warning {
    /// The threshold.
    pub threshold: u32,
    /// When the count falls below it if the silent clients stay silent; `None` where the count is merely close to it.
    pub falls_below_at: Option<Timestamp>,
}

impl Outlook {
    /// The outlook of one family; `muster` is `None` where nobody has asked yet.
    pub fn of(held: &Publisher, family: &Family, muster: Option<&mut Muster>, now: Timestamp) -> Outlook {
        let silence_secs = held.choices.renew(&held.catalogue).value.saturating_mul(2);
        let thresholds = thresholds(held, family.number);
        let Some(muster) = muster else {
            return Outlook { count: 0, thresholds, silent: 0, silence_secs, warning: None };
        };
        let count = muster.count(now);
        let reached = thresholds.iter().rev().find(|threshold| u64::from(**threshold) <= count).copied();
        let warning = reached.and_then(|threshold| {
            let falls_below_at = muster.falls_below(u64::from(threshold), silence_secs, now);
            let is_close = threshold > 1 && count * 5 < u64::from(threshold) * 6;
            (falls_below_at.is_some() || is_close).then_some(Warning { threshold, falls_below_at })
        });
        Outlook { count, thresholds, silent: muster.silent(silence_secs, now), silence_secs, warning }
    }

    /// The warning in one sentence.
    pub fn warning_words(&self) -> Option<String> {
        let Warning { threshold, falls_below_at } = self.warning?;
        let Outlook { count, silent, .. } = self;
        let Some(at) = falls_below_at else {
            return Some(format!(
                "{count} of {threshold} clients are close to too few: nobody new is activated below {threshold}"
            ));
        };
        let (clients, stay) = if *silent == 1 { ("client that has", "stays") } else { ("clients that have", "stay") };
        let silence = duration_words(self.silence_secs);
        Some(format!(
            "{count} of {threshold} clients are counted; fewer than {threshold} from {at} on, if the {silent} {clients} been \
             silent for {silence} {stay} so"
        ))
    }
}

/// The thresholds of a family's editions, as the entitlements have them that last longest for each, raised where the
/// customer raised them.
fn thresholds(held: &Publisher, family: u16) -> Vec<u32> {
    let catalogue = &held.catalogue;
    let threshold = |edition: &Edition| {
        let group = catalogue.group_of(edition).filter(|group| group.family == family)?;
        let agreed = |granted: &Granted| {
            let entitlement = &granted.entitlement;
            Some((entitlement.stop_at, entitlement.threshold(edition, group)?))
        };
        let longest = held.entitlements.iter().filter_map(agreed).max_by_key(|(stop_at, _)| *stop_at);
        let signed = longest.map_or(edition.threshold, |(_, threshold)| threshold);
        Some(held.choices.threshold(edition.number, signed).value)
    };
    let editions = catalogue.editions.iter().filter(|edition| edition.kind == LeaseKind::Volume);
    let mut thresholds: Vec<u32> = editions.filter_map(threshold).collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    thresholds
}

/// Looks at the start and then daily, and logs what somebody should know before it happens, until the stop.
pub async fn watch(data_dir: PathBuf, env: Env, stop: Stop) {
    loop {
        let (directory, now) = (data_dir.clone(), env.now());
        let looked = tokio::task::spawn_blocking(move || warnings(&directory, now)).await;
        match looked {
            Ok(Ok(warnings)) => {
                for (publisher, family, warning) in warnings {
                    tracing::warn!(publisher, family, "the count: {warning}");
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, "cannot look at the counts"),
            Err(error) => tracing::error!(%error, "looking at the counts was broken off"),
        }
        tokio::select! {
            () = stop.asked() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The warnings of all families, each with its publisher and family.
fn warnings(data_dir: &Path, now: Timestamp) -> Result<Vec<(String, String, String)>, Failure> {
    let mut db = store::open_read_only(data_dir)?;
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let mut counts = count_clients(&tx, &site)?;
    let mut found = Vec::new();
    for held in &site.publishers {
        for family in &held.catalogue.families {
            let outlook = Outlook::of(held, family, counts.get_mut(&(held.number, family.number)), now);
            if let Some(warning) = outlook.warning_words() {
                found.push((held.trust.publisher.to_string(), family.id.to_string(), warning));
            }
        }
    }
    Ok(found)
}
