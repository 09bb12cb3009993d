//! Events as Windows keeps them: `.evtx` files, one chunk of 64 KiB after the other.
//!
//! A chunk whose checksum is wrong is read all the same: a log that was copied while it was written has some. A mistake of
//! the crate that reads a chunk costs that chunk and nothing else.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};

use super::read::Tally;
use super::xml_file::take_one;

/// What such a file begins with.
pub const MAGIC: &[u8; 8] = b"ElfFile\0";
const HEADER_BYTES: u64 = 4096;
const CHUNK_BYTES: u64 = 64 * 1024;

/// Reads a file and passes on each event that is meant.
pub fn read(mut reader: impl Read, tally: &mut Tally<'_>) -> io::Result<()> {
    let mut chunk = Vec::new();
    if reader.by_ref().take(HEADER_BYTES).read_to_end(&mut chunk)? < 4096 {
        tally.is_cut = true;
        return Ok(());
    }
    let settings = Arc::new(ParserSettings::default().indent(false));
    loop {
        let mut chunk = Vec::with_capacity(64 * 1024);
        reader.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            return Ok(());
        }
        if (chunk.len() as u64) < CHUNK_BYTES {
            tally.is_cut = true;
            return Ok(());
        }
        // A log that has not filled its size has room at its end.
        if chunk.iter().all(|byte| *byte == 0) {
            continue;
        }
        if catch_unwind(AssertUnwindSafe(|| take(chunk, &settings, tally))).is_err() {
            tally.damaged += 1;
        }
    }
}

fn take(chunk: Vec<u8>, settings: &Arc<ParserSettings>, tally: &mut Tally<'_>) {
    let Ok(mut data) = EvtxChunkData::new(chunk, false) else {
        tally.damaged += 1;
        return;
    };
    tally.wrong_checksums += u64::from(!data.validate_checksum());
    let Ok(mut chunk) = data.parse(Arc::clone(settings)) else {
        tally.damaged += 1;
        return;
    };
    for record in chunk.iter() {
        match record.and_then(|record| record.into_xml_bytes()) {
            Ok(record) => take_one(&String::from_utf8_lossy(&record.data), tally),
            Err(_) => tally.damaged += 1,
        }
    }
}
