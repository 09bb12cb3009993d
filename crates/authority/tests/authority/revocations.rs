//! Taking back: keys, hosts and customers; the list that says so, and what it does to those who hold something.

use keymuster_core::bundle::Bundle;
use keymuster_core::chain::Chain;
use keymuster_core::invalid::Invalid;

use crate::support::{Door, Machine, Site, word};

/// The sequence of the list in the current pack, and what it says of an entitlement.
fn newest(site: &Site, door: &Door<'_>, entitled: &Bundle) -> (u64, Option<Invalid>) {
    let Door::Http(server) = door else { panic!("packs come over HTTP") };
    let pack = Bundle::parse(&server.get("/v1/pack").body).unwrap();
    let trust = site.trust();
    let chain = Chain::new(&trust, &pack, None).unwrap();
    let sequence = chain.revocations().map_or(0, |list| list.sequence);
    (sequence, chain.entitlement(entitled.entitlement.as_ref().unwrap()).err())
}

#[test]
fn what_is_taken_back_is_on_the_list_and_gets_nothing_more() {
    let site = Site::new();
    let server = site.serve();
    let door = Door::Http(&server);
    let (key, spare, mak) = (site.host_key(&[]), site.host_key(&[]), site.mak(&["--activations", "5"]));
    let (one, two) = (Machine(1), Machine(2));
    let by_key = door.certify(&one.ask_host(1, &key)).unwrap();
    let by_spare = door.certify(&two.ask_host(1, &spare)).unwrap();
    door.activate(&one.ask_mak(1, &mak)).unwrap();
    assert_eq!(newest(&site, &door, &by_key), (0, None));

    let last_five = &key[key.len() - 5..];
    let revoked = site.json(&["key", "revoke", last_five, "--reason", "published on a forum"]);
    assert_eq!((revoked["sequence"].as_u64(), revoked["entitlements"].as_u64()), (Some(1), Some(1)));
    assert_eq!(newest(&site, &door, &by_key), (1, Some(Invalid::Revoked)));
    assert_eq!(newest(&site, &door, &by_spare), (1, None));
    for n in [1, 2] {
        assert_eq!(word(&door.certify(&one.ask_host(n, &key))), "key-revoked", "request {n}");
    }
    let again = site.run(&["key", "revoke", last_five, "--reason", "again"]);
    assert!(again.code == 1 && again.stderr.contains("published on a forum"), "{again:?}");

    site.done(&["host", "revoke", &two.host().to_string(), "--reason", "stolen"]);
    assert_eq!(newest(&site, &door, &by_spare), (2, Some(Invalid::Revoked)));
    assert_eq!(word(&door.certify(&two.ask_host(1, &spare))), "host-revoked");

    site.done(&["customer", "stop", "contoso", "--reason", "unpaid"]);
    assert_eq!(word(&door.certify(&Machine(3).ask_host(1, &spare))), "customer-stopped");
    assert_eq!(word(&door.activate(&one.ask_mak(1, &mak))), "customer-stopped");
    site.done(&["customer", "resume", "contoso"]);
    assert_eq!(word(&door.certify(&Machine(3).ask_host(1, &spare))), "done");
    site.done(&["key", "revoke", &mak[mak.len() - 5..], "--reason", "over"]);
    assert_eq!(word(&door.activate(&one.ask_mak(1, &mak))), "key-revoked");

    let list = site.json(&["revocations", "list"]);
    let kinds: Vec<_> = list["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(list["sequence"], 5);
    assert_eq!(kinds.iter().filter(|kind| **kind == Some("key")).count(), 2, "{list}");
    assert_eq!(kinds.iter().filter(|kind| **kind == Some("host")).count(), 1, "{list}");
}

#[test]
fn a_stopped_customer_is_on_the_list_until_the_stop_is_lifted() {
    let site = Site::new();
    let server = site.serve();
    let door = Door::Http(&server);
    let entitled = door.certify(&Machine(1).ask_host(1, &site.host_key(&[]))).unwrap();
    site.done(&["customer", "stop", "contoso", "--reason", "unpaid"]);
    assert_eq!(newest(&site, &door, &entitled), (1, Some(Invalid::Revoked)));
    let minted = site.run(&["key", "mint", "host", "--customer", "contoso", "--group", "server-2026"]);
    assert!(minted.code == 1 && minted.stderr.contains("contoso is stopped"), "{minted:?}");
    site.done(&["customer", "resume", "contoso"]);
    assert_eq!(newest(&site, &door, &entitled), (2, None));
}
