//! Pasted output of Microsoft's tools: nothing panics in any encoding, and whatever is read can be judged.
#![no_main]

use keymuster_microsoft::status::{PRODUCTS_MAX, judge, read};
use keymuster_microsoft::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = text::decode(bytes) else { return };
    let products = read(&text);
    assert!(products.len() <= PRODUCTS_MAX);
    let twice = products.iter().flat_map(|product| ["a", "b"].map(|place| (place.to_owned(), product.clone())));
    let findings = judge(&twice.collect::<Vec<_>>());
    assert!(products.iter().all(|product| product.client_id.is_none()) || !findings.is_empty());
});
