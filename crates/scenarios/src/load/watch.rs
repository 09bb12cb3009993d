//! One load test from its beginning to its verdict: the crowd asks, the servers are looked at meanwhile, the ledger is read.

use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use keymuster_core::request::Act;
use keymuster_host::identity;
use keymuster_service::Env;

use super::book::{self, Book, Checked};
use super::crowd::Event;
use super::report::Sample;
use super::site::{Site, Used};
use super::{Connection, Machine};
use crate::fixture::VOLUME_EDITION;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Asks when all others have been answered; no ledger knows it.
const LAST: u64 = 99_000_000;

/// What a load test has shown.
#[derive(Debug)]
pub struct Seen {
    /// What clients were told.
    pub book: Book,
    /// What the ledger has of it.
    pub checked: Checked,
    /// How many clients the host counted in the end, by its last lease.
    pub counted: u64,
    /// The servers, look by look.
    pub samples: Vec<Sample>,
    /// What the servers used while they were asked.
    pub used: Used,
    /// And the database's own processes.
    pub database_cpu_secs: Option<f64>,
}

/// Starts the crowd, which notes what comes of it, and looks at the servers until all have been answered; `event` happens
/// at each look.
pub fn play(
    site: &mut Site,
    begin: Instant,
    crowd: impl FnOnce(Sender<Event>),
    mut event: impl FnMut(&mut Site) -> anyhow::Result<()>,
) -> anyhow::Result<Seen> {
    let host_key = identity::read(&site.data_dir)?.public();
    let (used_before, database_before) = (site.used()?, site.database_cpu_secs()?);
    let (noted, events) = mpsc::channel();
    let keeper = Book::new(host_key, begin).keep(events);
    crowd(noted);
    let mut samples = Vec::new();
    while !keeper.is_finished() {
        event(site)?;
        let (resident, descriptors) = site.figures()?;
        samples.push(Sample { at_secs: begin.elapsed().as_secs_f64(), resident, descriptors });
        std::thread::sleep(LOOK);
    }
    let book = keeper.join().ok().context("the book has panicked")??;
    let used = site.used()?;
    let used =
        Used { cpu_secs: used.cpu_secs - used_before.cpu_secs, written: used.written - used_before.written, ..used };
    let database_cpu_secs = site.database_cpu_secs()?.zip(database_before).map(|(after, before)| after - before);

    let env = Env::system();
    let request = Machine::numbered(LAST).request(Act::Activate, &site.publisher.trust.publisher, VOLUME_EDITION, &env);
    let answer = Connection::open(site.servers[0].address)?.post("/v1/activate", &request)?;
    let counted = book::lease(&answer.body, &host_key)?.count;
    site.stop()?;
    let checked = book.check(&mut site.database()?, env.now())?;
    Ok(Seen { book, checked, counted, samples, used, database_cpu_secs })
}
