//! The real command, as administrators and scripts see it: arguments in, exit code and output out.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "../../client/tests/support/mod.rs"]
mod support;

mod place;

use std::fs;
use std::path::Path;

use keymuster_client::Env;
use keymuster_core::bundle::Bundle;
use keymuster_core::key::KeyKind;
use keymuster_core::request::ClientRequest;
use keymuster_core::trust::Trust;
use place::{Place, check_output};
use serde_json::{Value, json};
use support::Publisher;
use support::host::{Granter, Host, Reaction};

#[test]
fn exit_codes_and_messages() {
    let place = Place::with_product();
    let ours = Publisher::aurora();
    let setup = ours.key(KeyKind::Setup, 1).reveal();
    let mak = ours.key(KeyKind::Mak, 1);
    let host_key = ours.key(KeyKind::Host, 1).reveal();
    let install = |key: &str| format!("install-key {key}");
    let table: Vec<(String, i32, Vec<&str>, Vec<&str>)> = vec![
        ("".into(), 2, vec![], vec!["Usage: keymuster"]),
        ("nonsense".into(), 2, vec![], vec!["unrecognized subcommand"]),
        ("--help".into(), 0, vec!["Exit codes: 0 done; 1 a rule said no"], vec![]),
        ("status".into(), 0, vec!["Aurora Desk Pro 2026", "in grace until", "by a host", "aurora"], vec![]),
        ("status --json".into(), 0, vec![r#""state":"grace""#], vec![]),
        (install(&mak.reveal()), 2, vec![], vec!["error: a MAK is a secret", "type it then or pipe it in"]),
        ("status --edition other".into(), 2, vec![], vec!["error: no product fits", "--edition desk-pro-2026"]),
        ("status --store nowhere".into(), 1, vec![], vec!["error: no product has been used", "keymuster add"]),
        (
            "add --trust aurora.trust --pack aurora.pack desk".into(),
            2,
            vec![],
            vec!["no edition \"desk\"; it has desk-pro-2026, cad-2026 (KM-204 edition-unknown)", "what to do: "],
        ),
        ("add --trust aurora.pack --pack aurora.pack x".into(), 5, vec![], vec!["not a trust file: line 1"]),
        ("add --trust none --pack aurora.pack x".into(), 3, vec![], vec!["error: cannot use none: No such file"]),
        (install(&setup), 0, vec!["by a host"], vec![]),
        (
            install("GDVC8-QHX68-689TG-DTXQ8-6K264"),
            5,
            vec![],
            vec![
                r#"error: group 3, symbol 2: "8" looks wrong, did you mean "9"? (KM-102 key-mistyped)"#,
                "what to do: ",
            ],
        ),
        (install(&host_key), 1, vec![], vec!["this is a host key; a setup key or MAK is needed here (KM-106"]),
        (install("ABC"), 5, vec![], vec!["this text has 3 (KM-101 key-wrong-length)"]),
        ("activate".into(), 3, vec![], vec!["asking a host", "error: no host is set", "(KM-501 host-not-found)"]),
        ("activate --host 127.0.0.1:9".into(), 3, vec![], vec!["nothing listens at 127.0.0.1:9 (KM-503"]),
        ("activate --host a/b".into(), 2, vec![], vec!["error: setting host is \"a/b\"; expected 1 to 6 names or IP"]),
        ("activate --request r".into(), 1, vec![], vec!["a request file is for a MAK", "(KM-217 wrong-way)"]),
        ("activate --response aurora.pack".into(), 5, vec![], vec!["no request of this client waits"]),
        ("activate --response none".into(), 3, vec![], vec!["error: cannot read none: No such file"]),
        ("release".into(), 1, vec![], vec!["no lease is held that could be released (KM-214"]),
        ("renew --host 127.0.0.1:9".into(), 3, vec![], vec!["(KM-503 connection-refused)"]),
        ("explain KM-201".into(), 0, vec!["KM-201 threshold-not-met: ", "What to do:"], vec![]),
        ("explain error: refused code=clock-skew".into(), 0, vec!["KM-203 clock-skew"], vec![]),
        ("explain 0xC004F074".into(), 0, vec!["KM-502 host-unreachable"], vec![]),
        ("explain threshold-not-me".into(), 1, vec![], vec!["there is no code", "KM-201 threshold-not-met"]),
        (
            "explain 0xc004f050".into(),
            0,
            vec!["one of several", "KM-102 key-mistyped", "KM-103 key-unreadable"],
            vec![],
        ),
        ("explain 201 --json".into(), 0, vec![r#""name":"threshold-not-met""#], vec![]),
    ];
    for (arguments, exit, stdout, stderr) in table {
        let shown = place.check(&arguments, exit, &stdout, &stderr);
        assert!(!shown.contains(&mak.reveal()), "{arguments} shows the MAK");
    }
    place.check_with_input("install-key", mak.reveal().as_bytes(), 0, &["by the MAK that ends in"]);
    place.check("activate", 3, &[], &["asking the publisher's authority", "no usable address (KM-513"]);
}

#[test]
fn an_error_is_json_where_a_result_would_be() {
    let place = Place::with_product();
    for (arguments, exit, expected) in [
        ("release --json", 1, json!({"code": "lease-unknown", "number": 214})),
        (
            "status --json --edition other",
            2,
            json!({"code": null, "message": "no product fits --publisher and --edition"}),
        ),
        ("--json install-key ABC", 5, json!({"code": "key-wrong-length", "number": 101})),
    ] {
        let output = place.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments}");
        let error = &serde_json::from_slice::<Value>(&output.stdout).unwrap()["error"];
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&error[name], value, "{arguments}: {error}");
        }
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(error["message"].as_str().unwrap()), "people see it too: {said}");
        assert!(said.contains(&format!("what to do: {}", error["remedy"].as_str().unwrap())), "{said}");
    }
}

