//! Re-arming: before an image is captured, on copies, while a product runs, and how often.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;

use keymuster_client::{Client, Error, Notice, Settings, State};
use keymuster_core::id::ClientId;
use keymuster_core::key::KeyKind;
use keymuster_core::time::{DAY, HOUR};
use support::host::{Granter, Host};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";

struct World {
    machine: Machine,
    host: Host,
}

impl World {
    fn new() -> World {
        let machine = Machine::new();
        let host = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
        World { machine, host }
    }

    fn client(&self) -> Client {
        self.machine.open(Publisher::aurora().product(EDITION), &self.host.address)
    }

    fn look(&self, edition: &str) -> Client {
        let settings = self.machine.settings(Some(self.host.address.clone()));
        Client::look(Publisher::aurora().product(edition), settings).unwrap()
    }
}

fn state(client: &Client) -> String {
    client.status().state.to_string()
}

/// All bytes of a store.
fn content(store: &Path) -> Vec<u8> {
    let files = fs::read_dir(store.join("aurora")).unwrap();
    files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn holds(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len()).any(|window| window == part)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("aurora")).unwrap();
    for file in fs::read_dir(from.join("aurora")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join("aurora").join(file.file_name())).unwrap();
    }
}

#[test]
fn nothing_of_the_old_client_stays_but_the_time_that_has_passed() {
    let world = World::new();
    let client = world.client();
    let id = client.activate().unwrap().client.unwrap();
    let seat = world.machine.open(Publisher::aurora().product("cad-2026"), &world.host.address);
    let mak = Publisher::aurora().key(KeyKind::Mak, 2).reveal();
    seat.install_key(&mak).unwrap();
    fs::write(world.machine.file("removed.state"), b"of a product that is gone").unwrap();
    fs::write(world.machine.file("identity.damaged-1"), id.as_bytes()).unwrap();
    world.machine.env.advance(10 * DAY);
    client.renew().unwrap();
    let lease = fs::read(world.machine.file("desk-pro-2026.state")).unwrap();
    assert!(holds(&content(world.machine.store.path()), id.as_bytes()) && holds(&lease, b"acme"));

    client.rearm().unwrap();
    let left = content(world.machine.store.path());
    for secret in [&id.as_bytes()[..], b"acme", mak.as_bytes(), &mak.as_bytes()[24..], b"127.0.0.1"] {
        assert!(!holds(&left, secret), "{secret:?}");
    }
    world.machine.env.set_wall(START);
    for edition in [EDITION, "cad-2026"] {
        let status = world.look(edition).status();
        assert_eq!(status.state.to_string(), "unlicensed: the product was never used here");
        assert_eq!((status.client, status.rearms_left, status.lease), (None, 2, None));
        assert_eq!(status.notices, [Notice::Rearmed]);
        assert_eq!(status.now, START.plus(10 * DAY), "re-arming does not turn back the time");
        assert!(status.time_suspect);
    }
}

#[test]
fn each_copy_of_an_image_becomes_a_client_of_its_own() {
    let world = World::new();
    let id = world.client().activate().unwrap().client;
    world.client().rearm().unwrap();
    // Whoever looks before the capture spoils nothing.
    world.look(EDITION);
    world.look(EDITION).status();
    let mut ids = vec![id];
    for _ in 0..3 {
        let directory = tempfile::tempdir().unwrap();
        copy(world.machine.store.path(), directory.path());
        world.machine.env.advance(DAY);
        let store = directory.path().to_path_buf();
        let settings = Settings { store, ..world.machine.settings(Some(world.host.address.clone())) };
        let copy = Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap();
        let status = copy.status();
        let until = world.machine.env.reading().wall.plus(30 * DAY);
        assert_eq!(status.state.to_string(), format!("in grace until {until} (not activated yet)"));
        assert_eq!((status.rearms_left, status.notices), (2, Vec::new()));
        assert!(!ids.contains(&status.client), "{ids:?}");
        ids.push(copy.activate().unwrap().client);
    }
    let counters: Vec<u64> = world.host.all().iter().map(|heard| heard.request.counter).collect();
    assert_eq!(counters, [1, 1, 1, 1], "each begins with its first request");
}

#[test]
fn it_is_possible_as_often_as_the_publisher_allows() {
    let world = World::new();
    for left in [2, 1, 0] {
        let client = world.client();
        client.activate().unwrap();
        assert_eq!(client.rearm().unwrap().rearms_left, left);
        assert_eq!(world.look(EDITION).rearm().unwrap().rearms_left, left, "what is re-armed is not counted again");
    }
    let client = world.client();
    let before = client.activate().unwrap();
    for result in [client.rearm(), client.rearm_edition()] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::RearmsExhausted { rearms_max: 3 }), "{error}");
        assert_eq!(error.code().to_string(), "KM-515 rearms-exhausted");
    }
    let after = client.status();
    assert_eq!((after.client, after.state, after.rearms_left), (before.client, before.state, 0));
}

