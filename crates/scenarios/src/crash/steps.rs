//! A small scenario is played once for each change that it makes on the disk, and at that change the host is killed, the
//! power goes, or the disk fails: no moment is left out.
//!
//! This stands for fail points in the program: whatever lies between two changes of the disk looks the same after a restart.

use std::path::Path;
use std::sync::atomic::AtomicU32;

use anyhow::{Context as _, ensure};
use keymuster_host::store;
use rusqlite::Connection;

use super::disk::{Counted, Disk, Event, Fate};
use super::figures::{Figures, Progress};
use super::fleet::Fleet;
use super::host::{self, Host};
use super::lot::Lot;
use super::place::{Place, integrity, is_cut, publisher};
use crate::fixture;
use crate::load::Answer;

/// Requests of the scenario.
const REQUESTS: usize = 5;
const CONNECTIONS: usize = 2;

/// What happens at a change.
pub const EVENTS: [Event; 8] = [
    Event::Stop { is_done: false },
    Event::Stop { is_done: true },
    Event::Cut(Fate::Forgotten),
    Event::Cut(Fate::InPart),
    Event::Cut(Fate::Torn),
    Event::Cut(Fate::Unnamed),
    Event::Fail,
    Event::FailFromHere,
];

/// What is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scenario {
    /// The host starts, is asked, and stops.
    Serve,
    /// The host starts on a database of the version before, and stops.
    Migrate,
}

/// Which changes are met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Each one.
    All,
    /// So many of them, for each event.
    Drawn(u64),
}

/// A scenario with the disk on which it begins.
#[derive(Debug)]
struct Play {
    scenario: Scenario,
    disk: Disk,
    /// Changes that it makes where nothing happens.
    changes: u64,
}

/// Plays a scenario with every event.
pub fn run(lot: &Lot, scenario: Scenario, which: Which) -> anyhow::Result<Vec<Figures>> {
    let play = Play::new(lot, scenario)?;
    EVENTS.iter().map(|event| play.with(lot, *event, which)).collect()
}

/// What an event is called.
fn name(event: Event) -> &'static str {
    match event {
        Event::Stop { is_done: false } => "kill -9 before a change",
        Event::Stop { is_done: true } => "kill -9 after a change",
        Event::Cut(Fate::Forgotten) => "power cut, all that was not synced is lost",
        Event::Cut(Fate::InPart) => "power cut, any of the writes are kept",
        Event::Cut(Fate::Torn) => "power cut, any of the sectors are kept",
        Event::Cut(Fate::Unnamed) => "power cut, new names are lost",
        Event::Fail => "one change fails (EIO), then a power cut",
        Event::FailFromHere => "every change fails (EIO) from one on, then a power cut",
    }
}

impl Play {
    fn new(lot: &Lot, scenario: Scenario) -> anyhow::Result<Play> {
        let place = match scenario {
            Scenario::Serve => Place::new(lot)?,
            Scenario::Migrate => Place::with(lot, |data_dir| of_the_version_before(lot, data_dir))?,
        };
        let mut play = Play { scenario, disk: place.disk.copy(), changes: 0 };
        let once = Place::on(play.disk.copy())?;
        let mut fleet = once.fleet(lot, CONNECTIONS)?;
        once.disk.set_trap(u64::MAX, Counted::All, Event::Fail);
        let spoken = once.watch(|| play.act(&once, &mut fleet))?;
        ensure!(spoken.is_some_and(|spoken| spoken.is_empty()), "the scenario fails where nothing happens");
        play.changes = once.disk.counted();
        Ok(play)
    }

    fn act(&self, place: &Place, fleet: &mut Fleet) -> anyhow::Result<Vec<Answer>> {
        let host = place.start()?;
        let unavailable = match self.scenario {
            Scenario::Serve => fleet.ask_in_turn(host.clients, REQUESTS)?.1,
            Scenario::Migrate => Vec::new(),
        };
        host.stop()?;
        Ok(unavailable)
    }

