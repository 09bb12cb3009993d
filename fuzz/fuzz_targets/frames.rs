//! Texts of QR codes, line by line: nothing panics, and a file that comes out comes back when it is split again.
#![no_main]

use keymuster_core::bundle::Bundle;
use keymuster_core::frames::{DATA_MAX, FILE_MAX, Frames, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Any bytes are a file that can travel, in pieces of whatever size the first byte says.
    let data_max = 1 + usize::from(*bytes.first().unwrap_or(&0)) * 4;
    let mut frames = Frames::default();
    if let Ok(texts) = split(bytes, data_max) {
        texts.iter().rev().for_each(|text| frames.add(text).expect("frames of one file"));
        assert!(bytes.is_empty() || frames.file().as_deref() == Ok(bytes));
    }
    let mut frames = Frames::default();
    let text = String::from_utf8_lossy(bytes);
    let is_taken = text.lines().filter(|line| frames.add(line).is_ok()).count();
    match frames.file() {
        Ok(file) => {
            assert!(is_taken > 0 && file.len() <= FILE_MAX && frames.missing().is_empty());
            let _ = Bundle::parse_file(&file);
            let again = split(&file, DATA_MAX).expect("what came in frames fits into frames");
            let mut frames = Frames::default();
            again.iter().for_each(|text| frames.add(text).expect("frames of one file"));
            assert_eq!(frames.file(), Ok(file));
        }
        Err(_) => assert!(frames.missing().len() <= frames.count()),
    }
});
