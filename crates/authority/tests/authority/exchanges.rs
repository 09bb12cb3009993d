//! Exchanges: the requests of many clients with one MAK, each decided as if alone. Over HTTP and by file alike.

use std::fs;
use std::time::{Duration, Instant};

use keymuster_core::bundle::{Bundle, EXCHANGE_MAX, Refused, SIZE_MAX};
use keymuster_core::document::Signed;
use keymuster_core::id::{ClientId, RequestId};
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::SecretKey;

use crate::support::{Door, Machine, SMALL, Site, through_both_doors, verified, word};

/// What an exchange with these requests is.
fn bundle(requests: &[Signed<ClientRequest>], mak: &str) -> Bundle {
    let requests = requests.iter().map(|request| request.bytes().to_vec().into()).collect();
    Bundle { client_requests: Some(requests), mak: Some(mak.parse().unwrap()), ..Bundle::default() }
}

/// A request as a host collects it.
fn collected(machine: u8, n: u8) -> Signed<ClientRequest> {
    changed(machine, n, |_| ())
}

fn changed(machine: u8, n: u8, change: impl FnOnce(&mut ClientRequest)) -> Signed<ClientRequest> {
    let mut request = Machine(machine).mak_request(n, "-");
    request.key = None;
    change(&mut request);
    Signed::sign(request, &Machine(machine).key()).unwrap()
}

/// The result of each request in one word.
fn results(site: &Site, answer: &Bundle, requests: &[Signed<ClientRequest>]) -> Vec<String> {
    let result = |request: &Signed<ClientRequest>| {
        let mut refusals = answer.refusals.iter().flatten();
        if let Some(Refused { code, .. }) = refusals.find(|refused| refused.request == request.request) {
            return code.to_string();
        }
        let found = answer.activations.iter().flatten().filter(|document| {
            let one = Bundle { activation: Some((*document).clone()), activations: None, ..answer.clone() };
            verified(site, &one, request).is_ok()
        });
        ["none", "done", "several"][found.count().min(2)].to_owned()
    };
    requests.iter().map(result).collect()
}

#[test]
fn each_request_is_decided_as_if_it_had_come_alone() {
    through_both_doors(|site, door| {
        let mak = site.mak(&["--activations", "2"]);
        let requests = [collected(1, 1), collected(2, 1), collected(3, 1), collected(1, 2)];
        let answer = door.exchange(&bundle(&requests, &mak)).unwrap();
        let expected = ["done", "done", "mak-exhausted", "done"];
        assert_eq!(results(site, &answer, &requests), expected);
        let refused = &answer.refusals.as_ref().unwrap()[0];
        assert_eq!(refused.detail.as_ref().unwrap().as_str(), "2 of 2 activations of this key are used");

        // The same again uses up nothing, and alone the clients are known as well.
        assert_eq!(results(site, &door.exchange(&bundle(&requests, &mak)).unwrap(), &requests), expected);
        assert_eq!(word(&door.activate(&Machine(2).ask_mak(9, &mak))), "done");
        assert_eq!(word(&door.activate(&Machine(3).ask_mak(9, &mak))), "mak-exhausted");
        assert_eq!(site.json(&["key", "list"])[0]["used"], 2);
        let entries = site.json(&["audit"]);
        let entries = entries.as_array().unwrap().iter().filter(|entry| entry["act"] == "activate client");
        assert_eq!(entries.count(), 2);
    });
}

#[test]
fn what_is_wrong_with_one_request_stops_no_other() {
    through_both_doors(|site, door| {
        let mak = site.mak(&["--activations", "9"]);
        let with_key = Machine(4).ask_mak(1, &mak);
        let requests = [
            changed(1, 1, |request| request.edition = 102),
            changed(2, 1, |request| request.edition = 999),
            changed(3, 1, |request| request.publisher = "borealis".parse().unwrap()),
            with_key,
            changed(5, 1, |request| request.act = Act::Activate),
            collected(6, 1),
        ];
        let answer = door.exchange(&bundle(&requests, &mak)).unwrap();
        let expected =
            ["key-not-this-edition", "edition-unknown", "publisher-unknown", "wrong-way", "wrong-way", "done"];
        assert_eq!(results(site, &answer, &requests), expected);

        let refused_all = door.exchange(&bundle(&requests[..5], &mak)).unwrap();
        assert_eq!((refused_all.activations, refused_all.refusals.unwrap().len()), (None, 5));
    });
}

