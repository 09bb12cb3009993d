//! Vectors of the two requests (`docs/spec/documents.md`, 6.7 and 6.8), which are signed by the key that they carry.

use keymuster_core::document::Document;
use keymuster_core::id::{ClientId, to_hex};
use keymuster_core::key::KeyKind;
use keymuster_core::request::{Act, ClientRequest, Fact, HostRequest, Standing};
use serde_json::json;

use super::Vector;
use super::forge::{Fields, Parts, bytes, text, uint};
use super::world::{
    CLIENT, DESK, HOST, NOW, OTHER_CLIENT, client_id, forced, host_id, named, position, product_key, public,
    request_id, signed,
};

const MALFORMED: &str = "document-malformed";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = clients();
    vectors.extend(full_client());
    vectors.extend(bad_clients());
    vectors.extend(hosts());
    vectors
}

fn request() -> ClientRequest {
    ClientRequest {
        act: Act::Activate,
        publisher: named("aurora"),
        client: client_id(),
        client_key: public(CLIENT),
        edition: DESK,
        request: request_id(),
        time: NOW,
        high_water: NOW,
        counter: 1,
        product_version: None,
        previous: None,
        audience: None,
        pool: None,
        fence: None,
        ratchet: None,
        key: None,
        name: None,
        system: None,
        boot: None,
        fingerprint: None,
        replaces: None,
        standing: None,
        extensions: None,
    }
}

fn mak_request() -> ClientRequest {
    let key = product_key(KeyKind::Mak, DESK, 0x9b).reveal();
    ClientRequest { act: Act::Mak, key: Some(named(&key)), ..request() }
}

fn host_request() -> HostRequest {
    HostRequest {
        publisher: named("aurora"),
        host: host_id(),
        host_key: public(HOST),
        request: request_id(),
        time: NOW,
        key: named(&product_key(KeyKind::Host, 11, 0x9b).reveal()),
        catalogue_version: 0,
        name: None,
        ledger: None,
        clients: None,
        tls_spki: None,
        extensions: None,
    }
}

fn facts(count: u8) -> Option<Vec<Fact>> {
    Some((1..=count).map(|kind| Fact { kind, hash: [kind; 8] }).collect())
}

fn client(name: &str, about: &'static str, content: &[u8]) -> Vector {
    Vector::new("client-request", name, about, json!({ "document": to_hex(content) }))
}

fn host(name: &str, about: &'static str, content: &[u8]) -> Vector {
    Vector::new("host-request", name, about, json!({ "document": to_hex(content) }))
}

fn clients() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, body: ClientRequest| client(name, about, &signed(body, CLIENT));
    vec![
        of("minimal", "the first request of a client", request()).says(json!({
            "act": 1, "publisher": "aurora", "client": "70".repeat(16), "client_key": to_hex(public(CLIENT).as_bytes()),
            "edition": 1, "request": "7e".repeat(16), "time": 1_800_000_000, "high_water": 1_800_000_000, "counter": 1,
        })),
        of("release", "a seat is given back", ClientRequest { act: Act::Release, fence: Some(7), ..request() })
            .says(json!({ "act": 2, "fence": 7 })),
        of("mak", "an activation by a MAK", mak_request())
            .says(json!({ "act": 3, "key": product_key(KeyKind::Mak, DESK, 0x9b).reveal() })),
        of("mak-without-key", "the same, for a host that collects", ClientRequest { key: None, ..mak_request() })
            .says(json!({ "act": 3 })),
        of("check", "what would be answered", ClientRequest { act: Act::Check, ..request() }).says(json!({ "act": 5 })),
        of("reset-time", "what time it is", ClientRequest { act: Act::ResetTime, ..request() })
            .says(json!({ "act": 6 })),
        of("rekey", "a new key for the client", ClientRequest { act: Act::Rekey, ..request() })
            .says(json!({ "act": 4 })),
        of("eight-facts", "as many facts as there may be", ClientRequest { fingerprint: facts(8), ..request() }),
        of("long-name", "a name of 128 bytes", ClientRequest { name: Some(named(&"ü".repeat(64))), ..request() })
            .says(json!({ "name": "ü".repeat(64) })),
    ]
}

