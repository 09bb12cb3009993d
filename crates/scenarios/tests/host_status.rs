//! What `keymuster-host status` tells in one screen, and what a running host warns of.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;

use common::{Place, poll, refused};
use keymuster_core::request::{Act, Standing};
use keymuster_core::time::{DAY, Timestamp};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_scenarios::programs;
use keymuster_service::Env;
use serde_json::{Value, json};

const THRESHOLD: u32 = 5;

fn status(place: &Place, arguments: &[&str]) -> String {
    let mut command = programs::command("keymuster-host").unwrap();
    let output = command.arg("--data-dir").arg(&place.data_dir).arg("status").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn publisher(place: &Place) -> Value {
    let status: Value = serde_json::from_str(&status(place, &["--json"])).unwrap();
    status["publishers"][0].clone()
}

/// So many machines ask in a standing; the first ones are told to wait.
fn ask(place: &Place, host: &common::Host, machines: u32, standing: Standing) -> Vec<Machine> {
    let mut asked: Vec<Machine> = (0..machines).map(|_| Machine::new(&Env::system())).collect();
    for machine in &mut asked {
        let mut request = place.ask(machine, Act::Activate, VOLUME_EDITION);
        request.standing = Some(standing);
        host.activate(&machine.sign(request));
    }
    asked
}

#[test]
fn one_screen_tells_what_is_held_counted_and_asked() {
    let place = Place::new(Publisher::new(THRESHOLD, 3));
    let before = status(&place, &[]);
    assert!(before.contains("not serving: clients get no answer"), "{before}");
    assert!(before.contains("next: start the server"), "{before}");

    let host = place.start();
    let mut machines = ask(&place, &host, 4, Standing::Grace);
    let unknown = place.request(&mut machines[0], Act::Activate, 999);
    refused(&host.activate(&unknown), 422, "edition-unknown");
    let screen = status(&place, &[]);
    for expected in [
        &format!("serving: clients at {}", host.clients),
        "DNS: nothing is published until this is set: dns-zones, dns-key-file",
        "family: 4 clients counted",
        "threshold    5 ████████████████░░░░ 1 to come",
        "pool pool (seats): 0 of 3 seats taken",
        "renewal interval 7 days (publisher), activation interval 2 hours (publisher)",
        "requests: 5, of which 1 failed; asked while 4 grace",
        "last day: 1 edition-unknown (KM-204), 4 threshold-not-met (KM-201)",
    ] {
        assert!(screen.contains(expected), "{expected:?} is missing in\n{screen}");
    }
    assert!(screen.lines().all(|line| line.chars().count() <= 100), "{screen}");

    ask(&place, &host, 2, Standing::Licensed);
    let found = publisher(&place);
    assert_eq!(found["families"][0]["count"], 6);
    assert_eq!(found["counters"], json!({ "total": 7, "failed": 1, "grace": 4, "licensed": 2 }));
    assert!(status(&place, &[]).contains("threshold    5 ████████████████████ reached"));
    host.stop();
}

#[test]
fn a_count_that_will_fall_below_its_threshold_is_foretold() {
    let place = Place::new(Publisher::new(THRESHOLD, 1));
    let host = place.start();
    ask(&place, &host, 6, Standing::Grace);
    host.stop();
    let found = publisher(&place);
    assert_eq!(found["families"][0]["warning"], Value::Null, "6 of 5 who have just asked are enough: {found}");

    // Two of them have missed two renewals, one two days before the other.
    let now = Env::system().now();
    let ids = ["ORDER BY client_id LIMIT 1", "ORDER BY client_id DESC LIMIT 1"];
    for (place_in_order, days) in ids.into_iter().zip([20, 18]) {
        let asked = now.minus(days * DAY).as_secs();
        place.tamper(&format!(
            "UPDATE client SET last_asked = {asked} WHERE client_id = (SELECT client_id FROM client {place_in_order})"
        ));
    }
    let family = publisher(&place)["families"][0].clone();
    assert_eq!((&family["count"], &family["silent"]), (&json!(6), &json!(2)));
    let falls = family["falls_below_at"].as_u64().unwrap();
    let expected = now.plus(12 * DAY);
    assert_eq!(Timestamp::from_secs(falls), expected, "the second of them leaves the window after 30 days");
    let warning = format!("6 of 5 clients are counted; fewer than 5 from {expected} on, if the 2 clients");
    assert!(family["warning"].as_str().unwrap().starts_with(&warning), "{family}");
    assert!(status(&place, &[]).contains(&format!("warning: {warning}")));

    let (host, log) = place.start_with_log();
    poll("the warning in the log", || fs::read_to_string(&log).unwrap().contains(&warning).then_some(()));
    host.stop();
}

#[test]
fn a_client_id_with_two_machines_is_shown() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let (first, second) = (
        place.request(&mut machine, Act::Activate, VOLUME_EDITION),
        place.request(&mut machine, Act::Activate, VOLUME_EDITION),
    );
    place.verify(&host.activate(&second), &second);
    refused(&host.activate(&first), 409, "request-replayed");
    let shared = publisher(&place)["shared_identities"][0].clone();
    assert_eq!((&shared["client"], &shared["times"]), (&json!(machine.id.to_string()), &json!(1)));
    let screen = status(&place, &[]);
    assert!(screen.contains("has more than one machine") && screen.contains("`keymuster rearm`"), "{screen}");
    host.stop();
}

