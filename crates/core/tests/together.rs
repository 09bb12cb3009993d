//! Signatures that are checked together give what each gives alone (`docs/spec/documents.md`, 2.3).
#![cfg(feature = "batch")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::document::{Signed, Unverified};
use keymuster_core::invalid::Invalid;
use keymuster_core::request::ClientRequest;
use keymuster_core::signature::SecretKey;
use support::{Vector, all};

/// Requests of as many clients.
fn requests(number: u8) -> Vec<Vec<u8>> {
    let some = support::all().into_iter().find(|vector| vector.name() == "client-request/minimal").unwrap();
    let some = ClientRequest::verify(&some.bytes("/input/document")).unwrap();
    let signed = |seed| {
        let key = SecretKey::from_seed(&[seed; 32]);
        let request = ClientRequest { client_key: key.public(), ..(*some).clone() };
        Signed::sign(request, &key).unwrap().bytes().to_vec()
    };
    (0..number).map(signed).collect()
}

fn read(bytes: &[u8]) -> Result<Unverified<ClientRequest>, Invalid> {
    ClientRequest::read(bytes)
}

#[test]
fn one_false_signature_is_found_wherever_it_stands() {
    for number in [1, 2, 3, 16, 64] {
        let sound = requests(number);
        for wrong in (0..sound.len()).chain([usize::MAX]) {
            let mut sent = sound.clone();
            if let Some(bytes) = sent.get_mut(wrong) {
                // The last byte but a few: the upper half of S.
                let at = bytes.len() - 8;
                bytes[at] ^= 1;
            }
            let checked = Unverified::verify_all(sent.iter().map(|bytes| read(bytes).unwrap()).collect());
            for (at, result) in checked.iter().enumerate() {
                assert_eq!(
                    result.as_ref().map(Signed::bytes).ok(),
                    (at != wrong).then_some(&*sound[at]),
                    "{at} of {number}"
                );
            }
        }
    }
}

#[test]
fn every_request_of_the_vectors_is_judged_as_it_is_alone() {
    let sound = requests(2);
    let is_request = |vector: &&Vector| vector.0["kind"] == "client-request";
    let mut judged = [0, 0];
    for vector in all().iter().filter(is_request) {
        let bytes = vector.bytes("/input/document");
        let alone = ClientRequest::verify(&bytes).map(|request| request.bytes().to_vec());
        // What is malformed never comes to its signature.
        let Ok(one) = read(&bytes) else { continue };
        judged[usize::from(alone.is_ok())] += 1;
        let together = Unverified::verify_all(vec![read(&sound[0]).unwrap(), one, read(&sound[1]).unwrap()]);
        assert_eq!(
            together[1].as_ref().map(|request| request.bytes().to_vec()),
            alone.as_ref().cloned(),
            "{}",
            vector.name()
        );
        assert!(together[0].is_ok() && together[2].is_ok());
    }
    assert!(judged.iter().all(|number| *number > 0), "{judged:?}: both kinds occur");
}
