//! The files of a client: whole or damaged, writable or not, of this process or another.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use keymuster_client::{Client, Error, Notice, Product, Settings};
use support::host::{Granter, Host};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";
const STATE: &str = "desk-pro-2026.state";

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
}

fn kept_as(client: &Client) -> Option<std::path::PathBuf> {
    client.status().notices.into_iter().find_map(|notice| match notice {
        Notice::StateDamaged { kept_as } => Some(kept_as),
        _ => None,
    })
}

#[test]
fn files_are_for_their_owner_alone() {
    let world = World::new();
    world.client().activate().unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(world.machine.file("")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["desk-pro-2026.lock", STATE, "identity", "lock", "publisher.pack", "publisher.trust"]);
    assert_eq!(fs::metadata(world.machine.file("")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_damaged_state_is_put_aside_and_the_next_answer_mends_it() {
    let world = World::new();
    world.client().activate().unwrap();
    let whole = fs::read(world.machine.file(STATE)).unwrap();
    let mut cases: Vec<Vec<u8>> = vec![Vec::new(), whole[..whole.len() / 2].to_vec(), [&whole[..], b"x"].concat()];
    for place in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x20;
        cases.push(bytes);
    }
    for damaged in cases {
        fs::write(world.machine.file(STATE), &damaged).unwrap();
        let client = world.client();
        let aside = kept_as(&client).expect("a notice");
        assert_eq!(fs::read(&aside).unwrap(), damaged, "it is kept as it was");
        assert!(client.status().state.to_string().starts_with("in grace"));
        let status = client.activate().unwrap();
        assert!(status.state.to_string().starts_with("licensed"));
        assert_eq!(kept_as(&client), None);
        fs::remove_file(aside).unwrap();
    }
}

#[test]
fn a_damaged_identity_makes_a_new_client() {
    let world = World::new();
    let before = world.client().activate().unwrap().client;
    fs::write(world.machine.file("identity"), b"KMS1\n").unwrap();
    let client = world.client();
    let status = client.status();
    assert_ne!(status.client, before);
    assert!(kept_as(&client).unwrap().to_str().unwrap().contains("identity.damaged-"));
    assert!(status.notices.iter().any(|notice| notice.to_string().contains("KM-610")), "{:?}", status.notices);
    assert!(client.activate().unwrap().state.to_string().starts_with("licensed"));
}

#[test]
fn a_state_that_is_whole_but_holds_anything_never_makes_a_client_panic() {
    use sha2::{Digest as _, Sha256};
    let world = World::new();
    world.client().activate().unwrap();
    let whole = fs::read(world.machine.file(STATE)).unwrap();
    let content = &whole[..whole.len() - 32];
    for place in 5..content.len() {
        let mut bytes = content.to_vec();
        bytes[place] = bytes[place].wrapping_add(1);
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);
        fs::write(world.machine.file(STATE), bytes).unwrap();
        let client = world.client();
        let _ = client.status();
        let _ = client.activate();
        let _ = client.status();
    }
}

#[test]
fn a_state_that_is_damaged_while_a_client_is_open_is_written_anew() {
    let world = World::new();
    let client = world.client();
    let held = client.activate().unwrap().state;
    fs::write(world.machine.file(STATE), b"nonsense").unwrap();
    assert_eq!(client.status().state, held, "what is known is not forgotten");
    client.renew().unwrap();
    assert_eq!(kept_as(&world.client()), None);
    fs::remove_file(world.machine.file(STATE)).unwrap();
    assert_eq!(client.status().state, held);
}

#[test]
fn a_running_client_follows_a_new_identity() {
    let world = World::new();
    let running = world.client();
    fs::write(world.machine.file("identity"), b"").unwrap();
    let new = world.client().status().client;
    assert_eq!(running.status().client, new);
    running.activate().unwrap();
    assert_eq!(Some(world.host.next().request.client), new);
    assert!(world.client().status().notices.is_empty());
}

#[test]
fn an_unwritable_store_shows_what_is_held_and_sends_nothing() {
    let world = World::new();
    let held = world.client().activate().unwrap().state;
    world.host.all();
    // A file in place of the lock's directory entry keeps even root from taking the lock.
    fs::remove_file(world.machine.file("lock")).unwrap();
    fs::create_dir(world.machine.file("lock")).unwrap();
    let client = world.client();
    let status = client.status();
    assert_eq!(status.state, held);
    assert!(matches!(status.notices[..], [Notice::StoreReadOnly { .. }]), "{:?}", status.notices);
    for result in [client.activate(), client.release(), client.install_key("FJ6B3-6KJPB-FRYM6-M2Y7R-D96TV")] {
        let error = result.unwrap_err();
        assert_eq!(error.code().name, "state-unwritable", "{error}");
        assert!(error.to_string().contains("aurora"), "{error}");
    }
    assert_eq!(world.host.all().len(), 0, "an answer could not be kept, so none is asked for");
}

#[test]
fn a_first_use_needs_a_store_that_can_be_written() {
    let machine = Machine::new();
    fs::write(machine.store.path().join("aurora"), b"in the way").unwrap();
    let result = Client::open_with(Publisher::aurora().product(EDITION), machine.settings(None));
    assert!(matches!(result, Err(Error::StateUnwritable { .. })), "{result:?}");
}

#[test]
fn two_clients_of_one_store_are_one_client() {
    let world = World::new();
    let (first, second) = (world.client(), world.client());
    first.activate().unwrap();
    assert!(second.status().state.to_string().starts_with("licensed"));
    std::thread::scope(|scope| {
        for client in [&first, &second, &first, &second] {
            scope.spawn(move || client.renew().unwrap());
        }
    });
    let mut counters: Vec<u64> = world.host.all().iter().map(|heard| heard.request.counter).collect();
    counters.sort_unstable();
    assert_eq!(counters, [1, 2, 3, 4, 5], "no two requests are numbered alike");
    // Editions of one publisher on one machine share the client id.
    let seat = world.machine.open(Publisher::aurora().product("cad-2026"), &world.host.address);
    assert_eq!(seat.status().client, first.status().client);
}

#[test]
fn the_products_of_a_machine_can_be_found() {
    let world = World::new();
    let installed = || -> Vec<String> {
        let products = Product::installed(world.machine.store.path()).unwrap();
        products.iter().map(|product| product.edition().id.to_string()).collect()
    };
    assert_eq!(installed(), Vec::<String>::new());
    world.client();
    world.machine.open(Publisher::aurora().product("cad-2026"), &world.host.address);
    fs::write(world.machine.file("removed.state"), b"").unwrap();
    assert_eq!(installed(), ["cad-2026", EDITION]);
    assert!(Product::installed(Path::new("/nonexistent/keymuster")).unwrap().is_empty());
}

#[test]
fn a_key_is_checked_before_anything_is_sent_or_kept() {
    let world = World::new();
    let client = world.client();
    let before = fs::read(world.machine.file(STATE)).unwrap();
    let others = Publisher { name: "borealis", ..Publisher::aurora() };
    let key = |publisher: &Publisher, kind, number| publisher.key(kind, number).reveal();
    use keymuster_core::key::KeyKind::{Host, Mak, Setup};
    let ours = Publisher::aurora();
    for (text, expected) in [
        (key(&ours, Host, 1), "key-wrong-kind"),
        (key(&ours, Setup, 2), "key-not-this-edition"),
        (key(&ours, Mak, 2), "key-not-this-edition"),
        (key(&others, Setup, 1), "key-wrong-publisher"),
        ("GDVC8-QHX68-689TG-DTXQ8-6K264".into(), "key-mistyped"),
        ("GDVC8-QHX68-966TG-DTXQ8-6K264".into(), "key-unreadable"),
        ("GDVC8".into(), "key-wrong-length"),
        ("x".repeat(1000), "key-wrong-length"),
    ] {
        assert_eq!(client.install_key(&text).unwrap_err().code().name, expected, "{text}");
    }
    assert_eq!(fs::read(world.machine.file(STATE)).unwrap(), before);
    assert_eq!(world.host.all().len(), 0);
}

/// Root must not be led out of a store by a link that its owner laid, and must not take files away from the owner.
#[test]
fn root_in_a_users_store_follows_no_link_and_gives_files_to_the_user() {
    let world = World::new();
    world.client();
    let directory = world.machine.file("");
    if fs::metadata(&directory).unwrap().uid() != 0 {
        return; // Only root can prepare this.
    }
    let status = Command::new("chown").args(["-R", "65534:65534"]).arg(&directory).status().unwrap();
    assert!(status.success());
    world.client().activate().unwrap();
    assert_eq!(fs::metadata(world.machine.file(STATE)).unwrap().uid(), 65534);

    let target = world.machine.store.path().join("precious");
    fs::write(&target, b"precious").unwrap();
    for name in ["lock", "desk-pro-2026.lock", "desk-pro-2026.state.new"] {
        let _ = fs::remove_file(world.machine.file(name));
        std::os::unix::fs::symlink(&target, world.machine.file(name)).unwrap();
        let client = world.client();
        let is_refused = client.activate().is_err_and(|error| error.code().name == "state-unwritable");
        assert_eq!(is_refused, name.ends_with("lock"), "{name}: a lock is not taken elsewhere, an old file is removed");
        let _ = fs::remove_file(world.machine.file(name));
    }
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(fs::metadata(&target).unwrap().uid(), 0);
}

#[test]
fn a_state_of_a_later_moment_is_not_lost_by_opening() {
    let world = World::new();
    let held = world.client().activate().unwrap();
    for _ in 0..3 {
        let settings = Settings { product_version: Some("1.2".parse().unwrap()), ..world.machine.settings(None) };
        let status = Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap().status();
        assert_eq!((status.state, status.last_contact), (held.state, Some(START)));
    }
}
