//! What becomes of clients and hosts over months, in seconds: a real host and real clients over real HTTP, with clocks that
//! the test moves. Each story ends in a named state with a named advice.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use keymuster_client::{Client, Error, HostAddress, Product, Settings, State, Status};
use keymuster_core::codes;
use keymuster_core::fingerprint::{BOARD_SERIAL, MACHINE_ID, NETWORK_CARDS};
use keymuster_core::muster::Muster;
use keymuster_core::time::{DAY, HOUR};
use keymuster_host::engine::Engine;
use keymuster_host::routes::{self, App};
use keymuster_host::site::Home;
use keymuster_scenarios::fixture::Publisher;
use keymuster_service::edge::{self, Limits};
use keymuster_service::{Env, Stop};
use tempfile::TempDir;

const THRESHOLD: u32 = 5;

/// A site with one host and some machines, all of whose clocks agree.
struct World {
    publisher: Publisher,
    directory: TempDir,
    host_env: Env,
    client_env: keymuster_client::Env,
    address: SocketAddr,
    host: Option<RunningHost>,
    product: Product,
    clients: Vec<Client>,
    /// The clocks and facts of machines that differ from the others.
    machines: Vec<keymuster_client::Env>,
}

/// A host in this process, so that the test can move its clock; everything else about it is real.
struct RunningHost {
    stop: Stop,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl World {
    /// A host that runs, and as many machines as the threshold asks for, activated.
    fn mustered() -> World {
        let mut publisher = Publisher::new(THRESHOLD, 1);
        let (directory, now) = (tempfile::tempdir().unwrap(), Env::system().now());
        publisher.stop_at = Some(now.plus(395 * DAY));
        publisher.entitle_host(&directory.path().join("host")).unwrap();
        let product = product(&publisher);
        let mut world = World {
            publisher,
            directory,
            host_env: Env::fixed(now, 1),
            client_env: keymuster_client::Env::fixed(now, 2),
            address: "127.0.0.1:0".parse().unwrap(),
            host: None,
            product,
            clients: Vec::new(),
            machines: Vec::new(),
        };
        world.start_host();
        world.clients = (0..THRESHOLD).map(|number| world.open(&world.store(number))).collect();
        for client in &world.clients {
            // All but the last are told to wait, and count.
            let _ = client.activate();
        }
        world.pass(3 * HOUR);
        assert!(world.clients.iter().all(|client| is_licensed(&client.status())), "the muster is complete");
        world
    }

    fn store(&self, number: u32) -> PathBuf {
        self.directory.path().join(format!("machine-{number}"))
    }

    /// The client of a machine.
    fn open(&self, store: &Path) -> Client {
        self.open_on(store, &self.client_env)
    }

    fn open_on(&self, store: &Path, env: &keymuster_client::Env) -> Client {
        let host = HostAddress { host: self.address.ip().to_string(), port: self.address.port(), tls_only: false };
        let settings = Settings { store: store.to_owned(), host: Some(host), env: env.clone(), ..Settings::default() };
        Client::open_with(self.product.clone(), settings).unwrap()
    }

    /// A machine with a board and a network card of its own.
    fn build(&mut self, name: &str) -> keymuster_client::Env {
        let env = keymuster_client::Env::fixed(self.host_env.now(), u64::from(name.as_bytes()[0]));
        let part = |part: &str| format!("{part} of {name}");
        let (id, board, card) = (part("id"), part("board"), part("card"));
        env.set_facts(&[(MACHINE_ID, &id), (BOARD_SERIAL, &board), (NETWORK_CARDS, &card)]);
        self.machines.push(env.clone());
        env
    }

    fn start_host(&mut self) {
        let data_dir = self.directory.path().join("host");
        let home = Home::open(&data_dir, &self.host_env).unwrap();
        let (key, stop) = (Arc::new(home.key.clone()), Stop::new());
        let (engine, running) = Engine::start(home, &data_dir, self.host_env.clone()).unwrap();
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        let asked = stop.clone();
        let serving = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                edge::serve(listener, routes::clients(App { engine, key }), Limits::default(), asked).await;
                anyhow::Ok(())
            })?;
            drop(runtime);
            running.join()
        });
        self.host = Some(RunningHost { stop, serving });
    }

    fn stop_host(&mut self) {
        let host = self.host.take().unwrap();
        host.stop.now();
        host.serving.join().unwrap().unwrap();
    }

    /// Lets time pass, in which each machine of the site asks when its time has come, as a running product does.
    fn pass(&self, secs: u64) {
        self.pass_for(secs, &self.clients.iter().collect::<Vec<_>>());
    }

    /// The same, with these machines switched on and the others off.
    fn pass_for(&self, secs: u64, on: &[&Client]) {
        for _ in 0..secs.div_ceil(HOUR) {
            self.host_env.advance(HOUR);
            self.client_env.advance(HOUR);
            self.machines.iter().for_each(|env| env.advance(HOUR));
            for client in on {
                let status = client.status();
                if status.next_attempt.is_none_or(|due| due <= status.now) {
                    // What came of it stands in the status.
                    let _ = client.renew();
                }
            }
        }
    }

    /// How many client ids the host has noticed with more than one machine.
    fn shared_identities(&self) -> usize {
        let path = self.directory.path().join("host/host.db");
        let mut db = keymuster_service::database::open_read_only(&path).unwrap();
        let tx = db.transaction().unwrap();
        let begin = self.host_env.now().minus(365 * DAY);
        keymuster_host::store::shared_identity::since(&tx, 1, begin, 100).unwrap().len()
    }

    /// How many clients the host counts, as its own rows have it.
    fn count(&self) -> u64 {
        let db = keymuster_service::database::open_read_only(&self.directory.path().join("host/host.db")).unwrap();
        let mut muster = Muster::new(30 * DAY);
        let mut before = None;
        keymuster_host::store::client::each(&db, |seen| {
            muster.asked(before.filter(|_| seen.is_same), seen.last_asked);
            before = Some(seen.last_asked);
        })
        .unwrap();
        muster.count(self.host_env.now())
    }
}

