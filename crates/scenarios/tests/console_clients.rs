//! What the console tells of clients, held against a model that knows every one of them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::collections::{BTreeSet, HashMap};

use keymuster_core::time::{DAY, Timestamp};
use keymuster_host::site::Site;
use keymuster_host::store;
use keymuster_host::views::clients::{self, ClientRow, Page, Query, Search, State};
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::prepare;
use keymuster_service::{Env, database};

/// A prepared ledger: every hundred clients hold all states that a machine gets into by itself, one name in ten is not
/// sent, and each seventh id is shared.
fn ledger(clients: u64) -> (tempfile::TempDir, keymuster_service::sql::Connection) {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("host");
    prepare::host_with_clients(&data_dir, &Publisher::new(1, 5), clients, 0).unwrap();
    let db = rusqlite::Connection::open(data_dir.join(store::FILE_NAME)).unwrap();
    let change = "UPDATE client_detail SET name = NULL, name_lower = '' WHERE first_asked % 10 = 3; \
                  UPDATE client SET answered_by = 1 WHERE lease_expires = 0 AND last_asked / 100 % 2 = 0; \
                  UPDATE client SET released_at = last_asked, last_asked = 0 WHERE last_asked % 13 = 5; \
                  INSERT INTO release (act, publisher, client_id, edition, at, asked_at) \
                  SELECT 'released', publisher, client_id, edition, released_at, released_at FROM client \
                  WHERE released_at IS NOT NULL; \
                  INSERT INTO shared_identity (publisher, client_id, first_at, newest_at, times, address, other_address) \
                  SELECT publisher, client_id, 1, 2, 1, 'a', 'b' FROM client WHERE last_asked % 7 = 2; \
                  UPDATE client SET edition = 2 WHERE last_asked % 5 = 1";
    db.execute_batch(change).unwrap();
    drop(db);
    let db = database::open_read_only(&data_dir.join(store::FILE_NAME)).unwrap();
    (directory, db)
}

/// All pages of a query, and how many there were.
fn all(
    db: &mut keymuster_service::sql::Connection,
    query: &Query,
    now: Timestamp,
) -> (Vec<ClientRow>, u32, Option<u64>) {
    let tx = db.transaction().unwrap();
    let site = Site::load(&tx).unwrap();
    let (mut query, mut rows, mut pages) = (query.clone(), Vec::new(), 0);
    loop {
        let search = Search::new(&site, &query, now).unwrap();
        let Page { rows: found, next, is_partial, matches } = clients::load(&tx, &search).unwrap();
        let is_full = found.len() == usize::from(query.limit.unwrap());
        assert!(next.is_none() || is_full || is_partial, "a page that is neither full nor partial is the last");
        rows.extend(found);
        pages += 1;
        let Some(next) = next else { return (rows, pages, matches) };
        query.after = next;
    }
}

/// All clients, in the order in which they came.
fn everything(db: &mut keymuster_service::sql::Connection, now: Timestamp) -> Vec<ClientRow> {
    let (mut rows, ..) = all(db, &Query { limit: Some(1000), ..sorted("first-seen", "up") }, now);
    let mut statement = db.prepare("SELECT client_id, number FROM client").unwrap();
    let numbers = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let numbers: HashMap<String, i64> = numbers.map(Result::unwrap).collect();
    rows.sort_by_key(|row| numbers[&row.client]);
    rows
}

/// What a query should find, from a list of everything. Equal ones stay in the order in which they came.
fn expected(everything: &[ClientRow], query: &Query) -> Vec<ClientRow> {
    let begins = |text: &str, begin: &str| text.to_ascii_lowercase().starts_with(&begin.to_ascii_lowercase());
    let is_match = |row: &&ClientRow| {
        let name = row.name.as_deref().unwrap_or_default();
        (begins(name, &query.search) || begins(&row.address, &query.search) || begins(&row.client, &query.search))
            && begins(&row.address, &query.address)
            && (query.edition.is_empty() || row.edition == query.edition)
            && (query.state.is_empty() || row.state.name() == query.state)
            && (query.shared.is_empty() || row.is_shared)
    };
    let mut rows: Vec<ClientRow> = everything.iter().filter(is_match).cloned().collect();
    let key = |row: &ClientRow| match &*query.sort {
        "name" => (row.name.clone().unwrap_or_default().to_ascii_lowercase(), 0),
        "asked" => (String::new(), row.last_asked.unwrap_or(0)),
        "lease-end" => (String::new(), row.lease_expires.unwrap_or(0)),
        _ => (String::new(), row.first_asked),
    };
    rows.sort_by_key(key);
    if query.direction == "down" {
        rows.reverse();
    }
    rows
}

fn sorted(sort: &str, direction: &str) -> Query {
    Query { sort: sort.to_owned(), direction: direction.to_owned(), limit: Some(97), ..Query::default() }
}

const SORTS: [&str; 4] = ["name", "asked", "lease-end", "first-seen"];

