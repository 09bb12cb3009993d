//! Several servers of one host on one PostgreSQL: counts, seats and ledger are those of one host, and any server may end.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{Host, Ledger, Place, poll, refused, same};
use keymuster_core::request::{Act, ClientRequest};
use keymuster_host::site::Home;
use keymuster_host::{acts, store};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::{Answer, Machine};
use keymuster_scenarios::postgres::Cluster;
use keymuster_scenarios::programs;
use keymuster_service::Env;
use keymuster_service::console::By;
use keymuster_service::database::Address;
use keymuster_service::sql::{Connection, Value};
use tempfile::TempDir;

const DATABASE: &str = "keymuster";

/// Pages and lists of the console, in all orders and by what they are looked through.
const PAGES: [&str; 27] = [
    "/",
    "/clients",
    "/refusals",
    "/seats",
    "/audit",
    "/keys",
    "/products",
    "/clones",
    "/exchange",
    "/dns",
    "/settings",
    "/codes",
    "/clients?search=machine",
    "/clients?search=machine&sort=name",
    "/clients?sort=lease-end",
    "/clients?sort=asked",
    "/clients?sort=first-seen",
    "/clients?state=licensed",
    "/clients?state=refused",
    "/clients?state=released",
    "/clients?shared=yes",
    "/clients?address=127",
    "/clients?edition=volume",
    "/refusals?search=machine",
    "/audit?search=x",
    "/clients.csv",
    "/audit.csv",
];

/// A host on a database of its own, with the data directories of two servers.
struct Site {
    place: Place,
    other: PathBuf,
    cluster: Cluster,
}

fn cluster() -> Cluster {
    let cluster = Cluster::start().unwrap();
    cluster.create(DATABASE).unwrap();
    cluster
}

fn address(cluster: &Cluster) -> Address {
    Address { url: cluster.address(DATABASE), password_file: None, ca_file: None }
}

impl Site {
    fn new(publisher: Publisher) -> Site {
        let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
        let data_dir = directory.path().join("host");
        fs::create_dir(&data_dir).unwrap();
        address(&cluster).settle(&data_dir).unwrap();
        let other = directory.path().join("other");
        let place = Place::within(directory, publisher);
        fs::create_dir(&other).unwrap();
        for entry in fs::read_dir(&data_dir).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, other.join(path.file_name().unwrap())).unwrap();
        }
        assert!(!data_dir.join(store::FILE_NAME).exists(), "nothing is in a file");
        Site { place, other, cluster }
    }

    fn start(&self) -> [Host; 2] {
        [self.place.start(), Host::start(&self.other, std::process::Stdio::null())]
    }

    /// Starts both so that each has its log beside its data directory.
    fn start_with_logs(&self) -> [(Host, PathBuf); 2] {
        [&self.place.data_dir, &self.other].map(|data_dir| {
            let log = data_dir.with_extension("log");
            (Host::start(data_dir, fs::File::create(&log).unwrap().into()), log)
        })
    }

    /// Lets machines ask one server each at the same time.
    fn ask(&self, hosts: &[Host; 2], machines: &mut [Machine], edition: u16) -> Vec<Answer> {
        thread::scope(|scope| {
            let asking: Vec<_> = machines
                .iter_mut()
                .enumerate()
                .map(|(number, machine)| {
                    let request = self.place.request(machine, Act::Activate, edition);
                    scope.spawn(move || hosts[number % 2].activate(&request))
                })
                .collect();
            asking.into_iter().map(|asking| asking.join().unwrap()).collect()
        })
    }

    fn ledger(&self) -> Ledger {
        Ledger::read(&mut store::open_read_only(&self.place.data_dir).unwrap()).unwrap()
    }
}

fn machines(number: usize) -> Vec<Machine> {
    (0..number).map(|_| Machine::new(&Env::system())).collect()
}

