//! Frames come in any order, repeated, incomplete and mixed: what comes out is the file, or it is said what is wrong.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use keymuster_core::frames::{DATA_MAX, FILE_MAX, FRAMES_MAX, FrameError, Frames, split};
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn read<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<Vec<u8>, FrameError> {
    let mut frames = Frames::default();
    texts.into_iter().try_for_each(|text| frames.add(text))?;
    frames.file()
}

/// Bytes, and how many of them go into a frame at most; between them few enough frames.
fn files() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let file = prop_oneof![prop::collection::vec(any::<u8>(), 1..100), prop::collection::vec(any::<u8>(), 1..5000)];
    file.prop_flat_map(|file| {
        let least = file.len().div_ceil(FRAMES_MAX);
        (Just(file), least..=DATA_MAX)
    })
}

/// What a QR code holds in alphanumeric mode.
const CHARACTERS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

proptest! {
    #[test]
    fn any_order_and_any_repetition_gives_the_file(
        (file, data_max) in files(),
        order in any::<prop::sample::Index>(),
        repeated in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        let mut texts = split(&file, data_max).unwrap();
        let count = texts.len();
        prop_assert_eq!(count, file.len().div_ceil(data_max));
        for text in &texts {
            prop_assert!(text.len() <= 1450 && text.chars().all(|c| CHARACTERS.contains(c)), "{}", text);
            prop_assert_eq!(text.trim(), text);
        }
        texts.extend(repeated.iter().map(|index| texts[index.index(count)].clone()).collect::<Vec<_>>());
        let middle = order.index(texts.len());
        texts.rotate_left(middle);
        texts[..middle].reverse();
        prop_assert_eq!(read(&texts).unwrap(), file);
    }

    #[test]
    fn what_is_lost_is_named((file, data_max) in files(), kept in any::<u64>()) {
        let texts = split(&file, data_max).unwrap();
        let is_kept = |at: &usize| kept & (1 << at) != 0;
        let found = read((0..texts.len()).filter(is_kept).map(|at| &texts[at]));
        let lost: Vec<usize> = (0..texts.len()).filter(|at| !is_kept(at)).map(|at| at + 1).collect();
        match found {
            Ok(found) => prop_assert!(lost.is_empty() && found == file),
            Err(FrameError::Missing { count: 0, .. }) => prop_assert_eq!(lost.len(), texts.len()),
            Err(why) => prop_assert_eq!(why, FrameError::Missing { numbers: lost, count: texts.len() }),
        }
    }

    #[test]
    fn files_do_not_mix((file, data_max) in files(), other in any::<[u8; 8]>(), at in any::<Index>()) {
        let texts = split(&file, data_max).unwrap();
        let mut changed = file.clone();
        changed.extend(other);
        let foreign = split(&changed, data_max.max(changed.len().div_ceil(FRAMES_MAX)).min(DATA_MAX)).unwrap();
        let mut frames = Frames::default();
        frames.add(&texts[0]).unwrap();
        prop_assert_eq!(frames.add(&foreign[at.index(foreign.len())]), Err(FrameError::Mixed));
        // What was refused has left no trace.
        texts.iter().for_each(|text| frames.add(text).unwrap());
        prop_assert_eq!(frames.file().unwrap(), file);
    }

    #[test]
    fn one_changed_character_gives_no_other_file(
        (file, data_max) in files(),
        frame in any::<Index>(),
        at in any::<Index>(),
        to in select(CHARACTERS.chars().collect::<Vec<_>>()),
    ) {
        let mut texts = split(&file, data_max).unwrap();
        let text = frame.get(&texts);
        let at = at.index(text.len());
        let changed: String = text.chars().enumerate().map(|(place, c)| if place == at { to } else { c }).collect();
        let index = frame.index(texts.len());
        texts[index] = changed;
        prop_assert!(read(&texts).is_ok_and(|found| found == file) || read(&texts).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(texts in prop::collection::vec("(KM1:)?[0-9/:A-C \u{e9}]{0,40}", 0..5)) {
        prop_assert!(read(&texts).is_err() || !texts.is_empty());
    }
}

#[test]
fn the_largest_file_fits_and_one_byte_more_does_not() {
    let largest = vec![0xa5; FILE_MAX];
    let texts = split(&largest, DATA_MAX).unwrap();
    assert_eq!((texts.len(), texts[63].len()), (FRAMES_MAX, 1450));
    assert_eq!(read(&texts).unwrap(), largest);
    let too_large = [&largest[..], &[0]].concat();
    let error = FrameError::TooLarge { found: FILE_MAX + 1, limit: FILE_MAX };
    assert_eq!(split(&too_large, DATA_MAX), Err(error.clone()));
    assert_eq!(split(&too_large, usize::MAX), Err(error), "no frame holds more, whatever is asked for");
}

/// The examples of RFC 9285, 4.3 and 4.4, and the check value of CRC-32.
#[test]
fn encoding_and_checksum_are_those_of_the_standards() {
    for (bytes, data) in [("AB", "BB8"), ("Hello!!", "%69 VD92EX0"), ("base-45", "UJCLQE7W581"), ("ietf!", "QED8WEX0")]
    {
        let texts = split(bytes.as_bytes(), DATA_MAX).unwrap();
        assert!(texts[0].ends_with(&format!(":{data}")), "{texts:?}");
    }
    assert!(split(b"123456789", DATA_MAX).unwrap()[0].starts_with("KM1:1/1:CBF43926:"));
}
