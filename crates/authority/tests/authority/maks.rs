//! Activating clients by MAK: counted once per client, repeats, and who is refused. Over HTTP and by file alike.

use keymuster_core::document::Signed;
use keymuster_core::request::Act;

use crate::support::{Machine, activation, request_id, through_both_doors, word};

#[test]
fn a_mak_is_counted_once_per_client() {
    through_both_doors(|site, door| {
        let key = site.mak(&["--activations", "2"]);
        for (machine, n, expected) in [
            (1, 1, "done"),
            (1, 2, "done"),
            (1, 3, "done"),
            (2, 1, "done"),
            (3, 1, "mak-exhausted"),
            (2, 2, "done"),
            (1, 4, "done"),
        ] {
            let request = Machine(machine).ask_mak(n, &key);
            let outcome = door.activate(&request);
            assert_eq!(word(&outcome), expected, "client {machine}, request {n}");
            if let Ok(bundle) = outcome {
                assert_eq!(activation(site, &bundle, &request).request, request_id(Machine(machine), n));
            }
        }
        let refused = door.activate(&Machine(3).ask_mak(1, &key)).unwrap_err();
        assert_eq!(refused.detail, "2 of 2 activations of this key are used");
        let shown = site.json(&["key", "list"]);
        assert_eq!((shown[0]["used"].as_u64(), shown[0]["total"].as_u64()), (Some(2), Some(2)));
    });
}

#[test]
fn a_repeated_request_gets_the_same_activation_byte_for_byte() {
    through_both_doors(|site, door| {
        let key = site.mak(&["--activations", "1", "--valid", "365 days"]);
        let request = Machine(1).ask_mak(1, &key);
        let first = door.activate(&request).unwrap();
        assert_eq!(door.activate(&request).unwrap(), first);
        let until = activation(site, &first, &request).expires.unwrap();
        assert_eq!(until.secs_since(activation(site, &first, &request).issued), 365 * 86_400);

        // Another request is answered anew, and does not make the activation last longer.
        let next = Machine(1).ask_mak(2, &key);
        assert_eq!(activation(site, &door.activate(&next).unwrap(), &next).expires, Some(until));
        let mut stolen = Machine(2).mak_request(2, &key);
        stolen.request = request_id(Machine(1), 2);
        let stolen = Signed::sign(stolen, &Machine(2).key()).unwrap();
        assert_eq!(word(&door.activate(&stolen)), "request-conflict");
    });
}

#[test]
fn what_is_no_mak_for_this_edition_is_refused() {
    through_both_doors(|site, door| {
        let key = site.mak(&["--activations", "5"]);
        let changed = |change: fn(&mut keymuster_core::request::ClientRequest)| {
            let mut request = Machine(1).mak_request(1, &key);
            change(&mut request);
            Signed::sign(request, &Machine(1).key()).unwrap()
        };
        let other_key = |key: &str| Machine(1).ask_mak(1, key);
        for (request, code) in [
            (changed(|request| request.edition = 102), "key-not-this-edition"),
            (changed(|request| request.edition = 999), "edition-unknown"),
            (changed(|request| request.publisher = "borealis".parse().unwrap()), "publisher-unknown"),
            (changed(|request| (request.act, request.key) = (Act::Activate, None)), "wrong-way"),
            (other_key(&site.host_key(&[])), "key-wrong-kind"),
            (other_key("H29B4-VD2T6-4V74J-678TY-WXHVC"), "key-wrong-publisher"),
            (other_key("H29B4"), "key-unreadable"),
        ] {
            assert_eq!(word(&door.activate(&request)), code);
        }
        assert_eq!(site.json(&["key", "list"])[0]["used"], 0);
    });
}