fn full_client() -> Vec<Vector> {
    let full = ClientRequest {
        counter: (1 << 53) - 1,
        product_version: Some(named("12.1 (build 7)")),
        previous: Some(position(1, 42)),
        audience: Some(host_id()),
        pool: Some(named("cad")),
        fence: Some(7),
        ratchet: Some([0x4a; 16]),
        name: Some(named("büro-7")),
        system: Some(named("Debian 12")),
        boot: Some([0xb0; 8]),
        fingerprint: facts(2),
        replaces: Some(ClientId::from_bytes([0x71; 16])),
        standing: Some(Standing::Ended),
        ..request()
    };
    vec![client("full", "a request with every field but the key", &signed(full, CLIENT)).says(json!({
        "counter": 9_007_199_254_740_991_u64, "product_version": "12.1 (build 7)", "audience": "50".repeat(16), "pool": "cad", "fence": 7,
        "previous": { "host": "50".repeat(16), "epoch": 1, "sequence": 42, "head": "4d".repeat(16) },
        "ratchet": "4a".repeat(16), "name": "büro-7", "system": "Debian 12", "boot": "b0".repeat(8),
        "fingerprint": [{ "kind": 1, "hash": "01".repeat(8) }, { "kind": 2, "hash": "02".repeat(8) }],
        "replaces": "71".repeat(16), "standing": 4,
    }))]
}

fn bad_clients() -> Vec<Vector> {
    let with = |key: u64, value: Vec<u8>| forced::<ClientRequest>(&Fields::of(request()).with(key, value), CLIENT);
    let of = |body: ClientRequest| forced::<ClientRequest>(&Fields::of(body), CLIENT);
    let mut vectors: Vec<Vector> = [
        ("key-without-mak", "a MAK is sent to a host", of(ClientRequest { act: Act::Activate, ..mak_request() })),
        ("nine-facts", "more facts than there may be", of(ClientRequest { fingerprint: facts(9), ..request() })),
        ("act-7", "an act that does not exist", with(1, uint(7))),
        ("standing-0", "a standing that does not exist", with(22, uint(0))),
        ("standing-7", "a standing beyond the last", with(22, uint(7))),
        ("label-empty", "an empty name", with(17, text(""))),
        ("label-long", "a name of 129 bytes", with(17, text(&"a".repeat(129)))),
        ("label-lines", "a name of two lines", with(17, text("a\nb"))),
        ("label-escape", "a control character beyond ASCII", with(17, text("a\u{9b}b"))),
        ("label-direction", "a name that turns the direction of text", with(17, text("a\u{202e}b"))),
        ("short-boot", "a boot id of 7 bytes", with(19, bytes(&[1; 7]))),
        ("weak-key", "the request's own key is of small order", with(4, bytes(&[0; 32]))),
    ]
    .into_iter()
    .map(|(name, about, content)| client(name, about, &content).gives(MALFORMED))
    .collect();
    let payload = Fields::of(request()).payload();
    let named_rightly = Parts::new(ClientRequest::TYPE, payload.clone(), CLIENT);
    let signature = Parts { seed: OTHER_CLIENT, ..named_rightly.clone() }.signature();
    let foreign = Parts::new(ClientRequest::TYPE, payload, OTHER_CLIENT).sealed();
    vectors.push(
        client("other-signature", "signed by another key in this one's name", &named_rightly.sealed_with(&signature))
            .gives("signature-invalid"),
    );
    vectors
        .push(client("other-key", "signed by another key than the one it carries", &foreign).gives("signer-unknown"));
    vectors.push(
        client("host-request", "the request of a host", &signed(host_request(), HOST)).gives("document-wrong-type"),
    );
    vectors
}

fn hosts() -> Vec<Vector> {
    let full = HostRequest {
        catalogue_version: 3,
        name: Some(named("licences.globex.example")),
        ledger: Some(position(2, 1000)),
        clients: Some(812),
        tls_spki: Some([0x7d; 32]),
        ..host_request()
    };
    let foreign = Parts::new(HostRequest::TYPE, Fields::of(host_request()).payload(), OTHER_CLIENT).sealed();
    let no_key = forced::<HostRequest>(&Fields::of(host_request()).without(6), HOST);
    vec![
        host("minimal", "the first request of a host", &signed(host_request(), HOST)).says(json!({
            "publisher": "aurora", "host": "50".repeat(16), "host_key": to_hex(public(HOST).as_bytes()),
            "request": "7e".repeat(16), "time": 1_800_000_000, "catalogue_version": 0,
            "key": product_key(KeyKind::Host, 11, 0x9b).reveal(),
        })),
        host("full", "a request with every field", &signed(full, HOST)).says(json!({
            "catalogue_version": 3, "name": "licences.globex.example", "clients": 812, "tls_spki": "7d".repeat(32),
            "ledger": { "host": "50".repeat(16), "epoch": 2, "sequence": 1000, "head": "4d".repeat(16) },
        })),
        host("no-key", "without a host key", &no_key).gives(MALFORMED),
        host("other-key", "signed by another key than the one it carries", &foreign).gives("signer-unknown"),
    ]
}