#[test]
fn from_refusal_to_licence_and_back() {
    let (place, publisher) = (Place::with_product(), Publisher::aurora());
    let granter = Granter::new(&publisher, &Env::system());
    let mut refusals = 1;
    let host = Host::start(move |heard| {
        let body = r#"{"code":"threshold-not-met","detail":"12 of 25 clients have asked","count":12,"need":25}"#;
        match std::mem::take(&mut refusals) {
            0 => granter.react(&heard.request),
            _ => Reaction::Problem(403, "Retry-After: 7200\r\n", body.into()),
        }
    });
    let at = format!("--host {}", host.address);
    let refused = ["says: 12 of 25 clients have asked (KM-201 threshold-not-met)", "what to do: let more clients ask"];
    place.check(&format!("activate {at}"), 1, &[], &refused);
    place.check("status", 0, &["threshold-not-met: 12 of 25 clients have asked", "in grace"], &[]);
    place.check(&format!("activate {at}"), 0, &["licensed until", "customer acme", "export, plot"], &[]);
    place.check(&format!("renew {at}"), 0, &["licensed until"], &[]);
    let status = place.check("status --json", 0, &[], &[]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status[0]["state"], &status[0]["count"]), (&"licensed".into(), &25.into()));
    place.check("release", 0, &["in grace until"], &["giving the lease back"]);
}

#[test]
fn an_answer_that_does_not_verify_is_invalid_and_an_ended_grace_is_not_licensed() {
    let (place, publisher) = (Place::with_product(), Publisher::aurora());
    let granter = Granter { count: 1, ..Granter::new(&publisher, &Env::system()) };
    let host = Host::granting(granter);
    let fragments = ["does not verify", "(KM-615 count-below-threshold) (KM-505 answer-invalid)"];
    place.check(&format!("activate --host {}", host.address), 5, &[], &fragments);
    // Seats have no grace.
    place.check("add --trust aurora.trust --pack aurora.pack cad-2026", 0, &["no seat is held"], &[]);
    place.check("status", 4, &["Aurora CAD 2026", "Aurora Desk Pro 2026"], &[]);
    place.check("status --edition desk-pro-2026", 0, &["in grace"], &[]);
    place.check("activate", 2, &[], &["several products are known here", "--publisher aurora --edition cad-2026"]);
}

#[test]
fn a_mak_by_file_and_by_standard_input() {
    let (place, publisher) = (Place::with_product(), Publisher::aurora());
    let mak = publisher.key(KeyKind::Mak, 1).reveal();
    place.check_with_input("install-key", format!("{mak}\n").as_bytes(), 0, &["by the MAK that ends in"]);
    place.check(
        "activate --request out.request",
        0,
        &["wrote out.request", "holds the whole MAK", "within 30 days"],
        &[],
    );
    let shown = place.check("inspect out.request", 0, &["request of a client", "activate by a MAK", "…-"], &[]);
    assert!(!shown.contains(&mak));

    let file = fs::read(place.directory.path().join("out.request")).unwrap();
    let request = ClientRequest::verify(&Bundle::parse_file(&file).unwrap().client_request.unwrap()).unwrap();
    let granter = Granter::new(&publisher, &Env::system());
    let answer = granter.activation_bundle(&granter.activation(&request));
    place.write("in.response", &answer.to_file());
    place.check("inspect in.response", 0, &["answer with an activation", "never", "verifies: signed under"], &[]);
    place.check("activate --response in.response", 0, &["licensed for ever"], &[]);
}

