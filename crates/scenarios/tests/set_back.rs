//! A host whose files are set back again and again while machines take, renew and give back seats: its ledger stays whole,
//! the first machine with a lost lease is noticed, and no seat is held twice for longer than a term.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use keymuster_core::document::{Signed, payload, sign_payload};
use keymuster_core::lease::Lease;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::SecretKey;
use keymuster_core::time::{MINUTE, Timestamp};
use keymuster_host::engine::{Engine, Outcome, Running};
use keymuster_host::proof::{self, Held};
use keymuster_host::site::{Home, Site};
use keymuster_host::store::{self, ledger, seat};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_service::{Env, database};
use proptest::prelude::*;
use tempfile::TempDir;

const SEATS: u32 = 2;
const MACHINES: usize = 4;
const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A machine asks, and may never hear the answer.
    Ask { machine: usize, is_heard: bool },
    /// A machine gives its seat back.
    Release { machine: usize },
    /// Time passes.
    Pass { secs: u64 },
    /// The host's files are copied.
    Copy,
    /// The newest copy takes their place.
    SetBack,
    /// The host is started again.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..MACHINES, prop::bool::weighted(0.9)).prop_map(|(machine, is_heard)| Step::Ask { machine, is_heard }),
        2 => (0..MACHINES).prop_map(|machine| Step::Release { machine }),
        2 => (1..80 * MINUTE).prop_map(|secs| Step::Pass { secs }),
        2 => Just(Step::Copy),
        2 => Just(Step::SetBack),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_stays_whole_and_no_seat_is_held_twice_for_longer_than_a_term(steps in steps()) {
        let mut world = World::new();
        for (number, step) in steps.iter().enumerate() {
            world.take(step);
            world.check(&format!("behind step {number}, {step:?}"));
        }
    }
}

/// A host in this process, whose clock the test moves, and its machines.
struct World {
    publisher: Publisher,
    directory: TempDir,
    env: Env,
    key: SecretKey,
    host: Option<(Engine, Running)>,
    machines: Vec<(Machine, Option<Signed<Lease>>)>,
    /// When the files were set back last.
    set_back: Option<Timestamp>,
}

impl World {
    fn new() -> World {
        let (publisher, directory) = (Publisher::new(1, SEATS), tempfile::tempdir().unwrap());
        let key = publisher.entitle_host(&directory.path().join("host")).unwrap().key.clone();
        let env = Env::fixed(Env::system().now(), 1);
        let machines = (0..MACHINES).map(|_| (Machine::new(&env), None)).collect();
        let mut world = World { publisher, directory, env, key, host: None, machines, set_back: None };
        world.start();
        world
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("host")
    }

    fn start(&mut self) {
        let home = Home::open(&self.data_dir(), &self.env).unwrap();
        self.host = Some(Engine::start(home, &self.data_dir(), self.env.clone()).unwrap());
    }

    fn stop(&mut self) {
        let (engine, running) = self.host.take().unwrap();
        drop(engine);
        running.join().unwrap();
    }

    fn take(&mut self, step: &Step) {
        let copy = self.directory.path().join("copy");
        match step {
            Step::Ask { machine, is_heard } => self.ask(*machine, *is_heard),
            Step::Release { machine } => self.release(*machine),
            Step::Pass { secs } => self.env.advance(*secs),
            Step::Copy => self.stopped(|data_dir| put(data_dir, &copy)),
            Step::SetBack if copy.exists() => {
                self.set_back = Some(self.env.now());
                self.stopped(|data_dir| put(&copy, data_dir));
            }
            Step::SetBack | Step::Restart => self.stopped(|_| {}),
        }
    }

    fn stopped(&mut self, act: impl FnOnce(&Path)) {
        self.stop();
        act(&self.data_dir());
        self.start();
    }