    fn with(&self, lot: &Lot, event: Event, which: Which) -> anyhow::Result<Figures> {
        let changes: Vec<u64> = match which {
            Which::All => (1..=self.changes).collect(),
            Which::Drawn(times) => (0..times).map(|_| 1 + lot.below(self.changes)).collect(),
        };
        let of = match self.scenario {
            Scenario::Serve => "start, requests, stop",
            Scenario::Migrate => "change of the schema",
        };
        let mut figures = Figures::new(format!("{of}: {}", name(event)));
        let mut progress = Progress::new(&figures.what, changes.len() as u64);
        for at in changes {
            self.at(lot, (at, event), &mut figures).with_context(|| format!("{} {at}", figures.what))?;
            progress.step();
        }
        Ok(figures)
    }

    fn at(&self, lot: &Lot, (at, event): (u64, Event), figures: &mut Figures) -> anyhow::Result<()> {
        let mut place = Place::on(self.disk.copy())?;
        let mut fleet = place.fleet(lot, CONNECTIONS)?;
        place.disk.set_trap(at, Counted::All, event);
        match event {
            Event::Fail | Event::FailFromHere => {
                let acted = self.act(&place, &mut fleet);
                place.disk.dismiss();
                check_told(&place, acted)?;
                // Whatever the host made of it: what it then said to clients is there after a power cut.
                place.cut(Fate::Forgotten);
            }
            _ => drop(place.watch(|| self.act(&place, &mut fleet))?),
        }
        figures.open += fleet.open()?.len() as u64;
        if place.disk.is_off() {
            place.power_up()?;
        } else {
            ensure!(!is_cut(event) || place.disk.counted() < at, "the power was not off");
        }
        let (host, entries) = place.demand(&mut fleet)?;
        figures.starts.push(host.started_in);
        host.stop()?;
        let seen = place.seen()?;
        integrity(seen.path())?;
        self.check_kept(seen.path())?;
        figures.entries += entries;
        figures.acknowledged += fleet.acknowledged();
        figures.times += 1;
        Ok(())
    }

    /// After a change of the schema there is the database as it was.
    fn check_kept(&self, data_dir: &Path) -> anyhow::Result<()> {
        if self.scenario == Scenario::Migrate {
            let kept = format!("{}.schema-{}", store::FILE_NAME, store::MIGRATIONS.len() - 1);
            keymuster_service::database::check(&data_dir.join(kept)).context("the copy of what was before")?;
        }
        Ok(())
    }
}

/// Lets the host of a data directory grant something, and takes its database back to the version before.
fn of_the_version_before(lot: &Lot, data_dir: &Path) -> anyhow::Result<()> {
    let host = Host::start(data_dir, &data_dir.with_extension("log"), &AtomicU32::new(0))?;
    Fleet::new(lot, &publisher(), data_dir, CONNECTIONS)?.ask_in_turn(host.clients, REQUESTS)?;
    host.stop()?;
    let db = Connection::open(data_dir.join(store::FILE_NAME))?;
    db.execute_batch(fixture::DOWN)?;
    Ok(db.pragma_update(None, "user_version", (store::MIGRATIONS.len() - 1) as i64)?)
}

/// A host whose disk fails says so, to the clients that it does not serve, in its log, or by the way it ends.
fn check_told(place: &Place, acted: anyhow::Result<Vec<Answer>>) -> anyhow::Result<()> {
    let log = std::fs::read_to_string(place.log()).unwrap_or_default();
    let is_told = log.contains("error") || log.contains("ERROR") || log.contains("WARN");
    if let Ok(unavailable) = &acted {
        for answer in unavailable {
            let text = String::from_utf8_lossy(&answer.body);
            ensure!(answer.header("retry-after").is_some() && text.contains("\"code\""), "{answer:?}");
        }
    }
    let is_served = acted.as_ref().is_ok_and(Vec::is_empty);
    ensure!(is_served || is_told, "it says nothing of its disk: {acted:?}\n{}", host::end_of(&place.log()));
    Ok(())
}
