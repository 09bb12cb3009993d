//! Codes are drawn, photographed as a camera would, and read back: what comes out is the file, or nothing.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod camera;

use std::path::PathBuf;

use camera::{Camera, Random, STEADY, Sheet};
use clap::Parser;
use fast_qr::{ECL, QRBuilder};
use keymuster_core::frames::DATA_MAX;
use keymuster_qr::{Asker, Code, Error};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    asker: Asker,
}

/// What the programs read from photographs.
fn read(photographs: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    let directory = tempfile::tempdir().unwrap();
    let write = |(number, bytes): (usize, &Vec<u8>)| -> PathBuf {
        let path = directory.path().join(format!("{number}.jpg"));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let paths = photographs.iter().enumerate().map(write).map(PathBuf::into_os_string);
    let words = ["x".into(), "--response-qr".into()].into_iter().chain(paths);
    Command::try_parse_from(words).unwrap().asker.read_response().map(Option::unwrap)
}

fn file(len: usize, random: &mut Random) -> Vec<u8> {
    (0..len).map(|_| random.next() as u8).collect()
}

fn sheet(code: &Code) -> Sheet {
    Sheet::of_terminal(&code.terminal())
}

#[test]
fn a_png_file_is_read_as_it_is() {
    let file = file(DATA_MAX, &mut Random(1));
    let codes = Code::of(&file, DATA_MAX).unwrap();
    assert_eq!(read(&[codes[0].png()]).unwrap(), file);
    // The drawing in a terminal is the same, module by module.
    let (drawn, written) = (sheet(&codes[0]), Sheet::of_png(&codes[0].png()));
    let scale = written.width / drawn.width;
    for (at, is_dark) in drawn.is_dark.iter().enumerate().take(drawn.width * drawn.width) {
        let (x, y) = (at % drawn.width * scale, at / drawn.width * scale);
        assert_eq!(written.is_dark[(y + scale / 2) * written.width + x + scale / 2], *is_dark, "{x}, {y}");
    }
}

/// From the steadiest hand to the worst that is expected to do, at each size of code.
#[test]
fn photographs_are_read() {
    let table = [
        ("straight, from afar", Camera { pixels: 3.0, turned: 0.0, blur: 1, ..STEADY }),
        ("a steady hand", STEADY),
        ("a light room", Camera { around: 225.0, ..STEADY }),
        ("turned a little", Camera { turned: -17.0, shade: 0.4, ..STEADY }),
        ("turned a quarter and more", Camera { turned: 115.0, ..STEADY }),
        ("upside down", Camera { turned: 180.0, ..STEADY }),
        ("slanted", Camera { turned: 5.0, slanted: 0.04, ..STEADY }),
        ("slanted, from afar", Camera { pixels: 3.0, turned: -8.0, slanted: 0.03, blur: 1, ..STEADY }),
        ("near and out of focus", Camera { pixels: 8.0, blur: 12, ..STEADY }),
        ("grainy", Camera { pixels: 6.0, noise: 22.0, turned: 8.0, ..STEADY }),
        ("half in the shade", Camera { shade: 0.65, turned: 8.0, ..STEADY }),
        ("everything at once", Camera { pixels: 6.0, turned: 21.0, slanted: 0.03, noise: 14.0, shade: 0.5, ..STEADY }),
        ("saved with few bytes", Camera { quality: 35, slanted: 0.02, ..STEADY }),
    ];
    let mut unread = Vec::new();
    for bytes in [120, 387, DATA_MAX] {
        for (seed, (name, camera)) in (1..).zip(table) {
            let mut random = Random(seed * 1000 + bytes as u64);
            let file = file(bytes, &mut random);
            let code = &Code::of(&file, DATA_MAX).unwrap()[0];
            let photograph = camera.shoot(&sheet(code), &mut random);
            if !read(&[photograph]).is_ok_and(|found| found == file) {
                unread.push(format!("{name}, {bytes} bytes"));
            }
        }
    }
    assert!(unread.is_empty(), "{unread:?}");
}

#[test]
fn several_codes_in_one_picture_and_in_several() {
    let mut random = Random(7);
    let file = file(1500, &mut random);
    let codes = Code::of(&file, 387).unwrap();
    assert_eq!(codes.len(), 4);
    let side = sheet(&codes[0]).height;
    let mut all = Sheet::light(2 * side + 6, 2 * side + 6);
    for (at, code) in codes.iter().enumerate() {
        all.lay(&sheet(code), at % 2 * (side + 6), at / 2 * (side + 6));
    }
    let camera = Camera { pixels: 4.0, turned: 4.0, slanted: 0.01, ..STEADY };
    assert_eq!(read(&[camera.shoot(&all, &mut random)]).unwrap(), file, "all at once");

    let mut photographs: Vec<Vec<u8>> =
        codes.iter().rev().map(|code| STEADY.shoot(&sheet(code), &mut random)).collect();
    assert_eq!(read(&photographs).unwrap(), file, "one by one, the last first");
    photographs.remove(1);
    assert!(read(&photographs).unwrap_err().to_string().contains("have not been read: 3"));
}

#[test]
fn a_code_of_something_else_is_passed_over() {
    let mut random = Random(9);
    let file = file(100, &mut random);
    let ours = sheet(&Code::of(&file, DATA_MAX).unwrap()[0]);
    let foreign = QRBuilder::new("https://example.com/caf\u{e9}").ecl(ECL::H).build().unwrap();
    let mut all = Sheet::light(ours.width + foreign.size + 12, ours.height + foreign.size);
    all.lay(&ours, 0, 0);
    let is_dark = (0..foreign.size).flat_map(|y| foreign[y][..foreign.size].iter().map(|module| module.value()));
    let sticker = Sheet { width: foreign.size, height: foreign.size, is_dark: is_dark.collect() };
    all.lay(&sticker, ours.width + 6, 6);
    assert_eq!(read(&[STEADY.shoot(&all, &mut random)]).unwrap(), file);
    let mut alone = Sheet::light(sticker.width + 12, sticker.height + 12);
    alone.lay(&sticker, 6, 6);
    let error = read(&[STEADY.shoot(&alone, &mut random)]).unwrap_err();
    assert_eq!(error.code().unwrap().name, "frame-unreadable", "{error}");
}

/// A stain that grows: what is read is the file, as long as error correction reaches, and then nothing. The canary is that
/// both are met.
#[test]
fn a_damaged_code_is_never_read_as_something_else() {
    let mut random = Random(11);
    let file = file(300, &mut random);
    let clean = sheet(&Code::of(&file, DATA_MAX).unwrap()[0]);
    let mut read_with = Vec::new();
    for stained in [0, 3, 6, 12, 20, 30, 45] {
        let mut sheet = clean.clone();
        // Around the middle, where no pattern for finding stands, over so many hundredths of the code.
        let edge = ((clean.width * clean.width * stained / 100) as f64).sqrt() as usize;
        let from = (clean.width - edge) / 2;
        for y in from..from + edge {
            for x in from..from + edge {
                sheet.is_dark[y * clean.width + x] = random.next() & 1 == 0;
            }
        }
        match read(&[STEADY.shoot(&sheet, &mut random)]) {
            Ok(found) => {
                assert_eq!(found, file, "{stained} of 100 stained");
                read_with.push(stained);
            }
            Err(error) => assert_eq!(error.code().unwrap().name, "frame-unreadable", "{error}"),
        }
    }
    assert!(read_with.contains(&6) && !read_with.contains(&45), "{read_with:?}");
}
