//! `keymuster settings`, `set`, `unset` and `check`, as administrators and scripts see them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "../../client/tests/support/mod.rs"]
mod support;

mod place;

use std::fs;

use keymuster_client::Env;
use keymuster_core::key::KeyKind;
use place::{Place, check_output};
use serde_json::{Value, json};
use support::Publisher;
use support::host::{Granter, Host, Reaction};

fn json_of(place: &Place, arguments: &str) -> Value {
    serde_json::from_str(&place.check(arguments, 0, &[], &[])).unwrap()
}

fn file(place: &Place) -> Value {
    serde_json::from_slice(&fs::read(place.directory.path().join("store/settings.json")).unwrap()).unwrap()
}

#[test]
fn values_are_set_shown_and_taken_out() {
    let place = Place::with_product();
    place.check("add --trust aurora.trust --pack aurora.pack cad-2026", 0, &[], &[]);
    let table: Vec<(&str, i32, Vec<&str>, Vec<&str>)> = vec![
        (
            "settings",
            0,
            vec!["caching on built in on or off", "activation-interval 2 hours publisher 15 minutes to 7 days"],
            vec![],
        ),
        ("settings", 0, vec!["domain keymuster.invalid environment", "host found by DNS built in"], vec![]),
        ("set host kms.example", 0, vec!["host kms.example:1688 settings.json"], vec![]),
        (
            "set host other.example:1700 --edition cad-2026",
            0,
            vec!["host other.example:1700 settings.json, edition aurora/cad-2026"],
            vec![],
        ),
        (
            "set activation-interval 30 minutes --publisher aurora",
            0,
            vec!["30 minutes settings.json, publisher aurora"],
            vec![],
        ),
        ("set renewal-interval 10080m", 0, vec!["7 days settings.json 1 hour to 30 days"], vec![]),
        ("set dns 10.0.0.53", 0, vec!["dns 127.0.0.1:9 environment"], vec![]),
        ("set caching off", 0, vec!["caching off settings.json"], vec![]),
        ("set help-url https://help.example", 0, vec![], vec![]),
        ("settings --edition cad-2026", 0, vec!["help-url https://help.example settings.json"], vec![]),
        ("status --edition cad-2026", 4, vec!["help https://help.example"], vec![]),
        ("unset caching", 0, vec!["caching on built in"], vec![]),
        ("unset caching", 0, vec!["caching on built in"], vec!["caching was not set there in"]),
        ("set cachign on", 2, vec![], vec![r#"error: there is no setting "cachign"; did you mean "caching"? (KM-517"#]),
        ("unset cachign", 2, vec![], vec![r#"did you mean "caching"?"#]),
        ("set caching maybe", 2, vec![], vec![r#"error: setting caching is "maybe"; expected on or off (KM-517"#]),
        ("set caching", 2, vec![], vec!["<VALUE>"]),
        ("set activation-interval 60", 2, vec![], vec!["expected a whole number and a unit"]),
        (
            "set activation-interval 1m",
            1,
            vec![],
            vec![
                "activation-interval may be from 15 minutes to 7 days, and 1 minute is not (KM-422 setting-out-of-range)",
            ],
        ),
        ("set host x --edition none", 2, vec![], vec!["no product fits"]),
    ];
    for (arguments, exit, stdout, stderr) in table {
        place.check(arguments, exit, &stdout, &stderr);
    }
    let expected = json!({
        "host": "kms.example:1688", "dns": ["10.0.0.53:53"], "renewal-interval": "7 days",
        "help-url": "https://help.example",
        "publishers": {"aurora": {"activation-interval": "30 minutes"}},
        "editions": {"aurora/cad-2026": {"host": "other.example:1700"}},
    });
    assert_eq!(file(&place), expected);
    let shown = json_of(&place, "settings --json");
    let interval = &shown[0]["settings"][5];
    assert_eq!((&interval["name"], &interval["value_secs"]), (&json!("activation-interval"), &json!(1800)));
    assert_eq!((&interval["min_secs"], &interval["default"]), (&json!(900), &json!("2 hours")));
    assert_eq!(interval["source"], "settings.json, publisher aurora");
    let shown = json_of(&place, "settings --json --edition desk-pro-2026 --host 10.0.0.9");
    assert_eq!(shown[0]["settings"][0]["value"], "10.0.0.9:1688");
    assert_eq!(shown[0]["settings"][0]["source"], "product or command line");
}

#[test]
fn a_machine_can_be_set_up_before_any_product_is_used() {
    let place = Place::new();
    place.check("set host kms.example", 0, &["host is kms.example:1688 for every product"], &[]);
    place.check("add --trust aurora.trust --pack aurora.pack desk-pro-2026", 0, &[], &[]);
    place.check("settings", 0, &["host kms.example:1688 settings.json"], &[]);
    place.check("unset host", 0, &["host found by DNS"], &[]);
}

#[test]
fn a_damaged_file_is_told_and_stops_nothing() {
    let place = Place::with_product();
    place.write("store/settings.json", b"{\"host\": \"kms\", \"cache\": true,\n \"caching\": 1}");
    let faults = [
        "settings.json: cache: there is no such setting; did you mean \"caching\"? (KM-517 setting-invalid)",
        "settings.json: caching: is 1; expected true or false (KM-517 setting-invalid)",
    ];
    place.check("settings", 0, &["host kms:1688 settings.json", faults[0], faults[1]], &[]);
    place.check("status", 0, &["in grace", faults[0], faults[1]], &[]);
    place.check("unset cache", 0, &["cache is not set in"], &[]);
    place.check("set caching on", 0, &["caching on settings.json"], &[]);
    assert_eq!(file(&place), json!({"host": "kms", "caching": true}));
    place.write("store/settings.json", b"{\"host\": ");
    place.check("status", 0, &["line 1, column 9: this is no JSON"], &[]);
    place.check("set caching on", 2, &[], &["this is no JSON", "(KM-517 setting-invalid)"]);
}

#[test]
fn a_key_of_another_way_is_refused() {
    let place = Place::with_product();
    let publisher = Publisher::aurora();
    place.check("set way host", 0, &["way host settings.json any, host or mak"], &[]);
    let mut command = place.command("install-key");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mak = publisher.key(KeyKind::Mak, 1).reveal();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), mak.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let says = [
        "may be activated by a host alone: way is host (settings.json) (KM-514 way-not-allowed)",
        "help: https://aurora.example/activation",
    ];
    check_output("install-key", &output, 1, &[], &says);
    place.check("set way mak", 0, &[], &[]);
    place.check("activate", 1, &[], &["by a MAK alone", "(KM-514 way-not-allowed)"]);
}

#[test]
fn where_users_find_help_is_told_with_what_went_wrong() {
    let place = Place::with_product();
    place.check("activate --host 127.0.0.1:9", 3, &[], &["(KM-503", "help: https://aurora.example/activation"]);
    place.check("set help-url https://help.example", 0, &[], &[]);
    place.check("renew --host 127.0.0.1:9", 3, &[], &["help: https://help.example"]);
    let output = place.command("release --json").output().unwrap();
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["help_url"], "https://help.example");
}

#[test]
fn the_doctor_tries_hosts_without_being_counted() {
    let place = Place::with_product();
    let env = Env::system();
    let granter = Granter { count: 3, ..Granter::new(&Publisher::aurora(), &env) };
    let mut asked = 0;
    let host = Host::start(move |heard| {
        let mut report = granter.report(&heard.request);
        report.refusal = Some("threshold-not-met".parse().unwrap());
        asked += 1;
        match asked {
            2 => report.refusal = Some("clients-exhausted".parse().unwrap()),
            3 => report.time = report.time.plus(7200),
            4.. => return Reaction::refusal(403, "clock-skew", ""),
            _ => {}
        }
        Reaction::Bundle(granter.report_bundle(&report))
    });
    let check = |arguments: &str, exit: i32, fragments: &[&str]| {
        let arguments = format!("doctor --host {} {arguments}", host.address);
        let output = place.command(&arguments).output().unwrap();
        let (text, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(exit), "{text}\n{err}");
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for fragment in fragments {
            assert!(one_line.contains(fragment), "{fragment:?} is missing in: {text}");
        }
        text
    };
    let fragments = [
        "This client is not activated and may run until ",
        " all the same; it will be activated when 2 more machines have asked.",
        "(set by hand: product or command line): count 3 of 5: healthy, will activate when 2 more clients have asked \
         (KM-201 threshold-not-met)",
        "do: have 2 more machines ask",
        "for Acme ends on ",
    ];
    let said = check("", 1, &fragments[..4]);
    assert!(said.contains("host-entitlement  the entitlement of "), "{said}");
    let fragments = [
        "; it would not be activated: ",
        "broken: ",
        "(KM-208 clients-exhausted)",
        "help: https://aurora.example/activation",
    ];
    check("", 3, &fragments);
    let fragments = [" is 2 hours ahead of this machine's (KM-203 clock-skew)", "timedatectl set-ntp true"];
    let apart = check("", 1, &fragments[1..]);
    assert!(apart.contains("ahead of this machine's (KM-203 clock-skew)"), "{apart}");
    let refused: Value = serde_json::from_str(&check("--json", 3, &[])).unwrap();
    let found = &refused["products"][0]["hosts"][0];
    assert_eq!((&found["code"], &found["reachable"]), (&json!("clock-skew"), &json!(true)));
    assert_eq!((&found["healthy"], &refused["verdict"]), (&json!(false), &json!("broken")));
    drop(host);

    let nowhere = place.command("doctor").output().unwrap();
    let fragments = ["name server 127.0.0.1:9: ", "(KM-501 host-not-found)", "looked for in keymuster.invalid"];
    let text = String::from_utf8(nowhere.stdout).unwrap();
    assert_eq!(nowhere.status.code(), Some(3), "{text}");
    assert!(fragments.iter().all(|fragment| text.contains(fragment)), "{text}");
}
