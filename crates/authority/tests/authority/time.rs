//! Telling clients the time: for whom, how often, and what stays of it.

use keymuster_core::chain::{Asker, Chain};
use keymuster_core::document::Signed;
use keymuster_core::request::{Act, ClientRequest};

use crate::support::{Door, Machine, Site, catalogue, pack, through_both_doors, word};

/// A request of a machine for the time, changed.
fn ask(machine: u8, n: u8, change: impl FnOnce(&mut ClientRequest)) -> Signed<ClientRequest> {
    let mut request = Machine(machine).mak_request(n, "-");
    (request.act, request.key) = (Act::ResetTime, None);
    change(&mut request);
    Signed::sign(request, &Machine(machine).key()).unwrap()
}

#[test]
fn a_client_is_told_the_authoritys_time() {
    through_both_doors(|site, door| {
        let request = ask(1, 1, |_| ());
        let answer = door.activate(&request).unwrap();
        let (trust, catalogue) = (site.trust(), catalogue(site, &pack(site)));
        let asker = Asker {
            client: request.client,
            client_key: request.client_key,
            edition: catalogue.edition(101).unwrap(),
            catalogue: &catalogue,
            request: Some(request.request),
            held: None,
        };
        let chain = Chain::new(&trust, &answer, None).unwrap();
        let reset = chain.time_reset(answer.time_reset.as_ref().unwrap(), &asker).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!((now - 60..=now).contains(&reset.issued.as_secs()), "{} at {now}", reset.issued);

        let entries = site.json(&["audit", "--last", "1"]);
        assert_eq!(
            (&entries[0]["act"], &entries[0]["subject"]),
            (&"reset time".into(), &request.client.to_string().into())
        );
        assert_eq!(entries[0]["detail"], "edition desk-2026, whose clock said 1970-01-01T00:00:01Z");
        for (request, code) in [
            (ask(1, 2, |request| request.edition = 999), "edition-unknown"),
            (ask(1, 3, |request| request.publisher = "borealis".parse().unwrap()), "publisher-unknown"),
        ] {
            assert_eq!(word(&door.activate(&request)), code);
        }
    });
}

#[test]
fn a_client_that_asks_again_and_again_has_to_wait_and_others_do_not() {
    let site = Site::new();
    let server = site.serve();
    let door = Door::Http(&server);
    for n in 1..=10 {
        assert_eq!(word(&door.activate(&ask(1, n, |_| ()))), "done", "{n}");
    }
    let response = server.post("/v1/activate", ask(1, 11, |_| ()).bytes());
    assert_eq!((response.status, response.problem()["code"].as_str()), (429, Some("rate-limited")));
    assert_eq!(word(&door.activate(&ask(2, 1, |_| ()))), "done");
    let mak = site.mak(&["--activations", "1"]);
    assert_eq!(word(&door.activate(&Machine(1).ask_mak(12, &mak))), "done", "a MAK is another matter");
    assert_eq!(word(&Door::Files(&site).activate(&ask(1, 13, |_| ()))), "done");
}