    fn ask(&mut self, machine: usize, is_heard: bool) {
        let held = self.machines[machine].1.clone();
        let (before, is_lost) = (self.epoch(), held.as_ref().is_some_and(|held| !self.has(held)));
        let is_holder = held.as_ref().is_some_and(|held| self.is_live(held)) || self.has_seat(machine);
        let outcome = self.decide(machine, Act::Activate);
        let rises = held.as_ref().is_some_and(|held| is_lost && held.position.epoch >= before);
        assert_eq!(self.epoch() > before, rises, "the epoch rises with the first lost lease, and with nothing else");
        let Outcome::Lease { payload, .. } = outcome else { return };
        let bytes = sign_payload::<Lease>(&payload, &self.key);
        let lease = Signed::<Lease>::verify(&bytes, &self.key.public()).unwrap();
        let place = |lease: &Lease| (lease.position.epoch, lease.position.sequence);
        assert!(held.as_ref().is_none_or(|held| place(&lease) > place(held)), "a client would refuse it");
        if self.is_quarantined() {
            assert!(is_holder, "nobody new gets a seat");
        }
        if is_heard {
            self.machines[machine].1 = Some(lease);
        }
    }

    fn release(&mut self, machine: usize) {
        if self.machines[machine].1.is_some() && matches!(self.decide(machine, Act::Release), Outcome::Released) {
            self.machines[machine].1 = None;
        }
    }

    fn decide(&mut self, machine: usize, act: Act) -> Outcome {
        let (machine, held) = &mut self.machines[machine];
        let mut ask = machine.ask(act, &self.publisher.trust.publisher, SEAT_EDITION, &self.env);
        if let Some(held) = held {
            ask.previous = Some(held.position);
            ask.fence = held.seat.as_ref().map(|seat| seat.fence);
            ask.extensions = ClientRequest::showing(held.bytes()).filter(|_| act == Act::Activate);
        }
        let request = ClientRequest::read(&machine.sign(ask)).unwrap();
        let (engine, _) = self.host.as_ref().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(engine.decide(request, CALLER)).unwrap()
    }

    /// Looks at the database beside the running host.
    fn look<T>(&self, look: impl FnOnce(&keymuster_service::sql::Transaction<'_>, &Site) -> T) -> T {
        let mut db = database::open_read_only(&self.data_dir().join(store::FILE_NAME)).unwrap();
        let tx = db.transaction().unwrap();
        look(&tx, &Site::load(&tx).unwrap())
    }

    fn epoch(&self) -> u64 {
        self.look(|_, site| site.epoch)
    }

    fn has(&self, lease: &Lease) -> bool {
        let entry = self.look(|tx, _| ledger::entry(tx, lease.position.sequence).unwrap());
        entry.is_some_and(|entry| entry.payload == payload(lease).unwrap())
    }

    /// Whether the seat of a lease is not free yet.
    fn is_live(&self, lease: &Lease) -> bool {
        lease.expires.plus(self.publisher.guard_secs) > self.env.now()
    }

    /// Whether a machine holds a seat by the host's records.
    fn has_seat(&self, machine: usize) -> bool {
        let (client, now) = (self.machines[machine].0.id, self.env.now());
        self.look(|tx, site| !seat::of_client(tx, site.publishers[0].number, client, now).unwrap().is_empty())
    }

    fn is_quarantined(&self) -> bool {
        let at = self.look(|_, site| site.returned.map(|returned| returned.at));
        at.is_some_and(|at| self.env.now() < at.plus(self.publisher.term_secs + self.publisher.guard_secs))
    }

    fn check(&self, when: &str) {
        let now = self.env.now();
        let held = Held { key: Some(&self.key), mirror: None, now };
        let proved = self.look(|tx, site| proof::prove(tx, site, &held, &mut |_, _, _| {}));
        assert!(proved.is_ok(), "{when}: {proved:?}");
        let holders = self.machines.iter().filter(|(_, held)| held.as_ref().is_some_and(|held| held.expires > now));
        // Seats of the lost time are shown within a term, and what was given twice ends within another one.
        let settled = 2 * (self.publisher.term_secs + self.publisher.guard_secs);
        if self.set_back.is_none_or(|at| now >= at.plus(settled)) {
            assert!(holders.count() <= SEATS as usize, "{when}: more holders than seats");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

/// Puts the database of one directory in the place of that of another.
fn put(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let files = |directory: &Path| -> Vec<PathBuf> {
        let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(store::FILE_NAME)).collect()
    };
    files(to).iter().for_each(|old| fs::remove_file(old).unwrap());
    for new in files(from) {
        fs::copy(&new, to.join(new.file_name().unwrap())).unwrap();
    }
}