fn product(publisher: &Publisher) -> Product {
    let pack = publisher.pack(Env::system().now()).to_file();
    Product::new(&publisher.trust.to_string(), &pack, "volume").unwrap()
}

fn is_licensed(status: &Status) -> bool {
    matches!(status.state, State::Licensed { .. })
}

fn last_tried(status: &Status) -> String {
    status.trail.last().map(|tried| tried.outcome.clone()).unwrap_or_default()
}

#[test]
fn a_host_that_was_off_for_three_weeks_is_missed_by_nobody() {
    let mut world = World::mustered();
    world.pass(10 * DAY);
    world.stop_host();
    world.pass(21 * DAY);
    for client in &world.clients {
        let status = client.status();
        assert!(is_licensed(&status), "{}", status.state);
        assert!(last_tried(&status).contains(codes::CONNECTION_REFUSED.name), "{:?}", status.trail);
    }
    world.start_host();
    assert_eq!(world.count(), u64::from(THRESHOLD), "they asked less than 30 days ago");
    world.pass(4 * HOUR);
    for client in &world.clients {
        let status = client.status();
        assert!(is_licensed(&status) && last_tried(&status) == "answered", "{:?}", status.trail);
        assert_eq!(status.lease.unwrap().count, u64::from(THRESHOLD));
    }
}

#[test]
fn a_client_that_was_off_for_seven_months_is_told_and_comes_back() {
    let world = World::mustered();
    let (off, on) = world.clients.split_first().unwrap();
    let mut on: Vec<&Client> = on.iter().collect();
    let substitute = world.open(&world.store(100));
    on.push(&substitute);
    world.pass_for(213 * DAY, &on);
    let status = off.status();
    let State::Notification { reason, .. } = status.state else { panic!("{}", status.state) };
    assert_eq!(reason.code().name, "grace-over");
    assert!(reason.code().remedy.contains("keymuster activate"));
    // The host has forgotten nobody: it was one of five, and is the sixth that asks now.
    let status = off.activate().unwrap();
    assert!(is_licensed(&status), "{}", status.state);
    assert_eq!(status.lease.unwrap().count, u64::from(THRESHOLD) + 1);
}

