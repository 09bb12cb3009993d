//! Documents of every kind, and requests: nothing panics, and what is accepted encodes to the bytes it was read from.
#![no_main]

use keymuster_core::activation::Activation;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::document::{Document, claim, from_payload, payload};
use keymuster_core::entitlement::Entitlement;
use keymuster_core::issuer::Issuer;
use keymuster_core::lease::Lease;
use keymuster_core::request::{ClientRequest, HostRequest};
use keymuster_core::revocation::Revocations;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = claim(bytes, 64 * 1024);
    let _ = ClientRequest::verify(bytes);
    let _ = HostRequest::verify(bytes);
    body::<Issuer>(bytes);
    body::<Catalogue>(bytes);
    body::<Entitlement>(bytes);
    body::<Lease>(bytes);
    body::<Activation>(bytes);
    body::<Revocations>(bytes);
    body::<ClientRequest>(bytes);
    body::<HostRequest>(bytes);
});

fn body<D: Document>(bytes: &[u8]) {
    if let Ok(body) = from_payload::<D>(bytes) {
        assert_eq!(payload(&body).as_deref(), Ok(bytes));
    }
}
