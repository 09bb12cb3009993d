//! Identifiers from outside: whatever is accepted is shown as it was read, and reads the same again.
#![no_main]

use keymuster_core::id::{ClientId, Label, Slug, from_hex, to_hex};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(slug) = text.parse::<Slug>() {
        assert_eq!(slug.to_string(), text);
        assert!(text.parse::<Label>().is_ok(), "every slug is a label");
    }
    if let Ok(label) = text.parse::<Label>() {
        assert_eq!(label.as_str(), text);
    }
    if let Ok(id) = text.parse::<ClientId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Some(bytes) = from_hex::<4>(text) {
        assert_eq!(to_hex(&bytes), text.to_ascii_lowercase());
    }
});