#[test]
fn a_machine_that_was_imaged_anew_is_a_new_client_and_the_old_one_leaves_the_count() {
    let world = World::mustered();
    world.pass(7 * DAY);
    let old = world.clients[0].status().client;
    std::fs::remove_dir_all(world.store(0)).unwrap();
    let anew = world.open(&world.store(0));
    let first = anew.status();
    assert!(matches!(first.state, State::Grace { .. }), "{}", first.state);
    assert_ne!(first.client, old);
    let status = anew.activate().unwrap();
    assert_eq!(status.lease.unwrap().count, u64::from(THRESHOLD) + 1, "the old one counts until it is forgotten");
    let on: Vec<&Client> = world.clients[1..].iter().chain([&anew]).collect();
    world.pass_for(38 * DAY, &on);
    assert_eq!(world.count(), u64::from(THRESHOLD));
    assert!(on.iter().all(|client| is_licensed(&client.status())));
}

#[test]
fn a_host_that_lost_its_clients_refuses_and_takes_nothing_away() {
    let world = World::mustered();
    let survivor = &world.clients[0];
    world.pass_for(40 * DAY, &[survivor]);
    let status = survivor.status();
    assert!(is_licensed(&status), "{}", status.state);
    assert_eq!(status.last_refusal.unwrap().code, "threshold-not-met");
    let Err(Error::Refused(refused)) = survivor.activate() else { panic!("below the threshold") };
    assert_eq!((refused.number("count"), refused.number("need")), (Some(1), Some(u64::from(THRESHOLD))));
    drop(world.publisher);
}

#[test]
fn two_machines_with_one_image_are_noticed_and_told_what_to_do() {
    let mut world = World::mustered();
    let (first, second) = (world.build("first"), world.build("second"));
    let original = world.open_on(&world.store(50), &first);
    assert_eq!(original.activate().unwrap().lease.unwrap().count, u64::from(THRESHOLD) + 1);
    copy(&world.store(50), &world.store(51));

    let clone = world.open_on(&world.store(51), &second);
    let State::Grace { reason, .. } = clone.status().state else { panic!("{}", clone.status().state) };
    assert_eq!(reason.to_string(), "the machine has changed");
    assert!(codes::OUT_OF_TOLERANCE.remedy.contains("keymuster rearm"));

    // For two weeks both go on asking with one identity: each gets its lease, and they count as one.
    let on: Vec<&Client> = world.clients.iter().chain([&original, &clone]).collect();
    world.pass_for(15 * DAY, &on);
    assert_eq!(world.count(), u64::from(THRESHOLD) + 1);
    let noticed = |client: &Client| client.status().notices.iter().any(|notice| notice.code() == shared());
    assert!(noticed(&original) || noticed(&clone), "{:?} {:?}", original.status().notices, clone.status().notices);
    assert!(codes::IDENTITY_SHARED.remedy.contains("keymuster rearm"));
    assert_eq!(world.shared_identities(), 1, "the host names the client id that two machines use");

    // What it is told to do: the copy is re-armed, and is a client of its own from then on.
    clone.rearm().unwrap();
    let clone = world.open_on(&world.store(51), &second);
    assert!(matches!(clone.status().state, State::Grace { .. }), "{}", clone.status().state);
    assert_eq!(clone.activate().unwrap().lease.unwrap().count, u64::from(THRESHOLD) + 2);
    assert_ne!(clone.status().client, original.status().client);
    let on: Vec<&Client> = world.clients.iter().chain([&original, &clone]).collect();
    world.pass_for(40 * DAY, &on);
    for client in on {
        let status = client.status();
        assert!(is_licensed(&status), "{}", status.state);
        assert!(!noticed(client), "{:?}", status.notices);
    }
    assert_eq!(world.count(), u64::from(THRESHOLD) + 2);
}

fn shared() -> Option<&'static codes::Code> {
    Some(&codes::IDENTITY_SHARED)
}

/// The directory of a machine, as an image carries it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