#[test]
fn documents_are_shown_with_their_verdicts() {
    let (place, publisher) = (Place::new(), Publisher::aurora());
    let other = Publisher { root: keymuster_core::signature::SecretKey::from_seed(&[9; 32]), ..publisher.clone() };
    place.write("other.trust", other.trust().to_string().as_bytes());
    let trust = Trust { authority: Some("https://a.example".into()), ..publisher.trust() };
    place.write("with-authority.trust", trust.to_string().as_bytes());
    place.write("issuer.cose", publisher.issuer_certificate().bytes());
    place.write("key.txt", format!("{}\n", publisher.key(KeyKind::Host, 1).reveal()).as_bytes());
    place.write("garbage", b"\x00\x01\x02 some garbage");
    let mut pack = publisher.pack();
    let last = pack.len() - 1;
    pack[last] ^= 1;
    place.write("damaged.pack", &pack);
    let valid = "verifies: signed under a trusted root";
    for (arguments, exit, fragments) in [
        ("aurora.pack", 0, &["licence pack", "Aurora Desk Pro 2026", "not checked: no trust file of publisher"][..]),
        ("aurora.pack --trust aurora.trust", 0, &[valid, "renew", "7 days"]),
        ("aurora.pack --trust other.trust", 5, &["does not verify: ", "KM-605"]),
        ("damaged.pack --trust aurora.trust", 5, &["does not verify: ", "KM-604"]),
        ("issuer.cose --trust aurora.trust", 0, &["keymuster-issuer+cose", valid]),
        ("with-authority.trust", 0, &["trust file", "aurora", "https://a.example"]),
        ("key.txt", 0, &["host key", "…-", "well formed; only the publisher's authority knows"]),
    ] {
        let shown = place.check(&format!("inspect {arguments}"), exit, fragments, &[]);
        assert!(!shown.contains(&publisher.key(KeyKind::Host, 1).reveal()), "{arguments}");
        let json = place.check(&format!("inspect --json {arguments}"), exit, &[], &[]);
        assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_object(), "{arguments}");
    }
    place.check("inspect garbage", 5, &[], &["nothing that Keymuster knows"]);
    place.check("inspect GDVC8-QHX68-689TG-DTXQ8-6K264", 5, &[], &["did you mean \"9\"", "KM-102"]);
    place.check("inspect no-such-file", 5, &[], &["no file and no product key"]);
    let bytes = fs::read(place.directory.path().join("aurora.pack")).unwrap();
    place.check_with_input("inspect -", &bytes, 0, &["licence pack"]);
    // Where the product is known, no trust file has to be given.
    place.check("add --trust aurora.trust --pack aurora.pack desk-pro-2026", 0, &[], &[]);
    place.check("inspect aurora.pack", 0, &[valid], &[]);
    let setup = publisher.key(KeyKind::Setup, 1).reveal();
    place.check(&format!("inspect {setup}"), 0, &["setup key", "Aurora Desk Pro 2026", "aurora"], &[]);
}

#[test]
fn a_lease_is_explained_to_its_root() {
    let (place, publisher) = (Place::with_product(), Publisher::aurora());
    let granter = Granter::new(&publisher, &Env::system());
    let host = Host::granting(granter.clone());
    place.check(&format!("activate --host {}", host.address), 0, &[], &[]);
    let heard = host.next();
    let answer = |granter: &Granter| granter.bundle(granter.lease(&heard.request), &granter.entitlement()).to_bytes();
    place.write("answer", &answer(&granter));
    let fragments = ["answer with a lease", "count 25", "customer acme", "sequence 101"];
    let shown = place.check("inspect answer", 0, &fragments, &[]);
    assert_eq!(shown.matches("verifies: signed under a trusted root").count(), 3, "{shown}");
    place.write("too-few", &answer(&Granter { count: 2, ..granter.clone() }));
    place.check("inspect too-few", 5, &["does not verify: ", "KM-615 count-below-threshold"], &[]);
    let lease = granter.signed(granter.lease(&heard.request), &granter.key);
    place.write("lease", &lease);
    place.check("inspect lease", 0, &["not checked: it stands alone"], &[]);
}

#[test]
fn what_somebody_should_know_is_shown_with_its_code() {
    let place = Place::with_product();
    place.write("store/aurora/desk-pro-2026.state", b"damaged");
    place.check("status", 0, &["notices - a damaged file was put aside as", "(KM-506 state-damaged)"], &[]);
}

#[test]
fn settings_of_the_environment_are_checked_too() {
    let place = Place::with_product();
    let check = |variable: &str, value: &str, fragment: &str| {
        let output = place.command("status").env(variable, value).output().unwrap();
        check_output(variable, &output, 2, &[], &[fragment]);
    };
    check("KEYMUSTER_HOST", "[::1", "setting host is \"[::1\"");
    check("KEYMUSTER_DNS", "ns.example", "setting KEYMUSTER_DNS is \"ns.example\"");
    assert!(Path::new(env!("CARGO_BIN_EXE_keymuster")).exists());
}
