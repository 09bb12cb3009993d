//! Event logs of Windows in every form that is read: nothing panics, and nothing takes the memory that a file asks for.
#![no_main]

use keymuster_microsoft::events::outside;
use libfuzzer_sys::fuzz_target;

const CHUNK: usize = 4096;
const RECORD: usize = CHUNK + 512;
const CHUNK_BYTES: usize = 64 * 1024;

fuzz_target!(|bytes: &[u8]| {
    outside::every_form(bytes);
    if bytes.len() < CHUNK_BYTES - 600 {
        outside::every_form(&log_of(bytes));
    }
});

/// A log with one chunk and one record, whose binary XML is what was found: chance alone never gets so far.
fn log_of(xml: &[u8]) -> Vec<u8> {
    let mut file = vec![0; CHUNK + CHUNK_BYTES];
    let mut put = |at: usize, what: &[u8]| file[at..at + what.len()].copy_from_slice(what);
    let size = (xml.len() as u32 + 28).to_le_bytes();
    let end = 512 + xml.len() as u32 + 28;
    put(0, b"ElfFile\0");
    put(CHUNK, b"ElfChnk\0");
    for at in [8, 16, 24, 32] {
        put(CHUNK + at, &1_u64.to_le_bytes());
    }
    put(CHUNK + 40, &128_u32.to_le_bytes());
    put(CHUNK + 44, &512_u32.to_le_bytes());
    put(CHUNK + 48, &end.to_le_bytes());
    put(RECORD, &[0x2A, 0x2A, 0, 0]);
    put(RECORD + 4, &size);
    put(RECORD + 8, &1_u64.to_le_bytes());
    put(RECORD + 16, &132_000_000_000_000_000_u64.to_le_bytes());
    put(RECORD + 24, xml);
    put(RECORD + 24 + xml.len(), &size);
    file
}
