//! Files that are damaged, enormous or no logs at all: a clear message, bounded memory and an exit code, never a panic.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::estate::{Asked, Logged, START, as_csv, as_evtx, as_xml, processed};
use super::{HOSTS, json_of, run};

fn some_events(count: u32) -> Vec<Logged> {
    let one = |machine: u32| {
        let name = format!("pc{machine}");
        let at = START + machine * 60;
        processed(&Asked { host: HOSTS[0], at, code: "0x0", machine, name: &name, status: 1, ahead: 0 })
    };
    (1..=count).map(one).collect()
}

fn check(directory: &Path, bytes: &[u8], what: &str) -> i32 {
    fs::write(directory.join("x.evtx"), bytes).unwrap();
    let output = run(directory, &["x.evtx"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("{what} ended it: {errors}"));
    assert!([0, 1, 5].contains(&code), "{what}: {code} {errors}");
    assert!(!errors.contains("panicked"), "{what}: {errors}");
    assert!(code != 5 || !errors.is_empty() || String::from_utf8_lossy(&output.stdout).contains("x.evtx"), "{what}");
    code
}

#[test]
fn truncated_and_bit_flipped_files_are_said_to_be_so() {
    let directory = tempfile::tempdir().unwrap();
    let events = some_events(300);
    for (form, bytes) in [("evtx", as_evtx(&events)), ("xml", as_xml(&events)), ("csv", as_csv(&events))] {
        assert_eq!(check(directory.path(), &bytes, form), 0, "{form} is whole");
        for part in 1..10 {
            let end = bytes.len() * part / 10 - 3;
            let code = check(directory.path(), &bytes[..end], &format!("{form} cut at {end}"));
            assert!(code == 5 || form == "csv", "{form} cut at {end}: {code}");
        }
        for place in (0..bytes.len()).step_by(bytes.len() / 40) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            check(directory.path(), &flipped, &format!("{form} flipped at {place}"));
        }
    }
}

#[test]
fn what_is_no_log_is_said_to_be_none() {
    let directory = tempfile::tempdir().unwrap();
    for (what, bytes) in [
        ("nothing", vec![]),
        ("zeros", vec![0; 100_000]),
        ("rubbish", (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
        ("prose", b"This is no log.\nIt has, however, commas.\n".to_vec()),
        ("a page", b"<html><body>Event</body></html>".to_vec()),
        ("half a name", b"ElfFile".to_vec()),
        ("chunks of rubbish", [b"ElfFile\0".to_vec(), vec![0x41; 300_000]].concat()),
    ] {
        assert_eq!(check(directory.path(), &bytes, what), 5, "{what}");
    }
    let output = run(directory.path(), &["nowhere.evtx", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(json_of(&output)["error"]["message"].as_str().unwrap().contains("nowhere.evtx"));
    fs::create_dir(directory.path().join("empty")).unwrap();
    assert_eq!(run(directory.path(), &["empty"]).status.code(), Some(2));
    assert_eq!(run(directory.path(), &["/dev/zero"]).status.code(), Some(3));
}

#[test]
fn wrong_encodings_are_read_as_far_as_they_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let text = String::from_utf8(as_csv(&some_events(30))).unwrap();
    // German umlauts as older systems write them are no UTF-8; everything else is understood.
    let ansi: Vec<u8> = text.replace("An activation", "Eine A\u{e4}nfrage").chars().map(|c| c as u8).collect();
    assert_eq!(check(directory.path(), &ansi, "ANSI"), 0);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(check(directory.path(), &[b"\xFE\xFF".as_slice(), &utf16].concat(), "UTF-16, the other way round"), 0);
    assert_eq!(check(directory.path(), &[b"\xFF\xFE".as_slice(), &utf16].concat(), "UTF-16, the wrong way round"), 5);
}

/// A gigabyte without the end of a line, in a quarter of a gigabyte of memory. The file has holes and takes no room.
#[test]
fn a_line_of_a_gigabyte_takes_no_gigabyte() {
    let directory = tempfile::tempdir().unwrap();
    let events = some_events(5);
    let units: Vec<u16> = as_xml(&events).chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let xml = String::from_utf16(&units).unwrap().into_bytes();
    // In the middle of the fifth event, and behind an open quotation mark.
    for (form, start, machines) in
        [("xml", xml[..xml.len() - 100].to_vec(), 4), ("csv", [as_csv(&events), b"\"".to_vec()].concat(), 5)]
    {
        let path = directory.path().join("long.log");
        let mut file = File::create(&path).unwrap();
        file.write_all(&start).unwrap();
        file.set_len(1 << 30).unwrap();
        let command = format!("ulimit -v 262144; exec '{}' microsoft events long.log", env!("CARGO_BIN_EXE_keymuster"));
        let output = Command::new("sh").args(["-c", &command]).current_dir(directory.path()).output().unwrap();
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(5), "{form}: {errors}");
        assert!(text.contains(&format!("{machines} machines asked 1 host")), "{form}: {text}");
    }
}
