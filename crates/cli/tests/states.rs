//! The commands about states and time, as administrators and scripts run them: rearm, reset-time, expires, and help.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod place;
#[path = "../../client/tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use keymuster_client::{Client, Env, Settings};
use keymuster_core::bundle::Bundle;
use keymuster_core::fingerprint::{BOARD_SERIAL, MACHINE_ID, NETWORK_CARDS};
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::{DAY, HOUR, Timestamp};
use place::{Place, check_output};
use serde_json::Value;
use support::Publisher;
use support::host::{Granter, Host, Reaction};

const EDITION: &str = "desk-pro-2026";
const HELP: &str = "help: https://aurora.example/activation";

fn now() -> Timestamp {
    Env::system().reading().wall
}

/// What a product did that ran on this machine while its world was `env`.
fn product(place: &Place, env: &Env, host: Option<&Host>, act: impl FnOnce(&Client)) {
    let host = host.map(|host| host.address.clone());
    let store = place.directory.path().join("store");
    let settings = Settings { store, host, env: env.clone(), ..Settings::default() };
    act(&Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap());
}

/// The status as machines read it.
fn status(place: &Place) -> Value {
    let output = place.command("status --json").output().unwrap();
    let values: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    values.into_iter().find(|value| value["edition"] == EDITION).unwrap()
}

fn granting() -> Host {
    Host::granting(Granter::new(&Publisher::aurora(), &Env::system()))
}

