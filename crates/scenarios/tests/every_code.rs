//! Every code is said by a real program: in its output, or in its problem details.
//!
//! Each code has a row with a small scenario that brings it about. A code without a row fails, and so does a row in which
//! no program says its code. The rows of one table share what is started for them, and are played in their order.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "every_code/authority.rs"]
mod authority;
#[path = "every_code/client.rs"]
mod client;
mod common;
#[path = "every_code/console.rs"]
mod console;
#[path = "every_code/dns.rs"]
mod dns;
#[path = "every_code/documents.rs"]
mod documents;
#[path = "every_code/edge.rs"]
mod edge;
#[path = "every_code/host.rs"]
mod host;
#[path = "every_code/keys.rs"]
mod keys;
#[path = "common/late_dns.rs"]
mod late_dns;
#[path = "every_code/lists.rs"]
mod lists;
#[path = "../../host/tests/support/named.rs"]
mod named;
#[path = "every_code/openid.rs"]
mod openid;
#[path = "every_code/operation.rs"]
mod operation;
#[path = "every_code/site.rs"]
mod site;

use std::collections::BTreeSet;

use keymuster_core::codes::{self, Code};
use site::Site;

/// A code, and the scenario in which a program says it: what was started goes in, what the program said comes out.
type Row<World> = (&'static Code, fn(&mut World) -> String);

/// Whether a program said a code: in its words for people, or as the member of problem details.
fn says(said: &str, code: &Code) -> bool {
    said.contains(&code.to_string()) || said.contains(&format!(r#""code":"{}""#, code.name))
}

/// Plays all rows of a table, so that one failure does not hide the next.
fn play<World>(world: &mut World, rows: &[Row<World>]) {
    let missing = rows.iter().filter_map(|(code, provoke)| {
        let said = provoke(world);
        (!says(&said, code)).then(|| format!("{code} is missing in:\n{said}\n"))
    });
    let missing: Vec<String> = missing.collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_code_has_a_row() {
    fn names<World>(rows: &[Row<World>]) -> impl Iterator<Item = &'static str> {
        rows.iter().map(|(code, _)| code.name)
    }
    let rows: BTreeSet<&str> = names(authority::ROWS)
        .chain(names(client::ROWS))
        .chain(names(console::ROWS))
        .chain(names(dns::ROWS))
        .chain(names(documents::ROWS))
        .chain(names(edge::ROWS))
        .chain(names(host::ROWS))
        .chain(names(keys::ROWS))
        .chain(names(lists::ROWS))
        .chain(names(openid::ROWS))
        .chain(names(operation::ROWS))
        .collect();
    let missing = codes::all().filter(|code| !rows.contains(code.name)).map(ToString::to_string);
    let missing: Vec<String> = missing.collect();
    assert!(missing.is_empty(), "these have no row: {}", missing.join(", "));
}

#[test]
fn a_code_that_is_not_said_is_noticed() {
    let code = &codes::CLOCK_SKEW;
    assert!(says("no (KM-203 clock-skew)", code) && says(r#"{"code":"clock-skew"}"#, code));
    assert!(!says("KM-204 edition-unknown", code) && !says(r#"{"reason":"clock-skew"}"#, code));
}

#[test]
fn the_rules_of_a_host() {
    play(&mut host::Served::new(), host::ROWS);
}

#[test]
fn a_server_with_rude_clients_and_a_bad_disk() {
    play(&mut host::Served::new(), edge::ROWS);
}

#[test]
fn those_who_administer_a_host() {
    play(&mut console::Administered::new(), console::ROWS);
}

#[test]
fn the_rules_of_an_authority() {
    play(&mut authority::Publishing::new(), authority::ROWS);
}

#[test]
fn machines_in_their_network() {
    play(&mut Site::new(), client::ROWS);
}

#[test]
fn keys_documents_and_the_operation_of_a_host() {
    let mut site = Site::new();
    play(&mut site, keys::ROWS);
    play(&mut site, documents::ROWS);
    play(&mut site, operation::ROWS);
}

#[test]
fn lists_of_machines() {
    play(&mut lists::Place::new(), lists::ROWS);
}

#[test]
fn a_console_with_a_provider() {
    play(&mut openid::Alone::new(), openid::ROWS);
}

#[test]
fn name_servers() {
    play(&mut dns::Names::new(), dns::ROWS);
}
