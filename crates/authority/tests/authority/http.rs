//! The HTTP interface: routes, content types, problems, and the guard against those who try keys.

use keymuster_core::bundle::Bundle;

use crate::support::{Door, Machine, Site, word};

#[test]
fn every_route_answers_and_everything_else_is_a_problem() {
    let site = Site::new();
    let server = site.serve();
    let table = [
        ("GET /livez HTTP/1.1", 200, ""),
        ("GET /readyz HTTP/1.1", 200, ""),
        ("GET /v1/pack HTTP/1.1", 200, ""),
        ("GET /v1/nothing HTTP/1.1", 404, "route-unknown"),
        ("GET /v1/certify HTTP/1.1", 405, "method-not-allowed"),
        ("POST /v1/pack HTTP/1.1", 405, "method-not-allowed"),
        ("GET /v1/exchange HTTP/1.1", 405, "method-not-allowed"),
        ("POST /v1/exchange HTTP/1.1\r\nContent-Type: application/cose", 415, "media-type-unsupported"),
        ("POST /v1/exchange HTTP/1.1\r\nContent-Type: application/cbor", 400, "request-invalid"),
        ("POST /v1/certify HTTP/1.1", 415, "media-type-unsupported"),
        ("POST /v1/activate HTTP/1.1\r\nContent-Type: application/json", 415, "media-type-unsupported"),
        ("POST /v1/certify HTTP/1.1\r\nContent-Type: application/cose", 400, "request-invalid"),
        ("POST /v1/activate HTTP/1.1\r\nContent-Type: Application/COSE; x=y", 400, "request-invalid"),
    ];
    for (head, status, code) in table {
        let response = server.send(head, b"");
        assert_eq!(response.status, status, "{head}: {response:?}");
        if !code.is_empty() {
            assert_eq!(response.problem()["code"], code, "{head}");
        }
    }
    assert_eq!(server.post("/v1/activate", &vec![0; 64 * 1024 + 1]).problem()["code"], "body-too-large");
    assert_eq!(server.exchange(&vec![0; 512 * 1024]).problem()["code"], "request-invalid");
    assert_eq!(server.exchange(&vec![0; 512 * 1024 + 1]).problem()["code"], "body-too-large");
    let request = Machine(1).ask_host(1, "nonsense");
    let mut tampered = request.bytes().to_vec();
    *tampered.last_mut().unwrap() ^= 1;
    for (path, body, reason) in [
        ("/v1/certify", tampered.as_slice(), "signature-invalid"),
        ("/v1/activate", request.bytes(), "document-wrong-type"),
        ("/v1/certify", &[0; 5000], "document-too-large"),
    ] {
        assert_eq!(server.post(path, body).problem()["reason"], reason);
    }
}

#[test]
fn who_tries_keys_has_to_wait_and_others_do_not() {
    let site = Site::new();
    let server = site.serve();
    let door = Door::Http(&server);
    let (key, mak) = (site.host_key(&[]), site.mak(&["--activations", "9"]));
    let other = Site::new();
    for n in 1..=5 {
        let foreign = if n % 2 == 0 { other.host_key(&[]) } else { other.host_key(&["--hosts", "2"]) };
        assert_eq!(word(&door.certify(&Machine(n).ask_host(1, &foreign))), "key-unknown", "attempt {n}");
    }
    // From here on even a right key has to wait, or a guesser would learn that it is right.
    let response = server.post("/v1/activate", Machine(1).ask_mak(1, &mak).bytes());
    assert_eq!((response.status, response.problem()["code"].as_str()), (429, Some("rate-limited")));
    let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(word(&door.certify(&Machine(9).ask_host(1, &key))), "rate-limited");
    assert_eq!(word(&Door::Files(&site).certify(&Machine(9).ask_host(1, &key))), "done");
    assert_eq!(server.get("/v1/pack").status, 200);
}

#[test]
fn parallel_clients_never_get_more_than_a_mak_is_worth() {
    let site = Site::new();
    let server = site.serve();
    let mak = site.mak(&["--activations", "7"]);
    let outcomes: Vec<String> = std::thread::scope(|scope| {
        let ask = |n| {
            scope.spawn({
                let (server, mak) = (&server, &mak);
                move || word(&Door::Http(server).activate(&Machine(n).ask_mak(1, mak))).to_owned()
            })
        };
        let asking: Vec<_> = (1..=20).map(ask).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "done").count(), 7);
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "mak-exhausted").count(), 13);
    assert_eq!(site.json(&["key", "list"])[0]["used"], 7);
}

#[test]
fn a_server_works_beside_the_command_line() {
    let site = Site::new();
    let server = site.serve();
    site.done(&["customer", "add", "fabrikam", "--name", "Fabrikam"]);
    let mint = ["key", "mint", "host", "--customer", "fabrikam", "--group", "client-2026", "--quiet"];
    let key = site.done(&mint);
    let bundle: Bundle = Door::Http(&server).certify(&Machine(1).ask_host(1, &key)).unwrap();
    assert_eq!(crate::support::entitlement(&site, &bundle).customer.as_str(), "fabrikam");
}
