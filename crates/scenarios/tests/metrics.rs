//! What Prometheus reads from a real host: whether the text is sound and the numbers are right, and whether the dashboard,
//! the alerts and the reference page name metrics that there are.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{Host, PATIENCE, Place, poll};
use keymuster_core::request::Act;
use keymuster_core::time::DAY;
use keymuster_scenarios::console::{Answer, PASSWORD};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{self, Authority};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_service::Env;
use serde_json::Value;

const THRESHOLD: u32 = 3;

/// A host whose clients have asked: two were refused before the third and the fourth reached the threshold; one of them has
/// a seat, and one had.
fn asked(place: &Place) -> Host {
    let host = place.start();
    let mut machines: Vec<Machine> = (0..4).map(|_| Machine::new(&Env::system())).collect();
    for machine in &mut machines {
        host.activate(&place.request(machine, Act::Activate, VOLUME_EDITION));
    }
    for machine in &mut machines[..2] {
        assert_eq!(host.activate(&place.request(machine, Act::Activate, SEAT_EDITION)).status, 200);
    }
    assert_eq!(host.release(&place.request(&mut machines[0], Act::Release, SEAT_EDITION)).status, 204);
    host
}

/// A scrape that has the states of clients, which come with the first look at the ledger and may be a moment late.
fn scrape(place: &Place, host: &Host, token: &str) -> Answer {
    let (console, header) = (host.console(&place.data_dir), format!("Bearer {token}"));
    poll("the states of clients", || {
        let answer = console.send("GET", "/metrics", &[("authorization", &header)], "").unwrap();
        (answer.status != 200 || answer.body.contains("keymuster_host_clients{")).then_some(answer)
    })
}

/// A token of a program that may look.
fn token(place: &Place, host: &Host) -> String {
    let console = host.console(&place.data_dir);
    console.run(&["account", "add", "prometheus", "--role", "viewer"], PASSWORD).unwrap();
    console.token("prometheus", &["look"]).unwrap()
}

/// What a text says: each family with its kind, each series with its number.
#[derive(Default, Debug)]
struct Scrape {
    families: BTreeMap<String, String>,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    /// Reads a text as strictly as OpenMetrics demands it.
    fn parse(text: &str) -> Scrape {
        let mut scrape = Scrape::default();
        let mut family = (String::new(), String::new());
        let mut helped = String::new();
        let body = text.strip_suffix("# EOF\n").expect("the text ends with its mark");
        for line in body.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').unwrap();
                assert!(words.ends_with('.') && !scrape.families.contains_key(name), "{line}");
                helped = name.to_owned();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, helped, "a type stands behind the help of its family");
                family = (name.to_owned(), kind.to_owned());
                scrape.families.insert(family.0.clone(), family.1.clone());
            } else {
                let (series, number) = line.rsplit_once(' ').unwrap();
                check_series(series, &family.0, &family.1);
                let number: f64 = number.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                assert!(scrape.series.insert(series.to_owned(), number).is_none(), "twice: {line}");
            }
        }
        scrape
    }

    /// Names as queries write them.
    fn names(&self) -> BTreeSet<String> {
        let names = |(name, kind): (&String, &String)| -> Vec<String> {
            suffixes(kind).iter().map(|suffix| format!("{name}{suffix}")).collect()
        };
        self.families.iter().flat_map(names).collect()
    }

    /// A number of a host.
    fn number(&self, series: &str) -> f64 {
        self.whole(&format!("keymuster_host_{series}"))
    }

    fn whole(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("{series} is missing in {:#?}", self.series))
    }
}

fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "gauge" => &[""],
        "counter" => &["_total"],
        "histogram" => &["_bucket", "_sum", "_count"],
        other => panic!("no kind of a metric here: {other}"),
    }
}

/// A series is of its family, with labels in quotes.
fn check_series(series: &str, family: &str, kind: &str) {
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{series} stands under {family}"));
    assert!(suffixes(kind).contains(&suffix), "{series} does not end as a {kind}");
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("{series} has no end"));
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (key, value) = label.split_once('=').unwrap();
        assert!(key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{series}");
        assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{series}");
    }
}

