//! The audit: one entry for each act, in the order of the acts, and none for a refusal.

use rusqlite::Connection;

use crate::support::{Door, Machine, Site, word};

fn entries(site: &Site) -> Vec<(i64, String, String, String)> {
    let db = Connection::open(site.data("authority.db")).unwrap();
    let mut entries = db.prepare("SELECT sequence, actor, act, subject FROM audit ORDER BY sequence").unwrap();
    let rows = entries.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_act_has_an_entry_and_a_refusal_has_none() {
    let site = Site::new();
    let server = site.serve();
    let door = Door::Http(&server);
    let (key, mak) = (site.host_key(&["--hosts", "1"]), site.mak(&["--activations", "1"]));
    let (one, two) = (Machine(1), Machine(2));
    for _ in 0..2 {
        assert_eq!(word(&door.certify(&one.ask_host(1, &key))), "done");
        assert_eq!(word(&door.activate(&one.ask_mak(1, &mak))), "done");
        // Another request of a client that is counted already changes nothing.
        assert_eq!(word(&door.activate(&one.ask_mak(2, &mak))), "done");
        assert_eq!(word(&door.certify(&two.ask_host(1, &key))), "hosts-exhausted");
        assert_eq!(word(&door.activate(&two.ask_mak(1, &mak))), "mak-exhausted");
    }
    site.run(&["customer", "add", "contoso", "--name", "Again"]);
    site.run(&["catalogue", "sign", site.path("small.toml").to_str().unwrap()]);
    site.done(&["host", "revoke", &one.host().to_string(), "--reason", "x"]);
    site.done(&["customer", "stop", "contoso", "--reason", "x"]);

    let entries = entries(&site);
    let (host, client) = (one.host().to_string(), one.client().to_string());
    let shown: Vec<(&str, &str)> =
        entries.iter().map(|(_, _, act, subject)| (act.as_str(), subject.as_str())).collect();
    let keys = [shown[4].1, shown[5].1];
    assert_eq!(
        shown,
        [
            ("make authority", "aurora"),
            ("sign catalogue", "version 1"),
            ("add customer", "contoso"),
            ("claim offered", "first administrator"),
            ("mint key", keys[0]),
            ("mint key", keys[1]),
            ("certify host", &host),
            ("activate client", &client),
            ("revoke host", &host),
            ("stop customer", "contoso"),
        ]
    );
    let told = site.json(&["audit", "--last", "2"]);
    let told: Vec<_> = told.as_array().unwrap().iter().map(|entry| (&entry["sequence"], &entry["act"])).collect();
    assert_eq!(told, [(&9.into(), &"revoke host".into()), (&10.into(), &"stop customer".into())]);
    let text = site.done(&["audit"]);
    assert_eq!(text.lines().count(), 11, "a head and all entries: {text}");
    assert!(text.lines().next().unwrap().starts_with("NUMBER"), "{text}");
    assert!(entries.iter().zip(1..).all(|((sequence, ..), expected)| *sequence == expected), "{entries:?}");
    for (_, actor, act, _) in &entries {
        let expected = match act.as_str() {
            "certify host" | "activate client" => "network 127.0.0.1",
            "claim offered" => "server",
            _ => "user ",
        };
        assert!(actor.starts_with(expected), "{act}: {actor}");
    }
}