#[test]
fn what_is_wrong_with_the_mak_or_the_file_refuses_everything() {
    through_both_doors(|site, door| {
        let mak = site.mak(&["--activations", "9"]);
        let other = Site::new().mak(&["--activations", "9"]);
        let requests = [collected(1, 1), collected(2, 1)];
        for (mak, code) in [
            (other.as_str(), "key-unknown"),
            (&site.host_key(&[]), "key-wrong-kind"),
            ("H29B4-VD2T6-4V74J-678TY-WXHVC", "key-wrong-publisher"),
            ("H29B4", "key-unreadable"),
        ] {
            assert_eq!(word(&door.exchange(&bundle(&requests, mak))), code);
        }
        site.done(&["key", "revoke", &mak[24..], "--reason", "lost"]);
        assert_eq!(word(&door.exchange(&bundle(&requests, &mak))), "key-revoked");
    });
    let site = Site::new();
    let mak = site.mak(&["--activations", "9"]);
    let server = site.serve();
    let mut damaged = bundle(&[collected(1, 1), collected(2, 1)], &mak);
    *damaged.client_requests.as_mut().unwrap()[1].last_mut().unwrap() ^= 1;
    let (requests, no_mak) = (damaged.client_requests.clone(), Bundle { mak: None, ..damaged.clone() });
    for (bundle, reason) in [(damaged, "signature-invalid"), (no_mak, "document-malformed")] {
        assert_eq!(server.exchange(&bundle.to_bytes()).problem()["reason"], reason);
        let file = site.write("damaged.request", bundle.to_file());
        let out = site.path("damaged.response");
        let run = site.run(&["exchange", &file, "--out", out.to_str().unwrap()]);
        assert_eq!((run.code, out.exists()), (1, false), "{run:?}");
    }
    assert_eq!(requests.unwrap().len(), 2);
    assert_eq!(site.json(&["key", "list"])[0]["used"], 0);
}

#[test]
fn a_thousand_machines_are_activated_by_one_file() {
    through_both_doors(|site, door| {
        let mak = site.mak(&["--activations", "1000"]);
        let requests: Vec<_> = (0..EXCHANGE_MAX as u64).map(numbered).collect();
        let begun = Instant::now();
        let answer = door.exchange(&bundle(&requests, &mak)).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!((answer.activations.as_ref().unwrap().len(), &answer.refusals), (1000, &None));
        assert_eq!(site.json(&["key", "list"])[0]["used"], 1000);
        assert_eq!(door.exchange(&bundle(&requests, &mak)).unwrap(), answer, "the same answer again");
        assert_eq!(results(site, &answer, &requests[..2]), ["done", "done"]);
    });
}

/// A request of machine `number`, of any number of them.
fn numbered(number: u64) -> Signed<ClientRequest> {
    let bytes = std::array::from_fn(|n| number.to_be_bytes()[n % 8]);
    let key = SecretKey::from_seed(&std::array::from_fn(|n| number.to_be_bytes()[n % 8]));
    let mut request = Machine(1).mak_request(1, "-");
    request.key = None;
    (request.client, request.client_key) = (ClientId::from_bytes(bytes), key.public());
    request.request = RequestId::from_bytes(bytes);
    request.name = Some(format!("machine-{number:04}.works.contoso.example").parse().unwrap());
    request.system = Some("linux x86_64".parse().unwrap());
    Signed::sign(request, &key).unwrap()
}

#[test]
fn what_has_no_room_in_the_answer_is_not_counted_and_comes_with_the_next() {
    let site = Site::new();
    let features: Vec<String> = (0..150).map(|n| format!("\"feature-of-desk-{n:03}\"")).collect();
    let catalogue = SMALL.replace("version = 1", "version = 2").replace(
        "group = \"client-2026\"\nthreshold = 25",
        &format!("group = \"client-2026\"\nthreshold = 25\nfeatures = [{}]", features.join(", ")),
    );
    let catalogue = site.write("large.toml", catalogue);
    site.done(&["catalogue", "sign", &catalogue]);
    let mak = site.mak(&["--activations", "1000"]);
    let requests: Vec<_> = (0..300).map(numbered).collect();
    let door = Door::Files(&site);
    let mut left = requests.as_slice();
    let mut files = 0;
    while !left.is_empty() {
        let answer = door.exchange(&bundle(left, &mak)).unwrap();
        assert!(answer.to_bytes().len() < SIZE_MAX);
        let decided = answer.activations.as_ref().unwrap().len();
        assert!(decided > 100 || decided == left.len(), "{decided} of {}", left.len());
        left = &left[decided..];
        assert_eq!(site.json(&["key", "list"])[0]["used"], requests.len() - left.len());
        files += 1;
    }
    assert_eq!(files, 3);
}

#[test]
fn one_file_with_a_wrong_mak_is_one_attempt() {
    let site = Site::new();
    let server = site.serve();
    let mak = site.mak(&["--activations", "9"]);
    let requests: Vec<_> = (1..=20).map(|n| collected(n, 1)).collect();
    for n in 1..=4 {
        let foreign = Site::new().mak(&["--activations", "9"]);
        assert_eq!(word(&Door::Http(&server).exchange(&bundle(&requests, &foreign))), "key-unknown", "{n}");
    }
    assert!(Door::Http(&server).exchange(&bundle(&requests, &mak)).is_ok());
    let foreign = Site::new().mak(&["--activations", "9"]);
    assert_eq!(word(&Door::Http(&server).exchange(&bundle(&requests, &foreign))), "key-unknown");
    assert_eq!(word(&Door::Http(&server).exchange(&bundle(&requests, &mak))), "rate-limited");
    assert!(!fs::read_to_string(site.path("log")).unwrap().contains(&mak[..20]));
}