/// A screen with what differs from run to run replaced: directory, ports, ids, times, and the symbols of keys.
fn steady(screen: &str, place: &Place, host: &common::Host) -> String {
    let mut text = screen.replace(place.data_dir.to_str().unwrap(), "DIRECTORY");
    text = text.replace(concat!("version ", env!("CARGO_PKG_VERSION")), "version NUMBER");
    for (address, name) in [(host.clients, "CLIENTS"), (host.administration, "ADMINISTRATION")] {
        text = text.replace(&address.to_string(), name);
    }
    let is_hex = |word: &str| matches!(word.len(), 32 | 64) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = |word: &str| word.len() == 20 && word.starts_with("20") && word.ends_with('Z');
    let lines = text.lines().map(|line| {
        if line.starts_with("DNS: ") {
            // What is missing depends on the name of the machine.
            return "DNS: …\n".to_owned();
        }
        let words = line.split(' ').map(|word| {
            let bare = word.trim_end_matches([',', ':', ';']);
            let name = match bare {
                bare if is_hex(bare) => "ID",
                bare if is_time(bare) => "TIME",
                bare if bare.starts_with('…') => "…KEY",
                _ => return word.to_owned(),
            };
            word.replace(bare, name)
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    lines.collect()
}

#[test]
fn the_screen_reads_like_this() {
    let mut publisher = Publisher::new(THRESHOLD, 3);
    publisher.clients_max = Some(500);
    let place = Place::new(publisher);
    let host = place.start();
    let mut machines = ask(&place, &host, 3, Standing::Grace);
    ask(&place, &host, 3, Standing::Licensed);
    let (first, second) = {
        let machine = &mut machines[0];
        (place.request(machine, Act::Activate, VOLUME_EDITION), place.request(machine, Act::Activate, VOLUME_EDITION))
    };
    place.verify(&host.activate(&second), &second);
    refused(&host.activate(&first), 409, "request-replayed");
    let screen = status(&place, &[]);
    assert!(screen.lines().all(|line| line.chars().count() <= 100), "{screen}");
    let expected = "\
host ID, version NUMBER
data directory: DIRECTORY
time: TIME
ledger: 3 entries, epoch 1, the newest of TIME
serving: clients at CLIENTS, administration at ADMINISTRATION
  since TIME, and answers
DNS: …
TLS: offered to clients, the host's own certificate, until TIME
  its own key, by which programs recognise it:
    ID

Fixture (fixture), licence pack version 1
  key …KEY  Group  activated for Customer until TIME
    225 days left, to be renewed from TIME
    covers: Group
    limit: 500 clients in each family
  family: 6 clients counted
    threshold    5 ████████████████████ reached
  pool pool (seats): 0 of 3 seats taken
  renewal interval 7 days (publisher), activation interval 2 hours (publisher)
  requests: 8, of which 1 failed; asked while 3 grace, 3 licensed
  last day: 3 granted, 1 request-replayed (KM-210), 4 threshold-not-met (KM-201)
  client id ID has more than one machine:
    asked from 127.0.0.1 and 127.0.0.1, noticed 1 time, last TIME
    run `keymuster rearm` on all of them but one
";
    assert_eq!(steady(&screen, &place, &host), expected);
    let json: Value = serde_json::from_str(&status(&place, &["--json"])).unwrap();
    assert_eq!((&json["answers"], &json["serving"]["clients"]), (&json!(true), &json!(host.clients.to_string())));
    let edition = &json["publishers"][0]["editions"][0];
    assert_eq!((&edition["id"], &edition["standing"]), (&json!("volume"), &json!("covered")));
    host.stop();
}