#[test]
fn every_search_filter_and_order_finds_what_a_list_of_everything_holds() {
    let (_directory, mut db) = ledger(400);
    let now = Env::system().now();
    let everything = everything(&mut db, now);
    assert_eq!(everything.len(), 400);
    let states: BTreeSet<&str> = everything.iter().map(|row| row.state.name()).collect();
    assert_eq!(states, State::ALL.map(State::name).into(), "the ledger has clients in every state");
    let one = everything.iter().find(|row| row.name.is_some()).unwrap().clone();
    let name = one.name.unwrap();
    let filters: Vec<Query> = [
        Query::default(),
        Query { search: name.clone(), ..Query::default() },
        Query { search: name[..5].to_ascii_uppercase(), ..Query::default() },
        Query { search: "pc-".to_owned(), ..Query::default() },
        Query { search: one.client[..2].to_owned(), ..Query::default() },
        Query { search: one.address.clone(), ..Query::default() },
        Query { search: "nobody".to_owned(), ..Query::default() },
        Query { address: "10.0.1.".to_owned(), ..Query::default() },
        Query { edition: "volume".to_owned(), ..Query::default() },
        Query { edition: "seats".to_owned(), ..Query::default() },
        Query { shared: "yes".to_owned(), ..Query::default() },
        Query { shared: "yes".to_owned(), edition: "seats".to_owned(), search: "1".to_owned(), ..Query::default() },
    ]
    .into_iter()
    .chain(State::ALL.map(|state| Query { state: state.name().to_owned(), ..Query::default() }))
    .collect();
    for filter in filters {
        for (sort, direction) in SORTS.into_iter().flat_map(|sort| [(sort, "up"), (sort, "down")]) {
            let query = Query { search: filter.search.clone(), ..filter.clone() };
            let query = Query { sort: sort.into(), direction: direction.into(), limit: Some(97), ..query };
            let (found, _, matches) = all(&mut db, &query, now);
            let expected = expected(&everything, &query);
            let ids = |rows: &[ClientRow]| rows.iter().map(|row| row.client.clone()).collect::<Vec<_>>();
            assert_eq!(ids(&found), ids(&expected), "{query:?}");
            assert_eq!(found, expected, "{query:?}");
            assert!(matches.is_none_or(|matches| matches == expected.len() as u64), "{query:?}");
        }
    }
}

#[test]
fn a_large_ledger_is_read_in_bounded_pieces_and_each_client_once() {
    let (_directory, mut db) = ledger(9_000);
    let now = Env::system().now();
    let everything = everything(&mut db, now);
    assert_eq!(everything.len(), 9_000);
    let filters = [
        // More than are read through the index of a filter, and less than one row in forty of the list.
        Query { search: "pc-".to_owned(), address: "10.0.1.".to_owned(), shared: "yes".to_owned(), ..Query::default() },
        Query { search: "pc-".to_owned(), ..Query::default() },
        Query { state: "licensed".to_owned(), ..Query::default() },
    ];
    let mut partial = 0;
    for filter in filters {
        for sort in SORTS {
            let query = Query { sort: sort.to_owned(), direction: "up".into(), limit: Some(900), ..filter.clone() };
            let (found, pages, _) = all(&mut db, &query, now);
            let expected = expected(&everything, &query);
            assert!(found == expected, "{query:?}");
            partial += u32::from(pages as usize > expected.len().div_ceil(900).max(1));
        }
    }
    assert!(partial > 0, "some page was partial");
}

#[test]
fn a_query_that_means_nothing_is_refused_by_its_field() {
    let (_directory, mut db) = ledger(3);
    let tx = db.transaction().unwrap();
    let site = Site::load(&tx).unwrap();
    let now = Env::system().now();
    let first = Search::new(&site, &Query { limit: Some(1), ..sorted("name", "up") }, now).unwrap();
    let next = clients::load(&tx, &first).unwrap().next.unwrap();
    let long = "x".repeat(129);
    for (field, query) in [
        ("sort", sorted("size", "up")),
        ("direction", sorted("name", "sideways")),
        ("state", Query { state: "happy".into(), ..Query::default() }),
        ("publisher", Query { publisher: "nobody".into(), ..Query::default() }),
        ("search", Query { search: long.clone(), ..Query::default() }),
        ("address", Query { address: long, ..Query::default() }),
        ("after", Query { after: "nowhere".into(), ..Query::default() }),
        ("after", Query { after: next.clone(), ..sorted("name", "down") }),
    ] {
        assert_eq!(Search::new(&site, &query, now).unwrap_err().field, field, "{query:?}");
    }
    Search::new(&site, &Query { after: next, ..sorted("name", "up") }, now).unwrap();
}