#[test]
fn one_edition_begins_its_grace_anew_and_keeps_what_is_valid() {
    let world = World::new();
    let client = world.client();
    world.machine.env.advance(31 * DAY);
    assert!(state(&client).starts_with("not licensed since"));
    let id = client.status().client;
    let status = client.rearm_edition().unwrap();
    assert_eq!(status.state.to_string(), "in grace until 2027-03-17T08:00:00Z (not activated yet)");
    assert_eq!((status.client, status.rearms_left), (id, 2));

    let licensed = client.activate().unwrap().state;
    let status = client.rearm_edition().unwrap();
    assert_eq!((status.state, status.rearms_left), (licensed, 1), "a lease that holds stays");

    world.machine.env.advance(181 * DAY);
    assert!(state(&client).contains("(the activation has ended)"));
    let status = client.rearm_edition().unwrap();
    assert_eq!((status.lease, status.rearms_left), (None, 0));
    assert!(state(&client).ends_with("(not activated yet)"));
    assert_eq!(world.client().status().client, id);
}

#[test]
fn a_running_client_goes_on_in_grace_and_begins_anew_when_somebody_asks() {
    let world = World::new();
    let (running, seat) =
        (world.client(), world.machine.open(Publisher::aurora().product("cad-2026"), &world.host.address));
    let before = running.activate().unwrap().client;
    seat.activate().unwrap();
    world.machine.env.advance(5 * DAY);
    world.client().rearm().unwrap();
    let status = running.status();
    assert_eq!(status.state.to_string(), "in grace until 2027-02-19T08:00:00Z (not activated yet)");
    assert_eq!((status.client, status.lease), (None, None));
    assert_eq!(status.notices, [Notice::Rearmed]);
    assert!(!seat.status().state.may_run(), "a seat has no grace");
    world.machine.env.advance(DAY);
    assert_eq!(state(&running), "in grace until 2027-02-19T08:00:00Z (not activated yet)");
    assert_eq!(world.look(EDITION).status().client, None, "looking at it changes nothing");

    world.host.all();
    let status = running.activate().unwrap();
    let heard = world.host.next().request;
    assert_eq!((Some(heard.client), heard.counter, heard.previous), (status.client, 1, None));
    assert_ne!(status.client, before);
    assert_eq!(status.notices, []);
    // The other edition has the new identity with its next request.
    assert_eq!(seat.activate().unwrap().client, status.client);
}

#[test]
fn in_the_background_nothing_is_asked_until_the_image_may_have_been_captured() {
    let world = World::new();
    let running = world.client();
    running.activate().unwrap();
    world.client().rearm().unwrap();
    assert_eq!(running.status().client, None);
    world.machine.env.advance(HOUR - 1);
    world.host.all();
    drop(running.keep_alive());
    assert_eq!(world.host.all().len(), 0);
    assert_eq!(world.look(EDITION).status().client, None);
    world.machine.env.advance(1);
    let renewal = running.keep_alive();
    let heard = world.host.next().request;
    drop(renewal);
    assert_eq!(world.look(EDITION).status().client, Some(heard.client));
}

#[test]
fn it_waits_for_attempts_that_are_being_made_and_what_they_bring_does_not_stay() {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let granter = Granter::new(&publisher, &machine.env);
    let (release, waiting) = channel::<()>();
    let host = Host::start(move |heard| {
        let _ = waiting.recv();
        granter.react(&heard.request)
    });
    let open = || machine.open(publisher.product(EDITION), &host.address);
    let (asking, rearming, running) = (open(), open(), open());
    std::thread::scope(|scope| {
        scope.spawn(|| asking.activate().unwrap());
        host.next();
        // This one waits for its turn as well, and must not begin anew when the turn comes after the re-arming.
        let renewal = running.keep_alive();
        let rearmed = scope.spawn(|| rearming.rearm().unwrap());
        drop(release);
        assert_eq!(rearmed.join().unwrap().client, None);
        drop(renewal);
    });
    let settings = machine.settings(None);
    let status = Client::look(publisher.product(EDITION), settings).unwrap().status();
    assert_eq!((status.state, status.lease, status.rearms_left), (State::Unlicensed, None, 2));
}

#[test]
fn a_store_that_cannot_be_written_is_not_re_armed() {
    let world = World::new();
    let client = world.client();
    let held = client.activate().unwrap();
    fs::remove_file(world.machine.file("lock")).unwrap();
    fs::create_dir(world.machine.file("lock")).unwrap();
    for result in [client.rearm(), client.rearm_edition()] {
        assert_eq!(result.unwrap_err().code().name, "state-unwritable");
    }
    let status = client.status();
    assert_eq!((status.client, status.state, status.rearms_left), (held.client, held.state, 3));
}

#[test]
fn a_number_that_was_lost_with_the_identity_begins_anew() {
    let world = World::new();
    world.client().rearm().unwrap();
    assert_eq!(world.client().status().rearms_left, 2);
    fs::write(world.machine.file("identity"), b"KMS1\n").unwrap();
    let status = world.client().status();
    assert_eq!(status.rearms_left, 3);
    assert_ne!(status.client, Some(ClientId::from_bytes([0; 16])));
}
