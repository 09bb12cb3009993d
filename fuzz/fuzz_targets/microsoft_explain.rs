//! Pasted text with codes, and words that look for keys: nothing panics, and no list grows without bound.
#![no_main]

use keymuster_microsoft::explain::{CODES_MAX, explain};
use keymuster_microsoft::{codes, keys, plan, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = text::decode(bytes) else { return };
    let found = explain(&text);
    assert!(found.codes.len() + found.unknown.len() <= CODES_MAX && found.events.len() <= CODES_MAX);
    if text.len() < 200 {
        let _ = (codes::nearest(&text), keys::look(&text), keys::pick(&text), keys::suggestions(&text));
        let _ = (plan::wanted(&text), plan::system_named(&text));
    }
});