#[test]
fn an_installation_is_re_armed_before_its_image_is_captured() {
    let (place, host) = (Place::with_product(), granting());
    place.check(&format!("activate --host {}", host.address), 0, &["licensed until"], &[]);
    place.check("add --trust aurora.trust --pack aurora.pack cad-2026", 0, &[], &[]);
    let before = status(&place)["client"].clone();
    assert_eq!(status(&place)["rearms_left"], 3);

    let unasked = [
        "this gives up the client id",
        "cad-2026, desk-pro-2026",
        "3 times more",
        "nothing was re-armed",
        "--yes",
        HELP,
    ];
    place.check("rearm", 1, &[], &unasked);
    assert_eq!(status(&place)["client"], before);
    let done = ["aurora (cad-2026, desk-pro-2026): re-armed, 2 times left", "capture it before a product starts"];
    place.check("rearm --yes", 0, &done, &[]);

    // Whoever looks spoils nothing.
    for command in ["status", "expires", "settings", "slmgr -dlv", "rearm --yes"] {
        let exit = if matches!(command, "status" | "expires") { 4 } else { 0 };
        place.check(command, exit, &[], &[]);
    }
    place.check("rearm", 0, &["was re-armed already, 2 times left"], &[]);
    let fragments = ["unlicensed: the product was never used here", "it begins anew when a product starts"];
    place.check("status", 4, &fragments, &[]);
    assert_eq!(status(&place)["client"], Value::Null);

    let copy = Place::new();
    let from = place.directory.path().join("store/aurora");
    fs::create_dir_all(copy.directory.path().join("store/aurora")).unwrap();
    for file in fs::read_dir(&from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.directory.path().join("store/aurora").join(file.file_name())).unwrap();
    }
    let ids: Vec<Value> = [&place, &copy]
        .map(|place| {
            product(place, &Env::system(), None, |_| ());
            status(place)["client"].clone()
        })
        .to_vec();
    assert!(ids[0] != ids[1] && !ids.contains(&before) && ids[0].is_string(), "{ids:?}");

    place.check("rearm --yes", 0, &["re-armed, once left"], &[]);
    product(&place, &Env::system(), None, |_| ());
    place.check("--json rearm --yes", 0, &[r#""rearms_left":0"#], &[]);
    product(&place, &Env::system(), None, |_| ());
    let exhausted =
        ["re-armed 3 times, and its publisher allows no more (KM-515 rearms-exhausted)", "what to do: activate", HELP];
    place.check("rearm --yes", 1, &[], &exhausted);
}

#[test]
fn one_edition_begins_its_grace_anew() {
    let place = Place::new();
    let env = Env::fixed(now().minus(31 * DAY), 1);
    product(&place, &env, None, |_| ());
    place.check("add --trust aurora.trust --pack aurora.pack desk-pro-2026", 0, &["the grace is over"], &[]);
    let id = status(&place)["client"].clone();
    place.check(
        &format!("rearm --edition {EDITION}"),
        1,
        &[],
        &["begins the grace of desk-pro-2026 anew (not licensed"],
    );
    place.check(&format!("rearm --edition {EDITION} --yes"), 0, &["in grace until", "rearms left 2"], &[]);
    assert_eq!(status(&place)["client"], id);
    place.check("rearm --edition other --yes", 2, &[], &["no product fits", HELP]);
}

#[test]
fn a_clock_that_was_far_ahead_is_forgotten_by_file() {
    let place = Place::with_product();
    product(&place, &Env::fixed(now().plus(3000 * DAY), 1), None, |_| ());
    let suspect = ["notices", "(KM-508 clock-suspect)", "the grace is over"];
    place.check("status", 4, &suspect, &[]);
    place.check("explain clock-suspect", 0, &["run `keymuster reset-time`"], &[]);
    place.check("reset-time", 3, &[], &["asking the publisher's authority", "(KM-513 authority-unreachable)", HELP]);

    let fragments = ["wrote time.request", "holds no secret", "keymuster reset-time --response FILE"];
    place.check("reset-time --request time.request", 0, &fragments, &[]);
    place.check("inspect time.request", 0, &["request of a client", "act state the time"], &[]);
    let file = fs::read(place.directory.path().join("time.request")).unwrap();
    let request = ClientRequest::verify(&Bundle::parse_file(&file).unwrap().client_request.unwrap()).unwrap();
    assert_eq!(request.act, Act::ResetTime);
    let answer = |at: Timestamp| {
        let granter = Granter::new(&Publisher::aurora(), &Env::fixed(at, 2));
        granter.time_bundle(&granter.time_reset(&request))
    };
    place.write("wrong.response", &answer(now().plus(2 * DAY)).to_file());
    let wrong = [
        "this machine's clock says",
        "set the clock first, then try again (KM-508 clock-suspect)",
        "what to do: synchronise",
    ];
    place.check("reset-time --response wrong.response", 3, &[], &wrong);
    place.write("time.response", &answer(now()).to_file());
    let shown = ["kind answer with a time reset", "verifies: signed under a trusted root", "issued 20"];
    place.check("inspect time.response", 0, &shown, &[]);
    place.write("time.cose", &answer(now()).time_reset.unwrap());
    place.check("inspect time.cose", 0, &["keymuster-time-reset+cose", "not checked: it stands alone"], &[]);
    place.check("reset-time --response time.response", 0, &["in grace until"], &[]);
    place.check("reset-time --response time.response", 5, &[], &["no request of this client waits for an answer"]);
    let status = place.check("status", 0, &["in grace until"], &[]);
    assert!(!status.contains("clock-suspect"), "{status}");
}

#[test]
fn a_clock_that_was_far_ahead_is_forgotten_by_the_authority() {
    let place = Place::new();
    let authority = granting();
    let url = format!("http://{}", authority.address);
    let trust = keymuster_core::trust::Trust { authority: Some(url.clone()), ..Publisher::aurora().trust() };
    place.write("aurora.trust", trust.to_string().as_bytes());
    place.check("add --trust aurora.trust --pack aurora.pack desk-pro-2026", 0, &["in grace until"], &[]);
    product(&place, &Env::fixed(now().plus(3000 * DAY), 1), None, |_| ());
    place.check("add --trust aurora.trust --pack aurora.pack desk-pro-2026", 0, &["KM-508"], &[]);
    let status = place.check("reset-time", 0, &["in grace until"], &["asking the publisher's authority for the time"]);
    assert!(!status.contains("KM-508"), "{status}");
    assert_eq!(authority.next().request.act, Act::ResetTime);
}

#[test]
fn expires_says_when_and_what_then() {
    let place = Place::with_product();
    let days = |output: &str| -> (u64, u64) {
        let values: Value = serde_json::from_str(output).unwrap();
        (values[0]["days_left"].as_u64().unwrap(), values[0]["minutes_left"].as_u64().unwrap())
    };
    place.check("expires", 0, &["Aurora Desk Pro 2026: in grace until", "days) left; then it is not licensed"], &[]);
    let (left, minutes) = days(&place.check("expires --json", 0, &[r#""state":"grace""#], &[]));
    assert!((29..=30).contains(&left) && minutes / 1440 == left, "{left} {minutes}");
    let host = granting();
    place.check(&format!("activate --host {}", host.address), 0, &[], &[]);
    place.check("expires", 0, &["licensed until", "days) left; then a grace of 30 days begins"], &[]);
    let output = place.check("expires --json", 0, &[r#""state":"licensed""#, r#""edition":"desk-pro-2026""#], &[]);
    let values: Value = serde_json::from_str(&output).unwrap();
    let until = values[0]["until"].as_u64().unwrap();
    assert!(until.abs_diff(now().plus(180 * DAY).as_secs()) < 60, "{until}");
    place.check("add --trust aurora.trust --pack aurora.pack cad-2026", 0, &[], &[]);
    place.check("expires", 4, &["Aurora CAD 2026: not licensed since", "Aurora Desk Pro 2026: licensed until"], &[]);
    place.check("expires --edition desk-pro-2026", 0, &["licensed until"], &[]);
    let seat = format!("activate --edition cad-2026 --host {}", host.address);
    place.check(&seat, 0, &[], &[]);
    place.check("expires --edition cad-2026", 0, &["minutes (0 days) left; then it is not licensed"], &[]);
}

#[test]
fn who_else_asks_with_this_client_id_is_shown() {
    let place = Place::with_product();
    let granter = Granter::new(&Publisher::aurora(), &Env::system());
    let host = Host::start(move |heard| match heard.request.counter {
        2 => Reaction::refusal(409, "request-replayed", r#","seen":7"#),
        _ => granter.react(&heard.request),
    });
    let activate = format!("activate --host {}", host.address);
    place.check(&activate, 0, &["licensed until"], &[]);
    place.check(&activate, 0, &["or the installation was copied (KM-516 identity-shared)"], &[]);
    place.check("status", 0, &["(KM-516 identity-shared)"], &[]);
    place.check("explain KM-516", 0, &["on all copies but one run `keymuster rearm`"], &[]);
}

#[test]
fn help_is_the_customers_page_and_stands_with_every_error() {
    let place = Place::with_product();
    let refuse = |_: &_| Reaction::refusal(403, "threshold-not-met", r#","help_url":"https://evil.example/""#);
    let refusing = Host::start(refuse);
    let activate = |host: &Host| format!("activate --host {}", host.address);
    let output = place.command(&activate(&refusing)).output().unwrap();
    check_output("activate", &output, 1, &[], &["(KM-201 threshold-not-met)", HELP]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("evil"));
    let page = Some("https://help.acme.example/aurora".parse().unwrap());
    let host = Host::granting(Granter { help_url: page, ..Granter::new(&Publisher::aurora(), &Env::system()) });
    place.check(&activate(&host), 0, &["help https://help.acme.example/aurora", "help from host"], &[]);
    let theirs = "help: https://help.acme.example/aurora";
    for (command, exit) in [
        (activate(&refusing), 1),
        ("renew --host 127.0.0.1:9".into(), 3),
        ("install-key ABC".into(), 5),
        ("activate --response none".into(), 3),
        ("status --edition other".into(), 2),
        ("slmgr -nonsense".into(), 2),
    ] {
        place.check(&command, exit, &[], &[theirs]);
    }
    place.check("set help-url https://it.example/", 0, &[], &[]);
    place.check("renew --host 127.0.0.1:9", 3, &[], &["help: https://it.example/"]);
    place.check("status", 0, &["help https://it.example/", "help from settings.json"], &[]);
    let output = place.command("explain nonsense").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("help:"), "a code belongs to no product");
    let nobody = Place::new();
    let output = nobody.command("status").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("help:"), "no product is known");
    assert!(!Path::new(&nobody.directory.path().join("store")).exists(), "looking for help makes nothing");
}

/// Where this machine tells enough of itself to be told from another one, a disk that was copied is noticed.
#[test]
fn another_machine_is_noticed_by_the_command() {
    let place = Place::with_product();
    let env = Env::fixed(now().minus(HOUR), 1);
    let host = Host::granting(Granter::new(&Publisher::aurora(), &env));
    env.set_facts(&[(MACHINE_ID, "of another machine"), (BOARD_SERIAL, "x"), (NETWORK_CARDS, "y")]);
    product(&place, &env, Some(&host), |client| drop(client.activate().unwrap()));
    let is_known = fs::read_to_string("/etc/machine-id").is_ok_and(|id| id.trim().len() == 32);
    let expected = if is_known { "(the machine has changed)" } else { "licensed until" };
    place.check("status", 0, &[expected], &[]);
    let here = granting();
    place.check(&format!("activate --host {}", here.address), 0, &["licensed until"], &[]);
    place.check("status", 0, &["licensed until"], &[]);
}
