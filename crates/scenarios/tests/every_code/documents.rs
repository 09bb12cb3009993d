//! What programs say of documents, files and QR codes that do not hold: many of them are the vectors of the specification.

use std::fs;
use std::path::Path;

use keymuster_core::bundle::{Bundle, FILE_MAGIC, SIZE_MAX};
use keymuster_core::codes;
use keymuster_core::id::EntitlementId;
use keymuster_core::request::HostRequest;
use keymuster_core::time::HOUR;
use keymuster_host::site::Home;
use keymuster_scenarios::fixture::Publisher;
use keymuster_service::Env;
use serde_json::Value;

use super::Row;
use super::site::{EDITION, Machine, Site, server_says};

const MAK_EDITION: &str = "desk-enterprise-2026";

/// A vector of the specification, by its name.
pub fn vector(name: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/vectors");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    let vectors = files.flat_map(|file| serde_json::from_slice::<Vec<Value>>(&fs::read(file).unwrap()).unwrap());
    vectors.into_iter().find(|vector| vector["name"] == name).unwrap_or_else(|| panic!("no vector {name}"))
}

/// Bytes that a vector has as hexadecimal digits.
fn bytes(digits: &Value) -> Vec<u8> {
    let pairs = digits.as_str().unwrap().as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// What `keymuster inspect` says of the bundle of a vector, on a machine that knows what the vector's reader knows.
fn inspected(site: &mut Site, name: &str) -> String {
    let vector = vector(name);
    let trust = site.write("vector.trust", vector["context"]["trust"].as_str().unwrap());
    let machine = site.bare_machine();
    if vector["context"]["pack"].is_string() {
        let pack = site.write("vector.pack", [&FILE_MAGIC[..], &bytes(&vector["context"]["pack"])].concat());
        machine.says(&["add", "--trust", &trust, "--pack", &pack, "desk-pro"]);
    }
    let document = site.write("vector", bytes(&vector["input"]["bundle"]));
    machine.says(&["inspect", &document, "--trust", &trust])
}

/// What a machine says to the texts of QR codes.
fn pasted(site: &mut Site, texts: &str) -> String {
    site.machine(EDITION).says_to(texts, &["activate", "--response-qr", "-"])
}

/// A machine that waits for the answer to a request by a MAK, whose file is written.
fn asking_by_mak(site: &mut Site, request: &str) -> Machine {
    let (machine, mak) = (site.machine(MAK_EDITION), site.aurora.mint_mak(MAK_EDITION, 1).unwrap());
    machine.says_to(&mak, &["install-key"]);
    machine.says(&["activate", "--request", &site.path(request)]);
    machine
}

/// The authority's answer to a request, as a file.
fn answered(site: &Site, request: &str) -> String {
    let out = site.path("mak.response");
    site.aurora.run(&["activate", "--request", &site.path(request), "--out", &out]).unwrap();
    out
}

/// What a host says to an answer whose entitlement ended before it came.
fn a_late_answer() -> String {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("host");
    let (request, response) = (directory.path().join("a.request"), directory.path().join("a.response"));
    let mut publisher = Publisher::new(1, 1);
    publisher.entitle_host(&data_dir).unwrap();
    let ask = ["activate", "--renew", "--request", request.to_str().unwrap()];
    server_says("keymuster-host", &data_dir, &ask, "");
    let asked = Bundle::parse_file(&fs::read(&request).unwrap()).unwrap();
    let asked = HostRequest::verify(&asked.host_request.unwrap()).unwrap();
    let (env, id) = (Env::system(), EntitlementId::from_bytes([8; 16]));
    publisher.stop_at = Some(env.now().minus(HOUR));
    let answer = publisher.answer_to(&Home::open(&data_dir, &env).unwrap(), &asked, id, env.now());
    fs::write(&response, answer.to_file()).unwrap();
    server_says("keymuster-host", &data_dir, &["activate", "--response", response.to_str().unwrap()], "")
}

pub const ROWS: &[Row<Site>] = &[
    (&codes::DOCUMENT_TOO_LARGE, |site| {
        let large = site.write("large", vec![0; SIZE_MAX + 1]);
        site.bare_machine().says(&["inspect", &large])
    }),
    (&codes::DOCUMENT_MALFORMED, |site| {
        let garbage = site.write("garbage", b"\x00\x01\x02 some garbage");
        site.bare_machine().says(&["inspect", &garbage])
    }),
    (&codes::DOCUMENT_WRONG_TYPE, |site| inspected(site, "lease-answer/entitlement-for-issuer")),
    (&codes::SIGNATURE_INVALID, |site| inspected(site, "lease-answer/lease-flipped")),
    (&codes::SIGNER_UNKNOWN, |site| inspected(site, "lease-answer/unknown-root")),
    (&codes::EXPIRED, |_| a_late_answer()),
    (&codes::BEYOND_LIMITS, |site| inspected(site, "catalogue-pack/signed-early")),
    (&codes::REVOKED, |site| inspected(site, "lease-answer/revoked-entitlement")),
    (&codes::WRONG_PUBLISHER, |site| inspected(site, "catalogue-pack/publisher")),
    (&codes::COUNT_BELOW_THRESHOLD, |site| inspected(site, "lease-answer/below-threshold")),
    (&codes::FOR_ANOTHER_HOST, |site| inspected(site, "lease-answer/other-host")),
    (&codes::FOR_ANOTHER_CLIENT, |site| {
        let machine = asking_by_mak(site, "own.request");
        asking_by_mak(site, "other.request");
        machine.says(&["activate", "--response", &answered(site, "other.request")])
    }),
    (&codes::FOR_ANOTHER_EDITION, |site| {
        let machine = asking_by_mak(site, "own.request");
        site.add(&machine, EDITION);
        let (mak, of) = (site.aurora.mint_mak(EDITION, 1).unwrap(), ["--edition", EDITION]);
        machine.says_to(&mak, &[&["install-key"], &of[..]].concat());
        machine.says(&[&["activate", "--request", &site.path("second.request")], &of[..]].concat());
        machine.says(&[&["activate", "--response", &answered(site, "own.request")], &of[..]].concat())
    }),
    (&codes::ANSWER_TO_ANOTHER_REQUEST, |site| {
        asking_by_mak(site, "other.request");
        let answer = answered(site, "other.request");
        site.machine(MAK_EDITION).says(&["activate", "--response", &answer])
    }),
    (&codes::OLDER_THAN_HELD, |site| {
        let key = site.aurora.mint_host_key("client-2020", &[]).unwrap();
        site.aurora.run(&["key", "revoke", &key[24..], "--reason", "lost"]).unwrap();
        let (trust, older, newer) = (site.path("aurora.trust"), site.path("aurora.pack"), site.path("newer.pack"));
        site.aurora.run(&["catalogue", "sign", &site.path("aurora.toml"), "--out", &newer]).unwrap();
        site.host.run(&["add-publisher", "--trust", &trust, "--pack", &newer], "").unwrap();
        site.host_says(&["add-publisher", "--trust", &trust, "--pack", &older], "")
    }),
    (&codes::FRAME_UNREADABLE, |site| pasted(site, "Dear Sir")),
    (&codes::FRAMES_MIXED, |site| {
        let texts = vector("frames/other-file")["input"]["frames"].clone();
        let texts: Vec<String> = serde_json::from_value(texts).unwrap();
        pasted(site, &texts.join("\n"))
    }),
    (&codes::FRAMES_MISSING, |site| pasted(site, "")),
];
