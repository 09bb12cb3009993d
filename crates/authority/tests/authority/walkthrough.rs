//! The whole way once: from an empty directory to an activated host and client, with every command.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use keymuster_core::lease::LeaseKind;
use serde_json::json;

use crate::support::{Door, Machine, PASSPHRASE, SMALL, Site, activation, catalogue, entitlement};

#[test]
fn a_publisher_sets_up_and_serves() {
    let site = Site::nothing();
    let passphrase = site.write("passphrase", PASSPHRASE);
    let made = site.json(&[
        "init",
        "--publisher",
        "aurora",
        "--name",
        "Aurora Systems",
        "--authority-url",
        "https://activation.aurora.example",
        "--passphrase-file",
        &passphrase,
    ]);
    assert_eq!(made["publisher"], "aurora");
    assert_eq!(site.trust().authority.as_deref(), Some("https://activation.aurora.example"));
    for name in ["root.key", "issuer.key", "tags.key", "authority.db"] {
        assert_eq!(fs::metadata(site.data(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }

    let file = site.write("small.toml", SMALL);
    assert_eq!(site.json(&["catalogue", "check", &file])["editions"], 3);
    let signed = site.json(&["catalogue", "sign", &file]);
    assert_eq!((&signed["version"], &signed["was_signed"]), (&json!(1), &json!(false)));
    let keys = site.json(&["catalogue", "keys"]);
    assert_eq!(keys[0]["edition"], "desk-2026");
    assert_eq!(site.done(&["key", "mint", "setup", "--edition", "desk-2026"]), keys[0]["setup_key"]);

    site.done(&["customer", "add", "contoso", "--name", "Contoso"]);
    assert_eq!(site.run(&["customer", "add", "contoso", "--name", "Again"]).code, 1);
    assert_eq!(site.json(&["customer", "list"])[0]["name"], "Contoso");
    let mint = ["key", "mint", "host", "--customer", "contoso", "--group", "server-2026", "--threshold", "3"];
    let host_key =
        site.json(&[&mint[..], &["--clients-max", "500", "--pool", "render-farm=8,term=30m,guard=5m"]].concat());
    let pool = json!({"id": "render-farm", "edition": 103, "seats": 8, "term_secs": 1800, "guard_secs": 300});
    assert_eq!(host_key["pools"], json!([pool]));
    let mak =
        site.json(&["key", "mint", "mak", "--customer", "contoso", "--edition", "desk-2026", "--activations", "5"]);

    let server = site.serve();
    let answer = Door::Http(&server).certify(&Machine(1).ask_host(1, host_key["key"].as_str().unwrap())).unwrap();
    let entitlement = entitlement(&site, &answer);
    assert_eq!((entitlement.host, entitlement.host_key), (Machine(1).host(), Machine(1).key().public()));
    assert_eq!((entitlement.customer.as_str(), entitlement.customer_name.as_str()), ("contoso", "Contoso"));
    assert_eq!((entitlement.covers[0].group, entitlement.covers[0].threshold), (11, Some(3)));
    assert_eq!((entitlement.pools[0].seats, entitlement.clients_max), (8, Some(500)));
    assert_eq!((entitlement.key.to_string(), entitlement.tls_spki), (word(&host_key["id"]), Some([1; 32])));
    let days =
        |from: keymuster_core::time::Timestamp, to: keymuster_core::time::Timestamp| to.secs_since(from) / 86_400;
    assert_eq!(days(entitlement.issued, entitlement.stop_at), 225);
    assert_eq!((days(entitlement.warn_at, entitlement.stop_at), entitlement.lease_secs_max), (30, 180 * 86_400));
    let held = catalogue(&site, &answer);
    assert_eq!(held.edition_named("render-farm").unwrap().kind, LeaseKind::Seat);

    let request = Machine(2).ask_mak(1, mak["key"].as_str().unwrap());
    let activated = activation(&site, &Door::Http(&server).activate(&request).unwrap(), &request);
    assert_eq!((activated.client, activated.expires), (Machine(2).client(), None));

    let hosts = site.json(&["host", "list"]);
    assert_eq!((&hosts[0]["name"], &hosts[0]["clients"]), (&json!("kms1.contoso.example"), &json!(17)));
    assert_eq!(site.json(&["entitlement", "list"])[0]["entitlement"], entitlement.id.to_string());
    let list = site.json(&["key", "list", "--customer", "contoso"]);
    let used: Vec<_> = list.as_array().unwrap().iter().map(|key| (key["kind"].clone(), key["used"].clone())).collect();
    assert!(used.contains(&(json!("host"), json!(1))) && used.contains(&(json!("mak"), json!(1))), "{list}");
    assert_eq!(site.json(&["key", "list", "--customer", "nobody"]), json!([]));
    for name in ["last_five", "id"] {
        let shown = site.json(&["key", "show", host_key[name].as_str().unwrap()]);
        assert_eq!(shown["hosts"][0]["activations"], 1, "{name}");
    }
    assert_eq!(site.json(&["revocations", "list"]), json!({"sequence": 0, "entries": []}));
}

fn word(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Every command with what it prints for people, and its exit code.
#[test]
fn commands_say_what_they_did_and_end_with_their_exit_code() {
    let site = Site::new();
    let table: [(&[&str], i32, &str); 20] = [
        (&["customer", "list"], 0, "CUSTOMER  NAME"),
        (&["key", "list"], 0, "no keys"),
        (&["host", "list"], 0, "no hosts"),
        (&["entitlement", "list"], 0, "no entitlements"),
        (&["revocations", "list"], 0, "nothing was taken back"),
        (&["catalogue", "keys"], 0, "render-farm"),
        (&["key", "mint", "setup", "--edition", "desk-2025"], 1, "did you mean \"desk-2026\"?"),
        (
            &["key", "mint", "mak", "--customer", "x", "--edition", "desk-2026", "--activations", "1"],
            1,
            "no customer \"x\"",
        ),
        (&["key", "mint", "host", "--customer", "contoso", "--group", "server"], 1, "there is no group \"server\""),
        (
            &["key", "mint", "host", "--customer", "contoso", "--group", "server-2026", "--term", "401 days"],
            1,
            "400 days",
        ),
        (
            &["key", "mint", "host", "--customer", "contoso", "--group", "server-2026", "--pool", "desk-2026=1"],
            1,
            "by volume",
        ),
        (&["key", "mint", "host", "--customer", "contoso", "--group", "server-2026", "--hosts", "0"], 2, "--hosts"),
        (
            &["key", "mint", "host", "--customer", "contoso", "--group", "server-2026", "--term", "soon"],
            2,
            "expected a whole",
        ),
        (&["key", "show", "22222"], 1, "there is no key 22222"),
        (&["key", "show", "GDVC8-QHX68-699TG-DTXQ8-6K264"], 1, "last five symbols"),
        (&["host", "revoke", "00", "--reason", "x"], 2, "32 hexadecimal digits"),
        (&["customer", "stop", "contosa", "--reason", "x"], 1, "did you mean \"contoso\"?"),
        (&["customer", "resume", "contoso"], 1, "it is not true that customer contoso is stopped"),
        (&["certify", "--request", "/nowhere", "--out", "/nowhere"], 3, "cannot read /nowhere"),
        (&["frobnicate"], 2, "unrecognized subcommand"),
    ];
    for (arguments, code, words) in table {
        let run = site.run(arguments);
        let (said, silent) = if code == 0 { (&run.stdout, &run.stderr) } else { (&run.stderr, &run.stdout) };
        assert!(run.code == code && said.contains(words) && silent.is_empty(), "{arguments:?}: {run:?}");
    }
    let run = Site::nothing().run(&["key", "list"]);
    assert!(run.code == 3 && run.stderr.contains("keymuster-authority init"), "{run:?}");
}