#[test]
fn a_scrape_tells_what_was_granted_and_refused() {
    let place = Place::new(Publisher::new(THRESHOLD, 3));
    let host = asked(&place);
    let token = token(&place, &host);
    let mut kept_open = host.connect();
    kept_open.send(format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", host.clients).as_bytes()).unwrap();
    assert_eq!(kept_open.answer().unwrap().status, 200);
    let answer = scrape(&place, &host, &token);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let found = Scrape::parse(&answer.body);
    for (series, number) in [
        ("requests_total{publisher=\"fixture\",outcome=\"granted\"}", 4.0),
        ("requests_total{publisher=\"fixture\",outcome=\"released\"}", 1.0),
        ("requests_total{publisher=\"fixture\",outcome=\"threshold-not-met\"}", 2.0),
        ("family_counted_clients{publisher=\"fixture\",family=\"family\"}", 4.0),
        ("family_threshold_clients{publisher=\"fixture\",family=\"family\",threshold=\"3\"}", 3.0),
        ("family_silent_clients{publisher=\"fixture\",family=\"family\"}", 0.0),
        ("clients{publisher=\"fixture\",edition=\"volume\",state=\"licensed\"}", 2.0),
        ("clients{publisher=\"fixture\",edition=\"volume\",state=\"refused\"}", 2.0),
        ("pool_seats{publisher=\"fixture\",pool=\"pool\"}", 3.0),
        ("pool_held_seats{publisher=\"fixture\",pool=\"pool\"}", 1.0),
        ("unavailable{reason=\"read-only\"}", 0.0),
        ("answers_clients", 1.0),
        ("dns_publishing", 0.0),
        ("dns_failing", 0.0),
        ("ledger_sequence", 5.0),
        ("ledger_epoch", 1.0),
        ("queue_requests", 0.0),
        ("windows_hellos_total", 0.0),
        ("tls_failing", 0.0),
        (concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(found.number(series), number, "{series}");
    }
    let now = Env::system().now().as_secs() as f64;
    let is_now = |series: &str| (now - found.number(series)).abs() < PATIENCE.as_secs_f64() * 3.0;
    for series in ["start_time_seconds", "time_seconds", "ledger_newest_entry_timestamp_seconds"] {
        assert!(is_now(series), "{series} is not now: {found:#?}");
    }
    let ends = found.series.iter().filter(|(series, _)| series.starts_with("keymuster_host_entitlement_end_timestamp"));
    let ends: Vec<f64> = ends.map(|(_, end)| (end - now) / DAY as f64).collect();
    assert!(ends.len() == 1 && (224.0..=225.0).contains(&ends[0]), "{ends:?} days");
    let ten_years = now + 3_000.0 * DAY as f64;
    assert!(found.number("tls_certificate_end_timestamp_seconds") > ten_years, "its own certificate is shown");
    assert!(found.number("connections") >= 1.0 && found.number("max_connections") >= 1000.0);
    assert!(found.number("commit_duration_seconds_count") >= 1.0 && found.number("database_size_bytes") > 4096.0);

    drop(kept_open);
    // A count goes on where it was, also for a host that was started again.
    host.stop();
    let host = place.start();
    host.activate(&place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION));
    let found = Scrape::parse(&scrape(&place, &host, &token).body);
    assert_eq!(found.number("requests_total{publisher=\"fixture\",outcome=\"granted\"}"), 5.0);
    host.stop();
}

#[test]
fn nobody_reads_them_without_a_token() {
    let place = Place::new(Publisher::new(THRESHOLD, 1));
    let host = place.start();
    let console = host.console(&place.data_dir);
    for headers in [&[][..], &[("authorization", "Bearer kmt_unknown")]] {
        let answer = console.send("GET", "/metrics", headers, "").unwrap();
        assert_eq!(
            (answer.status, answer.json().unwrap()["code"].as_str()),
            (401, Some("not-signed-in")),
            "{answer:?}"
        );
        assert!(!answer.body.contains("keymuster_host"), "{answer:?}");
    }
    assert_eq!(host.get(host.clients, "/metrics").status, 404, "clients have no such route");
    host.stop();
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let of_programs =
        |word: &&str| ["keymuster_host_", "keymuster_authority_"].iter().any(|begin| word.starts_with(begin));
    words.filter(of_programs).map(str::to_owned).collect()
}

#[test]
fn dashboard_alerts_and_reference_name_what_there_is() {
    let place = Place::new(Publisher::new(THRESHOLD, 3));
    let host = asked(&place);
    let found = Scrape::parse(&scrape(&place, &host, &token(&place, &host)).body);
    host.stop();
    let of_authority = Scrape::parse(&authority_scrape().body);
    let names = &found.names() | &of_authority.names();
    for path in [
        "packaging/grafana/keymuster-host.json",
        "packaging/grafana/keymuster-authority.json",
        "packaging/prometheus/keymuster.rules.yml",
    ] {
        let named = named(&read(path));
        assert!(named.len() > 5, "{path} names {named:?}");
        let unknown: Vec<_> = named.difference(&names).collect();
        assert!(unknown.is_empty(), "{path} names metrics that no program has: {unknown:?}");
    }
    for (path, scrape) in [("docs/reference/metrics.md", found), ("docs/reference/authority-metrics.md", of_authority)]
    {
        let page = read(path);
        let documented: BTreeSet<String> =
            page.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
        let as_documented = |(name, kind): (&String, &String)| {
            if kind == "counter" { format!("{name}_total") } else { name.clone() }
        };
        let exported: BTreeSet<String> = scrape.families.iter().map(as_documented).collect();
        assert_eq!(documented, exported, "{path}");
    }
}

/// What an authority tells that has answered a host.
fn authority_scrape() -> Answer {
    let directory = tempfile::tempdir().unwrap();
    let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
    let key = aurora.mint_host_key("server-c-2026", &[]).unwrap();
    let host = estate::Host::new(directory.path(), 0).unwrap();
    host.add_publisher(directory.path(), "aurora").unwrap();
    host.run(&["install-key"], &key).unwrap();
    host.run(&["activate"], "").unwrap();
    let console = aurora.console().unwrap();
    console.run(&["account", "add", "prometheus", "--role", "viewer"], PASSWORD).unwrap();
    let token = console.token("prometheus", &["look"]).unwrap();
    let header = format!("Bearer {token}");
    let answer = console.send("GET", "/metrics", &[("authorization", &header)], "").unwrap();
    assert_eq!(console.send("GET", "/metrics", &[], "").unwrap().status, 401);
    answer
}

#[test]
fn an_authority_tells_what_it_has_and_decided() {
    let answer = authority_scrape();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let found = Scrape::parse(&answer.body);
    for (series, number) in [
        ("decisions_total{kind=\"entitlement\"}", 1.0),
        ("customers", 1.0),
        ("hosts", 1.0),
        ("ending_hosts", 0.0),
        ("waiting_proposals", 0.0),
        ("low_maks", 0.0),
        ("unavailable", 0.0),
        ("tls_failing", 0.0),
        ("catalogue_version", 1.0),
    ] {
        assert_eq!(found.whole(&format!("keymuster_authority_{series}")), number, "{series}");
    }
    let now = Env::system().now().as_secs() as f64;
    let ends =
        |name: &str| (found.whole(&format!("keymuster_authority_{name}_end_timestamp_seconds")) - now) / DAY as f64;
    assert!(ends("issuer") > 300.0 && ends("tls_certificate") > 3_000.0, "{found:#?}");
    assert!(found.whole("keymuster_authority_database_size_bytes") > 4096.0);
}

#[test]
fn the_dashboards_ask_for_their_source_alone() {
    for dashboard in ["host", "authority"] {
        check_dashboard(
            &serde_json::from_str(&read(&format!("packaging/grafana/keymuster-{dashboard}.json"))).unwrap(),
        );
    }
}

fn check_dashboard(dashboard: &Value) {
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!((&variables[0]["name"], &variables[0]["type"]), (&"datasource".into(), &"datasource".into()));
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels have this id: {panel}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
            assert!(panel["targets"].as_array().is_some_and(|targets| !targets.is_empty()), "{panel}");
        }
    }
}
