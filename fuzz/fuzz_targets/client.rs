//! What a client reads from outside besides documents: DNS replies, problem details, token files, what other programs of
//! its machine say about domains, the settings of its machine, its own state file. Nothing panics.
#![no_main]

use keymuster_client::outside;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    outside::dns_reply(bytes);
    outside::problem(bytes);
    outside::domains(bytes);
    outside::token(bytes);
    outside::settings(bytes);
    outside::state(bytes);
});