#[test]
fn one_of_two_gets_the_last_seat() {
    const ROUNDS: usize = 100;
    let site = Site::new(Publisher::new(1, 3));
    let hosts = site.start();
    let mut holders = machines(2);
    assert!(site.ask(&hosts, &mut holders, SEAT_EDITION).iter().all(|answer| answer.status == 200));
    let mut won = [0, 0];
    for round in 0..ROUNDS {
        let mut racers = machines(2);
        let answers = site.ask(&hosts, &mut racers, SEAT_EDITION);
        let winner = answers.iter().position(|answer| answer.status == 200).unwrap();
        refused(&answers[1 - winner], 403, "seats-exhausted");
        won[winner] += 1;
        // The other server takes the seat back.
        let given_back = site.place.request(&mut racers[winner], Act::Release, SEAT_EDITION);
        let released = hosts[(winner + round) % 2].release(&given_back);
        assert!((200..300).contains(&released.status), "{released:?}");
    }
    assert_eq!(won.iter().sum::<usize>(), ROUNDS);
    let entries = site.ledger().len();
    assert_eq!(entries, 2 + 2 * ROUNDS as u64, "one ledger has all leases and releases");
}

#[test]
fn a_threshold_is_counted_over_both_servers_and_by_one_each() {
    const NEED: usize = 60;
    let site = Site::new(Publisher::new(NEED as u32, 1));
    let hosts = site.start();
    let mut fleet = machines(NEED);
    let first = site.ask(&hosts, &mut fleet, VOLUME_EDITION);
    let mut counts = BTreeSet::new();
    let mut granted = 0;
    for answer in &first {
        if answer.status == 200 {
            granted += 1;
        } else {
            counts.insert(refused(answer, 403, "threshold-not-met")["count"].as_u64().unwrap());
        }
    }
    assert_eq!(granted, 1, "the last one is granted at once");
    assert_eq!(counts, (1..NEED as u64).collect(), "each was counted as the next one, whichever server it asked");
    // Nobody counts twice, and everybody is granted wherever they ask.
    fleet.reverse();
    assert!(site.ask(&hosts, &mut fleet, VOLUME_EDITION).iter().all(|answer| answer.status == 200));
    for host in &hosts {
        let status = host.get(host.administration, "/metrics");
        assert_ne!(status.status, 500);
    }
    let counted = |dir: &Path| {
        let said = run(dir, &["status", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        json.to_string().contains("\"count\":60")
    };
    assert!(counted(&site.place.data_dir) && counted(&site.other), "both directories show the same count");
}

#[test]
fn a_server_that_is_killed_loses_nothing_and_the_other_goes_on() {
    const BEFORE: usize = 40;
    const AFTER: usize = 40;
    let site = Site::new(Publisher::new(1, 1));
    let [mut one, two] = site.start();
    let done = AtomicUsize::new(0);
    let mut acknowledged = BTreeSet::new();
    let address_of_one = one.clients;
    thread::scope(|scope| {
        let load = |address, enough: usize| {
            let (site, done) = (&site, &done);
            scope.spawn(move || {
                let mut granted = Vec::new();
                while done.load(Ordering::Relaxed) < enough {
                    let mut machine = Machine::new(&Env::system());
                    let request = site.place.request(&mut machine, Act::Activate, VOLUME_EDITION);
                    let connection = keymuster_scenarios::load::Connection::open(address);
                    let Ok(answer) = connection.and_then(|mut connection| connection.post("/v1/activate", &request))
                    else {
                        // The killed one answers nobody any more.
                        return granted;
                    };
                    assert_eq!(answer.status, 200, "{answer:?}");
                    granted.push(ClientRequest::verify(&request).unwrap().request.to_string());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                granted
            })
        };
        let loads: Vec<_> = [address_of_one, address_of_one, two.clients, two.clients]
            .into_iter()
            .map(|address| load(address, BEFORE + AFTER))
            .collect();
        poll("half of the leases", || (done.load(Ordering::Relaxed) >= BEFORE).then_some(()));
        one.running.kill().unwrap();
        for load in loads {
            acknowledged.extend(load.join().unwrap());
        }
    });
    assert!(acknowledged.len() >= BEFORE + AFTER);
    let stored = site.ledger().requests().unwrap();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and missing: {lost:?}");
    // It comes back as if nothing had happened.
    let one = site.place.start();
    let mut machine = Machine::new(&Env::system());
    let request = site.place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    let answer = one.activate(&request);
    site.place.verify(&answer, &request);
    same(&two.activate(&request), &answer, "a retry at the other server");
}

#[test]
fn settings_accounts_and_sessions_are_those_of_both() {
    let site = Site::new(Publisher::new(1, 1));
    let [one, mut two] = site.start();
    // The one-time token of the server that started last is the one that counts.
    let signed_in = two.console(&site.other).claim(&mut two.running).unwrap();
    let console = one.console(&site.place.data_dir);
    let page = |path: &str| console.send("GET", path, &[("cookie", &signed_in.cookie)], "").unwrap();
    assert_eq!(page("/").status, 200, "the session counts at the other server");
    run(&site.other, &["set", "history-days", "123"]);
    assert!(run(&site.place.data_dir, &["settings"]).contains("123"));
    assert!(signed_in.get("/settings").unwrap().body.contains("123"));
    assert!(run(&site.other, &["audit"]).contains("history-days"), "one audit");
    run(&site.place.data_dir, &["audit", "--check"]);
}

#[test]
fn every_page_and_act_of_administrators_works() {
    let site = Site::new(Publisher::new(3, 2));
    let mut servers = site.start_with_logs();
    let [(one, _), (two, _)] = &mut servers;
    let signed_in = two.console(&site.other).claim(&mut two.running).unwrap();
    let hosts = [&*one, &*two];
    let ask = |at: usize, machine: &mut Machine, edition| {
        hosts[at].activate(&site.place.request(machine, Act::Activate, edition))
    };
    let mut fleet = machines(5);
    // Three clients are counted, two hold the seats, and the rest wait for one.
    for (number, machine) in fleet.iter_mut().enumerate() {
        ask(number % 2, machine, VOLUME_EDITION);
        ask((number + 1) % 2, machine, SEAT_EDITION);
    }
    let look = || {
        for path in PAGES {
            let answer = signed_in.get(path).unwrap();
            let log = || fs::read_to_string(site.other.with_extension("log")).unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", log());
        }
    };
    look();
    assert!(signed_in.get("/clients.csv").unwrap().body.matches(&fleet[4].id.to_string()).count() >= 1);

    let mut home = Home::open(&site.place.data_dir, &Env::system()).unwrap();
    let by = By::local_user(Env::system().now());
    let (publisher, reason) = (&site.place.publisher.trust.publisher, "she has left".parse().unwrap());
    let pool = "pool".parse().unwrap();
    // The last ones have volume leases, and the first ones seats.
    let (holder, counted) = (fleet[0].id, fleet[4].id);
    acts::seat::reclaim(&mut home, &by, (publisher, &pool), holder, &reason).unwrap();
    acts::client::release(&mut home, &by, publisher, counted, &reason).unwrap();
    look();
    let mut released = fleet[4].clone();
    for at in [0, 1] {
        refused(&ask(at, &mut released, VOLUME_EDITION), 403, "client-released");
    }
    let by = By::local_user(Env::system().now());
    acts::client::keep(&mut home, &by, publisher, counted, &reason).unwrap();
    for at in [1, 0] {
        assert_eq!(ask(at, &mut released, VOLUME_EDITION).status, 200);
    }
    look();
    run(&site.other, &["remove-key"]);
    for (_, log) in &servers {
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("serving") && !log.contains("ERROR") && !log.contains("panicked"), "{log}");
    }
}

#[test]
fn a_database_that_is_away_is_said_and_found_again() {
    let site = Site::new(Publisher::new(1, 1));
    let hosts = site.start();
    let mut machine = Machine::new(&Env::system());
    let mut ask = |host: &Host| host.activate(&site.place.request(&mut machine, Act::Activate, VOLUME_EDITION));
    assert_eq!(ask(&hosts[0]).status, 200);
    site.cluster.crash().unwrap();
    for host in &hosts {
        refused(&ask(host), 503, "host-read-only");
        assert_eq!(host.get(host.administration, "/readyz").status, 503);
    }
    site.cluster.resume().unwrap();
    for host in &hosts {
        poll("the database", || (ask(host).status == 200).then_some(()));
        poll("readiness", || (host.get(host.administration, "/readyz").status == 200).then_some(()));
    }
    assert_eq!(site.ledger().len(), 3);
}

#[test]
fn a_node_that_is_silent_is_passed_over() {
    let (cluster, directory, silent) = (cluster(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // It takes connections, as a machine does whose programs stand still.
    let _silent = std::os::unix::net::UnixListener::bind(silent.path().join(".s.PGSQL.5432")).unwrap();
    let url = cluster.address_behind(silent.path(), DATABASE);
    fs::create_dir(directory.path().join("host")).unwrap();
    Address { url, password_file: None, ca_file: None }.settle(&directory.path().join("host")).unwrap();
    let place = Place::within(directory, Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    assert_eq!(host.activate(&place.request(&mut machine, Act::Activate, VOLUME_EDITION)).status, 200);
}

#[test]
fn a_database_that_falls_silent_is_said_and_found_again() {
    let site = Site::new(Publisher::new(1, 1));
    let hosts = site.start();
    let mut machine = Machine::new(&Env::system());
    let mut ask = |host: &Host| host.activate(&site.place.request(&mut machine, Act::Activate, VOLUME_EDITION));
    assert!(hosts.iter().all(|host| ask(host).status == 200));
    site.cluster.freeze(true).unwrap();
    let answers = hosts.each_ref().map(&mut ask);
    site.cluster.freeze(false).unwrap();
    for answer in &answers {
        refused(answer, 503, "host-read-only");
    }
    for host in &hosts {
        poll("the database", || (ask(host).status == 200).then_some(()));
    }
    site.ledger();
}

#[test]
fn a_server_that_falls_silent_within_a_transaction_does_not_keep_the_others_waiting() {
    let site = Site::new(Publisher::new(1, 1));
    let [_one, two] = site.start();
    let mut home = Home::open(&site.place.data_dir, &Env::system()).unwrap();
    let held = home.db.writing().unwrap();
    let mut machine = Machine::new(&Env::system());
    poll("the lock", || {
        let answer = two.activate(&site.place.request(&mut machine, Act::Activate, VOLUME_EDITION));
        assert!(answer.status == 200 || answer.status == 503, "{answer:?}");
        (answer.status == 200).then_some(())
    });
    assert!(held.commit().is_err(), "what it would have written is undone");
}

#[test]
fn a_database_that_could_lose_what_it_acknowledges_is_refused() {
    let site = Site::new(Publisher::new(1, 1));
    site.cluster.sql("postgres", &format!("ALTER DATABASE {DATABASE} SET synchronous_commit = off")).unwrap();
    let (code, said) = common::fails_to_serve(&site.place.data_dir, &[]);
    assert!(code == Some(3) && said.contains("synchronous_commit is off"), "{code:?} {said}");
    site.cluster.sql("postgres", &format!("ALTER DATABASE {DATABASE} RESET synchronous_commit")).unwrap();
    for other in ["CockroachDB CCL v24.3.1", "PostgreSQL 11.2-YB-2.18.0.0-b0 on x86_64"] {
        let create = "CREATE OR REPLACE FUNCTION public.version() RETURNS TEXT LANGUAGE SQL AS";
        site.cluster.sql(DATABASE, &format!("{create} $$SELECT TEXT '{other}'$$")).unwrap();
        let order = format!("ALTER DATABASE {DATABASE} SET search_path = public, pg_catalog");
        site.cluster.sql("postgres", &order).unwrap();
        let (_, said) = common::fails_to_serve(&site.place.data_dir, &[]);
        assert!(said.contains("it is no PostgreSQL") && said.contains(other), "{said}");
    }
    site.cluster.sql(DATABASE, "DROP FUNCTION public.version()").unwrap();
    fs::write(site.other.join("host.key"), format!("{}\n", "7".repeat(64))).unwrap();
    let (_, said) = common::fails_to_serve(&site.other, &[]);
    assert!(said.contains("host.key is not the key"), "{said}");
    drop(site.place.start());
}

#[test]
fn everything_moves_to_the_server_and_back() {
    let place = Place::new(Publisher::new(1, 3));
    let mut machines = machines(7);
    let ask = |host: &Host, machines: &mut [Machine]| {
        for (number, machine) in machines.iter_mut().enumerate() {
            let edition = [VOLUME_EDITION, SEAT_EDITION][number % 2];
            assert_eq!(host.activate(&place.request(machine, Act::Activate, edition)).status, 200);
        }
    };
    let mut host = place.start();
    let signed_in = host.console(&place.data_dir).claim(&mut host.running).unwrap();
    ask(&host, &mut machines[..6]);
    assert!(signed_in.get("/").is_ok());
    host.stop();
    run(&place.data_dir, &["set", "history-days", "321"]);
    let before = content(&place.data_dir);

    let cluster = cluster();
    let url = cluster.address(DATABASE);
    let said = run(&place.data_dir, &["store", "migrate", "--to", &url]);
    assert!(said.contains("nothing was granted for "), "{said}");
    assert!(!place.data_dir.join(store::FILE_NAME).exists());
    check_moved(&before, content(&place.data_dir));
    let mut host = place.start();
    ask(&host, &mut machines);
    let console = host.console(&place.data_dir);
    assert_eq!(console.send("GET", "/", &[("cookie", &signed_in.cookie)], "").unwrap().status, 200);
    let (_, said) = fails(&place.data_dir, &["store", "migrate", "--to", "file"]);
    assert!(said.contains("stop it"), "{said}");
    host.running.kill().unwrap();
    // A command notes the configuration, which has no ports any more.
    run(&place.data_dir, &["settings"]);
    let before = content(&place.data_dir);

    run(&place.data_dir, &["store", "migrate", "--to", "file"]);
    assert!(place.data_dir.join(store::FILE_NAME).exists());
    check_moved(&before, content(&place.data_dir));
    assert_eq!(cluster.sql(DATABASE, "SELECT count(*) FROM host").unwrap().trim(), "0", "nobody goes on there");
    let host = place.start();
    ask(&host, &mut machines);
    assert_eq!(Ledger::read(&mut store::open_read_only(&place.data_dir).unwrap()).unwrap().len(), 6 + 7 + 7);
    host.stop();
    // What is left there is not mixed with anything.
    let (_, said) = fails(&place.data_dir, &["store", "migrate", "--to", &url]);
    assert!(said.contains("has rows already"), "{said}");
    drop(place.start());
}

/// Everything but the entry that tells of the move.
fn check_moved(before: &[String], after: Vec<String>) {
    let is_told = |row: &&String| row.starts_with("audit ") && row.contains("store moved");
    let told: Vec<String> = after.iter().filter(is_told).filter(|row| !before.contains(row)).cloned().collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let after: Vec<String> = after.into_iter().filter(|row| *row != told[0]).collect();
    assert!(!before.is_empty());
    let missing: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(missing.is_empty() && new.is_empty(), "missing {missing:#?}, and new {new:#?}");
    assert_eq!(before.len(), after.len());
}

/// Every row of every table, wherever they are, read without the code that moves them.
fn content(data_dir: &Path) -> Vec<String> {
    let (directory, scratch): (TempDir, _) = (tempfile::tempdir().unwrap(), "scratch.db");
    let model = store::connect_file(&directory.path().join(scratch)).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = model.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let db: Connection = store::open_read_only(data_dir).unwrap();
    let mut rows = Vec::new();
    for table in texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_reader' ORDER BY name")
    {
        let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"));
        let mut statement = db.prepare(&format!("SELECT {} FROM {table}", columns.join(", "))).unwrap();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<Value> = (0..columns.len()).map(|column| row.get(column).unwrap()).collect();
            rows.push(format!("{table} {values:?}"));
        }
    }
    rows.sort();
    rows
}

/// Runs a command on a data directory, and returns what it prints.
fn run(data_dir: &Path, arguments: &[&str]) -> String {
    let output = programs::command("keymuster-host").unwrap().arg("--data-dir").arg(data_dir).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that fails.
fn fails(data_dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = programs::command("keymuster-host").unwrap().arg("--data-dir").arg(data_dir).args(arguments).output();
    let output = output.unwrap();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
