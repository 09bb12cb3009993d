//! Lists of machines: nothing panics, what is accepted reaches no shell and no options, and results name the same machines.
#![no_main]

use keymuster::list::{Keys, Place, Row, Written, read, write};
use libfuzzer_sys::fuzz_target;

/// What a POSIX shell, `cmd.exe` or PowerShell takes for more than itself between double quotes.
const EXPANDED: [char; 8] = ['"', '$', '`', '%', '!', '\n', '\r', '\0'];
const FORMULAS: [char; 4] = ['=', '+', '-', '@'];
/// Nothing is accepted without a header line, which is rarely found by chance.
const HEADER: &[u8] = b"machine,store,host,edition\n";

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes, Keys::Needed);
    check(bytes);
    check(&[HEADER, bytes].concat());
});

fn check(bytes: &[u8]) {
    let Ok(rows) = read(bytes, Keys::Unread) else { return };
    for row in &rows {
        if let Place::Remote(destination) = &row.place {
            let text = destination.as_str();
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-@:".contains(c);
            assert!(!text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain), "{text:?}");
        }
        if let Some(store) = &row.store {
            let text = store.as_str();
            assert!(!text.contains(EXPANDED) && !text.ends_with('\\') && !text.starts_with(FORMULAS), "{text:?}");
        }
    }
    let message = String::from_utf8_lossy(bytes);
    let one = |row| Written { row, result: "failed", code: "", message: &message, remedy: "" };
    let written = write(&rows.iter().map(one).collect::<Vec<_>>());
    let mut reader = csv::Reader::from_reader(written.as_slice());
    for record in reader.records() {
        assert!(record.expect("a table").iter().all(|field| !field.starts_with(FORMULAS)));
    }
    let again = read(&written, Keys::Unread).expect("results are a list");
    assert_eq!(targets(&again), targets(&rows));
}

fn targets(rows: &[Row]) -> Vec<String> {
    let target =
        |row: &Row| format!("{} {:?} {:?} {:?} {:?}", row.place, row.publisher, row.edition, row.store, row.host);
    rows.iter().map(target).collect()
}