/// The states are those of the documentation, at their borders.
#[test]
fn a_state_begins_and_ends_to_the_second() {
    use keymuster_host::views::clients::{Kept, Terms};
    let now = Timestamp::from_secs(1_800_000_000);
    let kept = |asked_ago, lease: Option<i64>, is_answered| Kept {
        last_asked: now.minus(asked_ago),
        lease_expires: lease
            .map(|secs| if secs < 0 { now.minus(secs.unsigned_abs()) } else { now.plus(secs.unsigned_abs()) }),
        is_released: false,
        is_answered,
    };
    let terms = |is_volume| Terms { is_volume, renew_secs: 7 * DAY };
    let month = i64::try_from(30 * DAY).unwrap();
    for (kept, is_volume, expected) in [
        (kept(0, Some(month + 1), true), true, State::Licensed),
        (kept(14 * DAY, Some(month + 1), true), true, State::Licensed),
        (kept(14 * DAY + 1, Some(month + 1), true), true, State::Overdue),
        (kept(0, Some(month), true), true, State::Ending),
        (kept(0, Some(1), false), true, State::Ending),
        (kept(0, Some(0), true), true, State::Ended),
        (kept(0, Some(1), true), false, State::Licensed),
        (kept(0, Some(-1), true), false, State::Ended),
        (kept(0, None, true), true, State::Returned),
        (kept(0, None, false), true, State::Refused),
        (Kept { is_released: true, ..kept(0, Some(month), true) }, true, State::Released),
    ] {
        assert_eq!(State::of(kept, terms(is_volume), now), expected, "{kept:?}");
    }
}

/// The ids of the clients on a page, and the address of the next one.
fn ids_and_next(html: &str) -> (Vec<String>, Option<String>) {
    let ids = html.split("data-row=\"").skip(1).map(|rest| rest[..32].to_owned()).collect();
    let next = html.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    (ids, next.map(|next| next.replace("&#38;", "&").replace("&amp;", "&")))
}

#[test]
fn the_console_shows_and_exports_what_the_ledger_holds() {
    let (directory, mut db) = ledger(300);
    let data_dir = directory.path().join("host");
    let mut host = common::Host::start(&data_dir, std::process::Stdio::null());
    let ada = host.console(&data_dir).claim(&mut host.running).unwrap();
    let now = Env::system().now();
    let (everything, ..) = all(&mut db, &sorted("name", "up"), now);
    for path in ["/", "/clients", "/refusals", "/seats", "/seats/fixture/pool", "/clones"] {
        let page = ada.get(path).unwrap();
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.len() < 60_000, "{path} has {} bytes", page.body.len());
    }

    let (mut seen, mut path) = (Vec::new(), "/clients?sort=name".to_owned());
    loop {
        let (ids, next) = ids_and_next(&ada.get(&path).unwrap().body);
        seen.extend(ids);
        let Some(next) = next else { break };
        path = next;
    }
    assert_eq!(seen, everything.iter().map(|row| row.client.clone()).collect::<Vec<_>>(), "each client once");

    for (filter, kept) in [("", None), ("&state=ended", Some(State::Ended)), ("&search=nobody", Some(State::Released))]
    {
        let is_kept = |row: &&ClientRow| kept.is_none_or(|state| row.state == state && !filter.contains("nobody"));
        let rows: Vec<&ClientRow> = everything.iter().filter(is_kept).collect();
        let json = ada.get(&format!("/clients.json?sort=name{filter}")).unwrap();
        assert_eq!(json.json().unwrap(), serde_json::to_value(&rows).unwrap(), "{filter}");
        let csv = ada.get(&format!("/clients.csv?sort=name{filter}")).unwrap();
        assert!(csv.header("content-disposition").contains("clients.csv"));
        let lines: Vec<&str> = csv.body.lines().skip(1).collect();
        assert_eq!(lines.len(), rows.len());
        for (line, row) in lines.iter().zip(rows) {
            assert!(line.contains(&row.client) && line.contains(row.state.name()), "{line} for {row:?}");
        }
    }
    assert_eq!(ada.get("/clients?sort=size").unwrap().status, 422);
    assert_eq!(ada.get("/clients/fixture/00000000000000000000000000000000").unwrap().status, 404);

    let one = everything.iter().find(|row| row.state == State::Licensed).unwrap();
    let place = format!("/clients/fixture/{}", one.client);
    assert!(ada.get(&place).unwrap().body.contains("Release this client"));
    assert_eq!(ada.post(&format!("{place}/release"), &[("reason", " ")]).unwrap().status, 422);
    let released = ada.post(&format!("{place}/release"), &[("reason", "it was sold")]).unwrap();
    assert_eq!((released.status, released.header("location")), (303, &*place));
    assert!(ada.get(&place).unwrap().body.contains("Take the release back"));
    assert!(ada.get("/audit").unwrap().body.contains("it was sold"));
    assert_eq!(ada.post(&format!("{place}/keep"), &[("reason", "it came back")]).unwrap().status, 303);
    let (after, ..) = all(&mut db, &sorted("name", "up"), now);
    assert_eq!(after, everything, "as if nothing had been");
    host.stop();
}
