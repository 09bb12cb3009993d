//! Bundles and trust files: nothing panics, and what is accepted is written as it was read.
#![no_main]

use keymuster_core::bundle::Bundle;
use keymuster_core::chain::Chain;
use keymuster_core::trust::Trust;
use libfuzzer_sys::fuzz_target;

const TRUST: &str = "keymuster-trust 1\npublisher fuzz\n\
    root d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n";

fuzz_target!(|bytes: &[u8]| {
    if let Ok(trust) = std::str::from_utf8(bytes).unwrap_or("").parse::<Trust>() {
        assert_eq!(trust.to_string().parse::<Trust>().as_ref(), Ok(&trust));
    }
    let trust: Trust = TRUST.parse().expect("a trust file");
    for bundle in [Bundle::parse(bytes), Bundle::parse_file(bytes)].into_iter().flatten() {
        assert!(bundle.to_bytes() == bytes || bundle.to_file() == bytes);
        if let Ok(chain) = Chain::new(&trust, &bundle, None) {
            assert!(chain.issuers().is_empty(), "nobody can sign for that root");
        }
    }
});
