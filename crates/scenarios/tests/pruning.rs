//! A host that has forgotten what is too old: nobody notices, and every total is what it was.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::{Host, Place, poll};
use keymuster_core::id::{from_hex, to_hex};
use keymuster_core::ledger::Head;
use keymuster_core::request::Act;
use keymuster_core::time::DAY;
use keymuster_host::store::{self, ledger};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_scenarios::programs;
use keymuster_service::Env;
use serde_json::Value;

/// Machines, of which the first half has gone.
const MACHINES: usize = 1400;

fn status(place: &Place) -> Value {
    let mut command = programs::command("keymuster-host").unwrap();
    let output = command.arg("--data-dir").arg(&place.data_dir).args(["status", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn one(place: &Place, sql: &str) -> i64 {
    place.read().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What is counted over all times, and what the host shows of itself that must not change.
fn totals(place: &Place) -> (Vec<(i64, String, u64)>, [Value; 4]) {
    let mut db = place.read();
    let totals = store::tally::totals(&db.transaction().unwrap()).unwrap();
    let status = status(place);
    let publisher = &status["publishers"][0];
    let family = publisher["families"][0]["count"].clone();
    let shown = [&publisher["counters"], &publisher["requests_last_day"], &family, &status["ledger_sequence"]];
    (totals, shown.map(Value::clone))
}

fn ask(place: &Place, host: &Host, machine: &mut Machine) {
    let request = place.request(machine, Act::Activate, VOLUME_EDITION);
    place.verify(&host.activate(&request), &request);
}

#[test]
fn what_is_too_old_goes_and_no_total_changes() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let env = Env::system();
    let mut machines: Vec<Machine> = (0..MACHINES).map(|_| Machine::new(&env)).collect();
    let mut connection = host.connect();
    for machine in &mut machines {
        let request = place.request(machine, Act::Activate, VOLUME_EDITION);
        assert_eq!(connection.post("/v1/activate", &request).unwrap().status, 200);
    }
    drop(connection);
    host.stop();
    let (half, years) = (MACHINES / 2, 1000 * DAY);
    place.tamper(&format!("UPDATE ledger SET recorded_at = recorded_at - {years} WHERE sequence <= {half}"));
    place.tamper(&format!(
        "UPDATE client SET last_asked = last_asked - {years}, lease_expires = lease_expires - {years} \
         WHERE lease_sequence <= {half}"
    ));
    place.tamper(&format!(
        "INSERT INTO tally (hour, publisher, outcome, requests) \
         SELECT (hour - {years}) / 3600 * 3600, publisher, outcome, {half} FROM tally LIMIT 1"
    ));
    let before = totals(&place);

    let host = place.start();
    let history = poll("the end of the pruning", || {
        let history = status(&place)["history"].clone();
        (history["ledger_pruned"] == half).then_some(history)
    });
    assert_eq!((&history["days"], &history["clients_pruned"]), (&730.into(), &half.into()), "{history}");
    assert_eq!(totals(&place), before);
    assert_eq!(one(&place, "SELECT count(*) FROM client"), (MACHINES - half) as i64);
    assert_eq!(one(&place, "SELECT count(*) FROM client_detail"), (MACHINES - half) as i64);
    assert_eq!(one(&place, "SELECT min(sequence) FROM ledger"), half as i64 + 1);
    assert_eq!(one(&place, "SELECT count(*) FROM tally WHERE hour > 0 AND hour < 1750000000"), 0);
    follows_from_the_checkpoint(&place);

    // Who stayed renews, and who was forgotten is welcome.
    ask(&place, &host, &mut machines[MACHINES - 1]);
    ask(&place, &host, &mut machines[0]);
    let count = |value: &Value| value["publishers"][0]["families"][0]["count"].as_u64().unwrap();
    assert_eq!(count(&status(&place)), (MACHINES - half) as u64 + 1);
    host.stop();
}

/// The rest of the ledger is what leads on from the newest entry that is gone.
fn follows_from_the_checkpoint(place: &Place) {
    let mut db = place.read();
    let tx = db.transaction().unwrap();
    let sql = "SELECT sequence, head FROM pruned";
    let (sequence, hash): (u32, String) = tx.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut head = Head { sequence: sequence.into(), hash: from_hex(&hash).unwrap() };
    let mut statement = tx.prepare("SELECT sequence, head FROM ledger ORDER BY sequence").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))).unwrap();
    for row in rows {
        let (sequence, stored) = row.unwrap();
        head = head.after(&ledger::entry(&tx, sequence.into()).unwrap().unwrap().payload);
        assert_eq!((head.sequence, to_hex(&head.hash)), (sequence.into(), stored));
    }
    assert_eq!(head.sequence, MACHINES as u64);
}
