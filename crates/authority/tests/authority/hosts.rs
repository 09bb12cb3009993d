//! Certifying hosts: the limits of a host key, repeats, and who is refused. Over HTTP and by file alike.

use keymuster_core::document::Signed;

use crate::support::{Machine, Refused, Site, catalogue, entitlement, request_id, through_both_doors, word};

#[test]
fn a_host_key_is_good_for_six_hosts() {
    through_both_doors(|site, door| {
        let key = site.host_key(&[]);
        for n in 1..=6 {
            assert_eq!(word(&door.certify(&Machine(n).ask_host(1, &key))), "done", "host {n}");
        }
        let refused = door.certify(&Machine(7).ask_host(1, &key)).unwrap_err();
        assert_eq!(refused.code, "hosts-exhausted");
        assert_eq!(refused.detail, "6 of 6 hosts are activated with this key");
        // The six go on, and a host that is retired makes room.
        assert_eq!(word(&door.certify(&Machine(6).ask_host(2, &key))), "done");
        site.done(&["host", "revoke", &Machine(1).host().to_string(), "--reason", "scrapped"]);
        assert_eq!(word(&door.certify(&Machine(7).ask_host(1, &key))), "done");
        assert_eq!(word(&door.certify(&Machine(8).ask_host(1, &key))), "hosts-exhausted");
        assert_eq!(word(&door.certify(&Machine(1).ask_host(2, &key))), "host-revoked");
    });
}

#[test]
fn a_host_may_be_activated_ten_times_with_a_key() {
    through_both_doors(|site, door| {
        let key = site.host_key(&[]);
        for n in 1..=10 {
            assert_eq!(word(&door.certify(&Machine(1).ask_host(n, &key))), "done", "activation {n}");
        }
        let refused = door.certify(&Machine(1).ask_host(11, &key)).unwrap_err();
        assert_eq!(refused.code, "host-activations-exhausted");
        assert_eq!(refused.detail, "this host has used 10 of 10 activations with this key");
        // Repeats are free, another host and another key have their own count.
        assert_eq!(word(&door.certify(&Machine(1).ask_host(10, &key))), "done");
        assert_eq!(word(&door.certify(&Machine(2).ask_host(1, &key))), "done");
        assert_eq!(word(&door.certify(&Machine(1).ask_host(12, &site.host_key(&[])))), "done");
    });
}

#[test]
fn limits_are_those_of_the_key() {
    through_both_doors(|site, door| {
        let key = site.host_key(&["--hosts", "1", "--activations", "2", "--term", "40 seconds"]);
        let bundle = door.certify(&Machine(1).ask_host(1, &key)).unwrap();
        let short = entitlement(site, &bundle);
        assert_eq!((short.stop_at.secs_since(short.issued), short.warn_at), (40, short.issued));
        assert_eq!(word(&door.certify(&Machine(2).ask_host(1, &key))), "hosts-exhausted");
        assert_eq!(word(&door.certify(&Machine(1).ask_host(2, &key))), "done");
        assert_eq!(word(&door.certify(&Machine(1).ask_host(3, &key))), "host-activations-exhausted");
    });
}

#[test]
fn a_repeated_request_gets_the_same_entitlement_byte_for_byte() {
    through_both_doors(|site, door| {
        let key = site.host_key(&["--activations", "2"]);
        let first = door.certify(&Machine(1).ask_host(1, &key)).unwrap();
        for _ in 0..3 {
            let again = door.certify(&Machine(1).ask_host(1, &key)).unwrap();
            assert_eq!((&again.entitlement, &again.issuers), (&first.entitlement, &first.issuers));
        }
        let next = door.certify(&Machine(1).ask_host(2, &key)).unwrap();
        assert_ne!(entitlement(site, &next).id, entitlement(site, &first).id);

        // After a renewal the old answer still verifies, because the old certificate comes with it.
        site.done(&["issuer", "renew", "--passphrase-file", site.path("passphrase").to_str().unwrap()]);
        let again = door.certify(&Machine(1).ask_host(1, &key)).unwrap();
        assert_eq!(again.entitlement, first.entitlement);
        assert_eq!(entitlement(site, &again).id, entitlement(site, &first).id);
        assert_eq!(catalogue(site, &again).version, 1);
    });
}

#[test]
fn a_request_id_belongs_to_one_host_and_one_key() {
    through_both_doors(|site, door| {
        let (key, other_key) = (site.host_key(&[]), site.host_key(&[]));
        door.certify(&Machine(1).ask_host(1, &key)).unwrap();
        assert_eq!(word(&door.certify(&Machine(1).ask_host(1, &other_key))), "request-conflict");
        let mut stolen = Machine(2).host_request(1, &key);
        stolen.request = request_id(Machine(1), 1);
        let stolen = Signed::sign(stolen, &Machine(2).key()).unwrap();
        assert_eq!(word(&door.certify(&stolen)), "request-conflict");
    });
}

#[test]
fn a_host_id_belongs_to_one_key_pair() {
    through_both_doors(|site, door| {
        let key = site.host_key(&[]);
        door.certify(&Machine(1).ask_host(1, &key)).unwrap();
        let mut cuckoo = Machine(2).host_request(1, &key);
        cuckoo.host = Machine(1).host();
        let cuckoo = Signed::sign(cuckoo, &Machine(2).key()).unwrap();
        assert_eq!(word(&door.certify(&cuckoo)), "rekey-required");
    });
}

#[test]
fn keys_that_are_not_host_keys_of_this_publisher_are_refused() {
    through_both_doors(|site, door| {
        let setup = site.done(&["key", "mint", "setup", "--edition", "desk-2026"]);
        let mak = site.mak(&["--activations", "1"]);
        let mistyped = site.host_key(&[]).replacen(|symbol| symbol != 'G', "G", 1);
        let foreign = Site::new();
        let table = [
            (setup.as_str(), "key-wrong-kind", "this is a setup key; a host key is needed here"),
            (&mak, "key-wrong-kind", "this is a MAK; a host key is needed here"),
            (&mistyped, "key-unreadable", "group 1, symbol"),
            ("GDVC8-QHX68-699TG-DTXQ8-6K264", "key-wrong-publisher", "not one of publisher aurora"),
            (&foreign.host_key(&[]), "key-unknown", ""),
            ("nonsense", "key-unreadable", "8"),
        ];
        for (key, code, detail) in table {
            let Refused { code: found, detail: said } = door.certify(&Machine(1).ask_host(1, key)).unwrap_err();
            assert!(found == code && said.contains(detail), "{key}: {found}: {said}");
        }
        let mut elsewhere = Machine(1).host_request(1, &site.host_key(&[]));
        elsewhere.publisher = "borealis".parse().unwrap();
        let elsewhere = Signed::sign(elsewhere, &Machine(1).key()).unwrap();
        assert_eq!(word(&door.certify(&elsewhere)), "publisher-unknown");
    });
}
