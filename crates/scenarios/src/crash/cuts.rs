//! The power goes under load, at a change of the disk that is drawn, while a checkpoint moves pages, or while the host comes
//! up after the power cut before.

use super::disk::{Counted, Event, Fate};
use super::figures::{Figures, Progress};
use super::fleet::Fleet;
use super::lot::Lot;
use super::place::Place;

const CONNECTIONS: usize = 8;
/// The power goes at one of so many changes, some hundred commits.
const CHANGES_MAX: u64 = 900;
/// A checkpoint writes some pages of the database.
const CHECKPOINT_CHANGES_MAX: u64 = 12;
/// One power cut in so many falls into a checkpoint, and one start in so many sees another.
const ONE_IN_CHECKPOINT: u64 = 4;
const ONE_IN_RECOVERY: u64 = 3;
/// Changes of a start.
const START_CHANGES_MAX: u64 = 30;
/// Power cuts before a new host takes its place, so that the whole ledger can be read each time.
const CUTS_OF_A_HOST: u64 = 20;

/// What was counted under load, and while hosts came up.
#[derive(Debug)]
pub struct Cuts {
    /// Under load.
    pub under_load: Figures,
    /// While a host came up.
    pub in_recovery: Figures,
}

/// Puts the power off so many times under load, and some more times after that.
pub fn run(lot: &Lot, cuts: u64) -> anyhow::Result<Cuts> {
    let (under_load, in_recovery) =
        (Figures::new("power cut under load"), Figures::new("second power cut, while the host comes up"));
    let mut all = Cuts { under_load, in_recovery };
    let mut progress = Progress::new("power cuts", cuts);
    while all.under_load.times < cuts {
        let mut place = Place::new(lot)?;
        let mut fleet = place.fleet(lot, CONNECTIONS)?;
        for _ in 0..(cuts - all.under_load.times).min(CUTS_OF_A_HOST) {
            one(lot, &mut place, &mut fleet, &mut all)?;
            progress.step();
        }
        place.demand(&mut fleet)?;
        all.under_load.acknowledged += fleet.acknowledged();
    }
    Ok(all)
}

/// The host comes up with all it acknowledged, the power goes, and perhaps once more while it comes up again.
fn one(lot: &Lot, place: &mut Place, fleet: &mut Fleet, all: &mut Cuts) -> anyhow::Result<()> {
    let (host, entries) = place.demand(fleet)?;
    all.under_load.starts.push(host.started_in);
    all.under_load.entries += entries;
    let event = Event::Cut(Fate::drawn(lot));
    if lot.is_one_in(ONE_IN_CHECKPOINT) {
        place.disk.set_trap(1 + lot.below(CHECKPOINT_CHANGES_MAX), Counted::Of("host.db"), event);
    } else {
        place.disk.set_trap(1 + lot.below(CHANGES_MAX), Counted::All, event);
    }
    let outlived = place.watch(|| fleet.ask_until_gone(host.clients, |_| ()))?;
    anyhow::ensure!(outlived.is_none(), "the host was gone before the power");
    drop(host);
    all.under_load.open += fleet.open()?.len() as u64;
    all.under_load.times += 1;
    place.power_up()?;
    if lot.is_one_in(ONE_IN_RECOVERY) {
        place.disk.set_trap(1 + lot.below(START_CHANGES_MAX), Counted::All, Event::Cut(Fate::drawn(lot)));
        let host = place.watch(|| place.start())?;
        if host.is_some() {
            // It made fewer changes than that; so the power goes when it is up.
            drop(host);
            place.cut(Fate::drawn(lot));
        }
        place.power_up()?;
        all.in_recovery.times += 1;
    }
    Ok(())
}
