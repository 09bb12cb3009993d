//! Two hosts, a name server, an authority and twenty clients in network namespaces: cables are pulled, connections reset,
//! hosts killed, priorities changed and clocks put, and what clients see is what the table says.
#![allow(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers, and says where it is"
)]

#[path = "network/names.rs"]
mod names;
#[path = "network/site.rs"]
mod site;
#[path = "network/table.rs"]
mod table;

use std::path::Path;
use std::time::Duration;

use site::{Clients, Said, Site};
use table::{A, Ask, Outcome, Row, TABLE};

/// How much longer than its time limits a client may take on a busy machine.
const SLOWNESS: Duration = Duration::from_secs(15);
const DOCUMENT: &str = "../../docs/reliability.md";

#[test]
fn the_short_table_holds() {
    hold(|row| row.is_short);
}

#[test]
#[ignore = "takes minutes: cargo xtask long network"]
fn the_whole_table_holds() {
    hold(|_| true);
}

#[test]
fn the_document_shows_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let found = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = found.split_once("<!-- table -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let expected = format!("{before}<!-- table -->\n{}<!-- end -->{after}", table::document());
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "{} is out of date: run this test with UPDATE=1", path.display());
}

fn hold(is_meant: impl Fn(&Row) -> bool) {
    let mut site = Site::new();
    for row in TABLE.iter().filter(|row| is_meant(row)) {
        site.rest();
        check(&mut site, row);
    }
    site.rest();
    site.check_ledgers();
}

/// Does what a row says, compares what comes of it, and undoes it.
fn check(site: &mut Site, row: &Row) {
    for fault in row.faults {
        site.begin(*fault);
    }
    let said = match row.ask {
        Ask::Renew => site.ask(Clients::All, "renew"),
        Ask::ResetTime => site.ask(Clients::All, "reset-time"),
    };
    let longest = said.iter().map(|said| said.took).max().unwrap();
    eprintln!("{}: {:.1} s", row.what, longest.as_secs_f64());
    for said in &said {
        let expected = if said.remembers { row.remembering } else { row.afresh };
        compare(row, said, expected);
    }
    let allowed = Duration::from_secs(row.waits_secs) + SLOWNESS;
    assert!(longest <= allowed, "{}: a client took {longest:?}, more than {allowed:?}", row.what);
    site.check_leases(row.what);
    for fault in row.faults.iter().rev() {
        site.end(*fault);
    }
}

fn compare(row: &Row, said: &Said, expected: Outcome) {
    let found = match (said.exit, row.ask) {
        (0, Ask::Renew) => format!("{} answers", said.answered_by()),
        (0, Ask::ResetTime) => format!("{} answers", table::AUTHORITY),
        (exit, _) => format!("{} with exit code {exit}", said.code()),
    };
    let expected = match expected {
        Outcome::Answers(who) => format!("{who} answers"),
        Outcome::Refused(code, exit) => format!("{code} with exit code {exit}"),
        Outcome::Open => return,
    };
    let remembers = if said.remembers { "remembers its host" } else { "asks DNS" };
    assert!(found == expected, "{}: a client that {remembers}: {found}, not {expected}: {}", row.what, said.text);
}

/// The clients at rest are served by the preferred host.
const AT_REST: &str = A;
