//! A machine that changes, or turns out to be another one.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;

use keymuster_client::{Client, Error, Settings};
use keymuster_core::fingerprint::{BOARD_SERIAL, DISK_SERIAL, MACHINE_ID, NETWORK_CARDS, VM_GENERATION, digest};
use keymuster_core::key::KeyKind;
use keymuster_core::request::{Act, Fact, Standing};
use keymuster_core::time::DAY;
use sha2::{Digest as _, Sha256};
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher};

const EDITION: &str = "desk-pro-2026";

type Facts = [(u8, &'static str)];

const HOME: [(u8, &str); 4] =
    [(MACHINE_ID, "3d1219c7"), (BOARD_SERIAL, "board"), (DISK_SERIAL, "disk"), (NETWORK_CARDS, "00:1b:21:00:00:01")];
const ELSEWHERE: [(u8, &str); 4] =
    [(MACHINE_ID, "3d1219c7"), (BOARD_SERIAL, "other"), (DISK_SERIAL, "other"), (NETWORK_CARDS, "00:1b:21:00:00:09")];

struct World {
    machine: Machine,
    host: Host,
}

impl World {
    /// A machine with these facts, and a host.
    fn new(facts: &Facts) -> World {
        let machine = Machine::new();
        machine.env.set_facts(facts);
        let host = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
        World { machine, host }
    }

    fn client(&self) -> Client {
        self.machine.open(Publisher::aurora().product(EDITION), &self.host.address)
    }

    /// One that is activated at home, and opened again where these facts hold.
    fn moved(facts: &Facts) -> (World, Client) {
        let world = World::new(&HOME);
        world.client().activate().unwrap();
        world.host.next();
        world.machine.env.advance(DAY);
        world.machine.env.set_facts(facts);
        let client = world.client();
        (world, client)
    }
}

fn state(client: &Client) -> String {
    client.status().state.to_string()
}

const LICENSED: &str = "licensed until 2027-07-14T08:00:00Z";
const MOVED: &str = "in grace until 2027-02-15T08:00:00Z (the machine has changed)";

#[test]
fn what_may_change_and_what_may_not() {
    let [id, board, disk, cards] = HOME;
    let table: [(&str, &Facts, &str); 11] = [
        ("nothing", &HOME, LICENSED),
        ("the cards", &[id, board, disk, (NETWORK_CARDS, "others")], LICENSED),
        ("board and cards", &[id, (BOARD_SERIAL, "new"), disk, (NETWORK_CARDS, "others")], MOVED),
        ("the board", &[id, (BOARD_SERIAL, "new"), disk, cards], LICENSED),
        ("the system, installed anew", &[(MACHINE_ID, "new"), board, disk, cards], LICENSED),
        ("a copy of the disk", &ELSEWHERE, MOVED),
        ("a copy that another user looks at", &[id, (NETWORK_CARDS, "others")], LICENSED),
        ("a copy with a machine id of its own", &[(MACHINE_ID, "new"), (NETWORK_CARDS, "others")], MOVED),
        ("too little to tell", &[(NETWORK_CARDS, "others")], LICENSED),
        ("nothing is known any more", &[], LICENSED),
        ("a fact that was not known", &[id, board, disk, cards, (VM_GENERATION, "new")], LICENSED),
    ];
    for (name, facts, expected) in table {
        let (_world, client) = World::moved(facts);
        assert_eq!(state(&client), expected, "{name}");
    }
    let (world, client) = World::moved(&[]);
    world.machine.env.set_facts(&ELSEWHERE);
    assert_eq!(state(&client), LICENSED, "a status asks the machine nothing");
}

#[test]
fn only_salted_hashes_leave_the_machine() {
    let world = World::new(&HOME);
    let client = world.client();
    client.activate().unwrap();
    client.renew().unwrap();
    let seat = world.machine.open(Publisher::aurora().product("cad-2026"), &world.host.address);
    seat.activate().unwrap();
    client.release().unwrap();
    world.client().rearm().unwrap();
    world.client().activate().unwrap();
    let heard = world.host.all();
    let sent: Vec<Option<Vec<Fact>>> = heard.iter().map(|heard| heard.request.fingerprint.clone()).collect();
    let [first, second, of_seat, released, rearmed] = sent.try_into().unwrap();
    let kinds: Vec<u8> = first.iter().flatten().map(|fact| fact.kind).collect();
    assert_eq!(kinds, [1, 2, 3, 4]);
    assert_eq!((&first, released), (&second, None), "they stay the same, and go where they are needed");
    for other in [of_seat, rearmed] {
        let shared = first.iter().flatten().filter(|fact| other.iter().flatten().any(|other| other == *fact));
        assert_eq!(shared.count(), 0, "nobody can tell that it is the same machine");
    }
    for heard in &heard {
        let raw = HOME.iter().find(|(_, value)| heard.bytes.windows(value.len()).any(|part| part == value.as_bytes()));
        assert_eq!(raw, None);
    }
    let kept = fs::read(world.machine.file("desk-pro-2026.state")).unwrap();
    assert!(HOME.iter().all(|(_, value)| !kept.windows(value.len()).any(|part| part == value.as_bytes())));
}

#[test]
fn a_machine_without_facts_sends_none_and_is_never_out_of_tolerance() {
    let world = World::new(&[]);
    world.client().activate().unwrap();
    assert_eq!(world.host.next().request.fingerprint, None);
    world.machine.env.set_facts(&ELSEWHERE);
    assert_eq!(state(&world.client()), LICENSED);
}

#[test]
fn it_counts_from_the_first_notice_and_ends_when_the_machine_is_the_same_again() {
    let (world, client) = World::moved(&ELSEWHERE);
    world.machine.env.advance(20 * DAY);
    assert_eq!(state(&world.client()), MOVED);
    world.machine.env.advance(10 * DAY);
    let gone = "not licensed since 2027-02-15T08:00:00Z (the machine has changed, and the grace is over)";
    assert_eq!((state(&client), state(&world.client())), (gone.into(), gone.into()));
    assert_eq!(client.status().features, []);
    world.machine.env.set_facts(&HOME);
    assert_eq!(state(&client), gone, "until somebody looks at the machine");
    assert_eq!((state(&world.client()), state(&client)), (LICENSED.into(), LICENSED.into()));
}

#[test]
fn an_accepted_answer_ends_it_and_binds_the_lease_to_the_new_machine() {
    let (world, client) = World::moved(&ELSEWHERE);
    assert!(client.activate().unwrap().state.to_string().starts_with("licensed until 2027-07-15"));
    assert_eq!(world.host.next().request.standing, Some(Standing::OutOfTolerance));
    assert!(state(&world.client()).starts_with("licensed"));
    world.machine.env.set_facts(&HOME);
    assert!(state(&world.client()).ends_with("(the machine has changed)"), "home is elsewhere");
}

#[test]
fn a_refusal_and_silence_leave_it_as_it_is() {
    let (world, client) = World::moved(&ELSEWHERE);
    let World { machine, host } = world;
    drop(host);
    client.activate().unwrap_err();
    assert_eq!(state(&client), MOVED);
    let host = Host::start(|_| Reaction::refusal(403, "threshold-not-met", ""));
    let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
    client.activate().unwrap_err();
    assert_eq!(state(&client), MOVED);
}

#[test]
fn in_the_background_a_new_lease_is_asked_for_at_once() {
    let (world, client) = World::moved(&ELSEWHERE);
    let renewal = client.keep_alive();
    assert_eq!(world.host.next().request.standing, Some(Standing::OutOfTolerance), "six days before it is due");
    drop(renewal);
    let (world, client) = World::moved(&HOME);
    drop(client.keep_alive());
    assert_eq!(world.host.all().len(), 0);
}

#[test]
fn a_change_is_noticed_before_an_attempt_too() {
    let world = World::new(&HOME);
    let client = world.client();
    client.activate().unwrap();
    world.host.next();
    world.machine.env.set_facts(&ELSEWHERE);
    client.renew().unwrap();
    assert_eq!(world.host.next().request.standing, Some(Standing::OutOfTolerance));
    assert!(state(&client).starts_with("licensed"));
}

#[test]
fn facts_that_were_changed_in_the_state_do_not_make_another_machine_the_same() {
    let (world, client) = World::moved(&ELSEWHERE);
    let kept = fs::read(world.machine.file("desk-pro-2026.state")).unwrap();
    client.activate().unwrap();
    let theirs = world.host.next().request.fingerprint.unwrap();
    world.machine.env.set_facts(&HOME);
    client.activate().unwrap();
    let ours = world.host.next().request.fingerprint.unwrap();
    assert_ne!(digest(&ours), digest(&theirs));
    let mut content = kept[..kept.len() - 32].to_vec();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let places = content.windows(8).enumerate().filter(|(_, window)| *window == ours.hash).map(|(place, _)| place);
        for place in places.collect::<Vec<_>>() {
            content[place..place + 8].copy_from_slice(&theirs.hash);
        }
    }
    let hash = Sha256::digest(&content);
    content.extend(hash);
    assert_ne!(content, kept);
    fs::write(world.machine.file("desk-pro-2026.state"), content).unwrap();
    world.machine.env.set_facts(&ELSEWHERE);
    assert_eq!(state(&world.client()), MOVED);
}

#[test]
fn an_activation_by_a_mak_needs_the_key_again() {
    let machine = Machine::new();
    machine.env.set_facts(&HOME);
    let authority = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
    let url = format!("http://{}", authority.address);
    let open = || {
        let settings = Settings { authority: Some(url.clone()), ..machine.settings(None) };
        Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap()
    };
    let mak = Publisher::aurora().key(KeyKind::Mak, 1).reveal();
    let client = open();
    client.install_key(&mak).unwrap();
    client.activate().unwrap();
    let request = authority.next().request;
    assert_eq!((request.act, request.fingerprint.map(|facts| facts.len())), (Act::Mak, Some(4)));
    machine.env.set_facts(&ELSEWHERE);
    let client = open();
    assert_eq!(state(&client), "in grace until 2027-02-14T08:00:00Z (the machine has changed)");
    let error = client.activate().unwrap_err();
    assert!(matches!(error, Error::KeyNeeded { .. }), "{error}");
    assert_eq!(error.code().name, "out-of-tolerance");
    client.install_key(&mak).unwrap();
    assert_eq!(client.activate().unwrap().state.to_string(), "licensed for ever");
    assert_eq!(state(&open()), "licensed for ever");
}

#[test]
fn re_arming_the_edition_begins_the_grace_anew() {
    let (world, client) = World::moved(&ELSEWHERE);
    world.machine.env.advance(40 * DAY);
    assert!(!client.status().state.may_run());
    client.rearm_edition().unwrap();
    assert_eq!(state(&client), "in grace until 2027-03-27T08:00:00Z (the machine has changed)");
    assert_eq!(state(&world.client()), state(&client));
}
