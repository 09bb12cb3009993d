//! Which requests a host collects for an exchange, as a table.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::catalogue::Catalogue;
use keymuster_core::choice::Choices;
use keymuster_core::document::Signed;
use keymuster_core::exchange::{Collection, collect};
use keymuster_core::grant::{Known, LastRequest, Site};
use keymuster_core::id::{HostId, RequestId, from_hex};
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::PublicKey;
use support::named;

const HOST: HostId = HostId::from_bytes([1; 16]);

/// Changes what is asked, and what is known.
type Change = fn(&mut ClientRequest, &mut Option<Known>);

/// Request 5 of a client of whom request 4 is kept, after some change, and what comes of it.
fn outcome(change: Change) -> String {
    let vector = named("document/catalogue/plain");
    let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    let catalogue = Signed::<Catalogue>::verify(&vector.bytes("/input/document"), &key).unwrap();
    let minimal = ClientRequest::verify(&named("client-request/minimal").bytes("/input/document")).unwrap();
    let mut request = ClientRequest { act: Act::Mak, counter: 5, ..(*minimal).clone() };
    let last = LastRequest { counter: 4, request: RequestId::from_bytes([4; 16]), answered_by: None };
    let mut known = Some(Known { client_key: *request.client_key.as_bytes(), last: Some(last) });
    change(&mut request, &mut known);
    let choices = Choices::default();
    let site = Site { host: HOST, catalogue: &catalogue, entitlements: &[], choices: &choices };
    match collect(&site, &request, known.as_ref()) {
        Ok(Collection::New) => "new".to_owned(),
        Ok(Collection::Repeat) => "repeat".to_owned(),
        Err(refusal) => refusal.code().name.to_owned(),
    }
}

#[test]
fn one_request_of_each_client_is_kept_the_newest() {
    let table: [(&str, Change); 14] = [
        ("new", |_, _| ()),
        ("new", |_, known| *known = None),
        ("new", |_, known| known.as_mut().unwrap().last = None),
        ("new", |request, _| request.audience = Some(HOST)),
        ("new", |request, _| request.time = keymuster_core::time::Timestamp::from_secs(0)),
        ("repeat", |request, _| (request.request, request.counter) = (RequestId::from_bytes([4; 16]), 4)),
        ("request-conflict", |request, _| request.request = RequestId::from_bytes([4; 16])),
        ("request-replayed", |request, _| request.counter = 4),
        ("request-replayed", |request, _| request.counter = 3),
        ("rekey-required", |_, known| known.as_mut().unwrap().client_key = [0; 32]),
        ("edition-unknown", |request, _| request.edition = 999),
        ("request-for-another-host", |request, _| request.audience = Some(HostId::from_bytes([2; 16]))),
        ("wrong-way", |request, _| request.key = Some("H29B4-VD2T6-4V74J-678TY-WXHVC".parse().unwrap())),
        ("wrong-way", |request, _| request.act = Act::Activate),
    ];
    for (n, (expected, change)) in table.into_iter().enumerate() {
        assert_eq!(outcome(change), expected, "case {n}");
    }
}
