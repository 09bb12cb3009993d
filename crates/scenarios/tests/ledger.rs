//! The ledger of a real host: recomputed, tampered with in every way, and set back to an older copy by hand.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::holder::Holder;
use common::{Host, Place, refused};
use keymuster_core::document::{Signed, payload};
use keymuster_core::id::{ClientId, from_hex};
use keymuster_core::lease::Lease;
use keymuster_core::ledger::Head;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::SecretKey;
use keymuster_host::store::{self, ledger};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::programs;
use serde_json::Value;

/// What a command on a data directory ends with, and says on both channels.
fn said(data_dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = programs::command("keymuster-host").unwrap();
    let output = command.arg("--data-dir").arg(data_dir).args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), out, err)
}

fn json(data_dir: &Path, arguments: &[&str]) -> Value {
    let (_, out, err) = said(data_dir, arguments);
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?}: {out} {err}"))
}

fn proved(data_dir: &Path) -> Value {
    let (exit, out, err) = said(data_dir, &["ledger", "prove", "--json"]);
    assert_eq!(exit, Some(0), "{out}{err}");
    let proof: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&proof["whole"], &proof["wrong"]), (&true.into(), &Value::Null));
    proof["proof"].clone()
}

/// The files of a data directory whose names begin so, put in the place of those in another one.
fn copy(from: &Path, to: &Path, begin: &str) {
    let is_meant = |path: &PathBuf| path.is_file() && path.file_name().unwrap().to_str().unwrap().starts_with(begin);
    let files = |directory: &Path| -> Vec<PathBuf> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).filter(is_meant).collect()
    };
    fs::create_dir_all(to).unwrap();
    files(to).iter().for_each(|old| fs::remove_file(old).unwrap());
    for new in files(from) {
        fs::copy(&new, to.join(new.file_name().unwrap())).unwrap();
    }
}

/// A stopped host with two seats and six entries: a volume lease, seats 1 and 2, the release of 1, seat 3, a renewal.
fn six_entries() -> Place {
    let place = Place::new(Publisher::new(1, 2));
    let host = place.start();
    let [mut volume, mut first, mut second, mut third] = [(); 4].map(|()| Holder::new());
    volume.renew(&place, &host, VOLUME_EDITION);
    first.renew(&place, &host, SEAT_EDITION);
    second.renew(&place, &host, SEAT_EDITION);
    first.release(&place, &host, SEAT_EDITION);
    third.renew(&place, &host, SEAT_EDITION);
    volume.renew(&place, &host, VOLUME_EDITION);
    // Beside the running server.
    let proof = proved(&place.data_dir);
    let numbers = ["entries", "leases", "releases", "clients", "seats", "signatures"].map(|name| proof[name].as_u64());
    assert_eq!(numbers, [6, 5, 1, 4, 2, 3].map(Some), "{proof}");
    host.stop();
    place
}

// Proved and refuted.

#[test]
fn whatever_is_changed_in_the_ledger_is_found() {
    let place = six_entries();
    assert_eq!(proved(&place.data_dir)["mirrored"], 6, "an orderly stop leaves the mirror whole");
    let (exit, out, _) = said(&place.data_dir, &["ledger", "prove"]);
    assert!(exit == Some(0) && out.contains("the ledger is whole, from its beginning"), "{out}");
    let copied = place.data_dir.with_file_name("copy");
    for (sql, entry, why) in [
        ("DELETE FROM ledger WHERE sequence = 3", Some(3), "missing"),
        ("DELETE FROM ledger WHERE sequence = 1", Some(1), "missing"),
        ("DELETE FROM ledger WHERE sequence = 6", Some(6), "does not have it"),
        (
            "UPDATE ledger SET payload = (SELECT payload FROM ledger WHERE sequence = 1) WHERE sequence = 3",
            Some(3),
            "hash",
        ),
        ("UPDATE ledger SET payload = 'x' WHERE sequence = 3", Some(3), "cannot be read"),
        ("UPDATE ledger SET head = substr(head, 2) || '0' WHERE sequence = 2", Some(2), "hash"),
        ("UPDATE ledger SET epoch = 2 WHERE sequence = 4", Some(4), "epoch 1 was due"),
        ("UPDATE ledger SET kind = 'release' WHERE sequence = 2", Some(2), "no signed release"),
        ("UPDATE ledger SET kind = 'lease' WHERE sequence = 4", Some(4), "holds no lease"),
        ("UPDATE ledger SET kind = 'gift' WHERE sequence = 4", Some(4), "no kind"),
        ("UPDATE ledger SET recorded_at = recorded_at + 1 WHERE sequence = 5", Some(5), "its time"),
        ("UPDATE client SET answered_by = 1 WHERE lease_sequence = 6", Some(1), "answers another request"),
        ("UPDATE client SET answered_by = 7 WHERE lease_sequence = 6", Some(7), "does not have it"),
        ("UPDATE client SET lease_sequence = 3 WHERE lease_sequence = 6", Some(3), "the lease is another's"),
        ("UPDATE client SET lease_sequence = 4 WHERE lease_sequence = 6", Some(4), "a release"),
        ("UPDATE client SET lease_expires = lease_expires + 1 WHERE lease_sequence = 6", Some(6), "another end"),
        ("DELETE FROM seat WHERE fence = 2", None, "could be given to another"),
        ("UPDATE seat SET fence = 1 WHERE fence = 3", None, "could be given to another"),
        ("UPDATE seat SET free_at = free_at - 60 WHERE fence = 3", None, "could be given to another"),
        (
            "INSERT INTO seat (publisher, pool, client_id, fence, free_at) \
             SELECT publisher, pool, '00000000000000000000000000000007', 9, free_at FROM seat WHERE fence = 2",
            None,
            "no entry gave it a seat",
        ),
        (
            "UPDATE client SET lease_sequence = 1, answered_by = NULL, \
             lease_expires = lease_expires - (SELECT b.recorded_at - a.recorded_at FROM ledger a, ledger b \
             WHERE a.sequence = 1 AND b.sequence = 6) WHERE lease_sequence = 6",
            Some(6),
            "entry 1, an older one",
        ),
        (
            "UPDATE client SET lease_sequence = NULL, lease_expires = 0 WHERE lease_sequence = 6",
            Some(6),
            "does not say so",
        ),
        ("DELETE FROM client WHERE lease_sequence = 6", Some(6), "no row says so"),
        ("UPDATE pool SET newest_fence = 2", None, "fences would be given twice"),
        ("INSERT INTO epoch (epoch, begun_at, sequence, made_at) VALUES (5, 1, 2, 1)", Some(3), "epoch 5 was due"),
        ("UPDATE host SET epoch = 7", None, "began epoch 1 last"),
        ("INSERT INTO pruned (sequence, head, pruned_at) VALUES (2, 'x', 1)", None, "was pruned"),
    ] {
        copy(&place.data_dir, &copied, "");
        let db = rusqlite::Connection::open(copied.join(store::FILE_NAME)).unwrap();
        assert_eq!(db.execute(sql, []).unwrap(), 1, "{sql}");
        drop(db);
        refuted(&copied, entry, why, sql);
    }
}

/// Demands that the proof ends with this entry and these words, for people and for programs.
#[track_caller]
fn refuted(data_dir: &Path, entry: Option<u64>, why: &str, what: &str) {
    let (exit, out, err) = said(data_dir, &["ledger", "prove"]);
    assert!(
        exit == Some(1) && out.is_empty() && err.contains(why) && err.contains("KM-419"),
        "{what}: {exit:?} {out} {err}"
    );
    let (exit, out, _) = said(data_dir, &["ledger", "prove", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &told["whole"], &told["code"]), (Some(1), &false.into(), &"ledger-contradicts".into()));
    assert_eq!(told["wrong"]["entry"].as_u64(), entry, "{what}: {told}");
}

#[test]
fn what_stands_beside_the_database_is_compared_as_well() {
    let place = six_entries();
    let (head, key) = (place.data_dir.join("ledger-head"), place.data_dir.join("host.key"));
    let [sound, own] = [&head, &key].map(|file| fs::read_to_string(file).unwrap());
    let mut mirrored: Value = serde_json::from_str(&sound).unwrap();
    mirrored["sequence"] = 99.into();
    fs::write(&head, mirrored.to_string()).unwrap();
    refuted(&place.data_dir, None, "the mirror of the head names entry 99 of epoch 1", "ahead");
    mirrored["sequence"] = 5.into();
    fs::write(&head, mirrored.to_string()).unwrap();
    refuted(&place.data_dir, Some(5), "another hash", "differs");
    mirrored["host"] = "00".repeat(16).into();
    fs::write(&head, mirrored.to_string()).unwrap();
    refuted(&place.data_dir, None, "of another host", "foreign");
    fs::write(&head, sound).unwrap();

    fs::write(&key, format!("{}\n", "07".repeat(32))).unwrap();
    refuted(&place.data_dir, None, "not the one that its entitlements name", "key");
    fs::remove_file(&key).unwrap();
    assert_eq!(proved(&place.data_dir)["signatures"], Value::Null, "the rest is proved without the key");
    fs::write(&key, own).unwrap();
    assert_eq!(proved(&place.data_dir)["signatures"], 3);
}

/// Appends a seat lease to the ledger of a stopped host behind its back, in a chain that holds.
fn append_seat(data_dir: &Path, change: impl FnOnce(&mut Lease)) {
    let mut db = store::open(data_dir).unwrap();
    let tx = db.transaction().unwrap();
    let host = store::host::load(&tx).unwrap().unwrap();
    let (head, _) = ledger::head(&tx, host.id).unwrap();
    let third = ledger::entry(&tx, 5).unwrap().unwrap();
    let mut lease: Lease = keymuster_core::document::from_payload(&third.payload).unwrap();
    lease.client = ClientId::from_bytes([7; 16]);
    (lease.position.sequence, lease.position.head) = (head.sequence + 1, head.short());
    change(&mut lease);
    let entry = ledger::Entry { kind: ledger::Kind::Lease, payload: payload(&lease).unwrap() };
    let _: Head = ledger::append(&tx, &head, host.epoch, &entry, lease.issued).unwrap();
    tx.commit().unwrap();
}

#[test]
fn a_seat_that_was_given_twice_is_found_where_every_hash_follows() {
    let place = six_entries();
    let copied = place.data_dir.with_file_name("copy");
    for (fence, why) in [(9, "of which 2 of 2 were held by others"), (3, "gives fence 3 of pool pool a second time")] {
        copy(&place.data_dir, &copied, "");
        append_seat(&copied, |lease| lease.seat.as_mut().unwrap().fence = fence);
        refuted(&copied, Some(7), why, "twice");
    }
    copy(&place.data_dir, &copied, "");
    append_seat(&copied, |lease| lease.position.head[0] ^= 1);
    refuted(&copied, Some(7), "names another place", "place");
}

// Set back.

/// Demands that everybody is told how the ledger was set back.
fn is_explained(place: &Place, cause: &str, sequence: u64) {
    let data_dir = &place.data_dir;
    let status = json(data_dir, &["status", "--json"]);
    let returned = &status["returned"];
    assert_eq!((&returned["cause"], &returned["sequence"]), (&cause.into(), &sequence.into()), "{status}");
    assert_eq!(status["epoch"], returned["at"]);
    let quarantine = place.publisher.term_secs + place.publisher.guard_secs;
    let until = returned["at"].as_u64().unwrap() + quarantine;
    assert_eq!(returned["no_new_seats_until"], until);
    let (_, text, _) = said(data_dir, &["status"]);
    for part in ["to be an older copy", "KM-418", "no seats for newcomers until", "keymuster explain ledger-set-back"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let doctor = json(data_dir, &["doctor", "--json"]);
    let findings = doctor["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["name"] == "ledger").unwrap();
    assert_eq!((&finding["verdict"], &finding["code"]), (&"warning".into(), &"ledger-set-back".into()), "{finding}");
    assert!(finding["means"].as_str().unwrap().contains("nobody new gets a seat until"), "{finding}");
    let (_, audit, _) = said(data_dir, &["audit"]);
    assert_eq!(audit.matches("ledger was set back").count(), 1, "{audit}");
    assert_eq!(said(data_dir, &["audit", "--check"]).0, Some(0));
}

/// Demands that the console shows it on its first page.
fn is_in_console(place: &Place, host: &Host) {
    let somebody = host.console(&place.data_dir).with_account("grace", "viewer").unwrap();
    let page = somebody.get("/").unwrap().body;
    for part in ["Was set back", "/codes/ledger-set-back", "no seats for newcomers until", "put an older copy"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_client_of_the_lost_time_raises_the_epoch_and_no_seat_is_given_twice() {
    let place = Place::new(Publisher::new(1, 3));
    let older = place.data_dir.with_file_name("older");
    let [mut known, mut gone, mut lost, mut silent, mut volume, mut new] = [(); 6].map(|()| Holder::new());
    let host = place.start();
    known.renew(&place, &host, SEAT_EDITION);
    gone.renew(&place, &host, SEAT_EDITION);
    host.stop();
    copy(&place.data_dir, &older, "");
    let host = place.start();
    gone.release(&place, &host, SEAT_EDITION);
    lost.renew(&place, &host, SEAT_EDITION);
    silent.renew(&place, &host, SEAT_EDITION);
    volume.renew(&place, &host, VOLUME_EDITION);
    let fences = [&known, &lost].map(Holder::fence);
    host.stop();
    // All of the directory, as a snapshot of the machine: nothing in it tells that it is old.
    copy(&older, &place.data_dir, "");

    let host = place.start();
    assert_eq!(json(&place.data_dir, &["status", "--json"])["epoch"], 1);
    lies_prove_nothing(&place, &host, &lost);
    // Meanwhile the host has granted entries 3 to 5 a second time, and entry 6 is still ahead.
    // Of the three seats, the known one, the lost one and the silent one are held.
    lost.renew(&place, &host, SEAT_EDITION);
    assert!(lost.epoch() > 1, "the epoch has risen");
    is_explained(&place, "client", 5);
    is_in_console(&place, &host);
    for newcomer in [&mut new, &mut gone] {
        let told = refused(&newcomer.ask(&place, &host, SEAT_EDITION).0, 403, "seats-exhausted");
        assert!(told["next_end"].is_u64(), "{told}");
    }
    known.renew(&place, &host, SEAT_EDITION);
    lost.renew(&place, &host, SEAT_EDITION);
    volume.renew(&place, &host, VOLUME_EDITION);
    assert_eq!([&known, &lost].map(Holder::fence), fences, "they keep their seats");
    // It began once, and the witnesses that came later belong to it.
    assert_eq!([&known, &volume].map(Holder::epoch), [lost.epoch(); 2]);
    is_explained(&place, "client", 5);
    proved(&place.data_dir);
    host.stop();

    // When a term has passed, everybody is served again.
    place.tamper(&format!("UPDATE epoch SET begun_at = begun_at - {}", 2 * place.publisher.term_secs));
    place.tamper("DELETE FROM seat WHERE fence = 2");
    let host = place.start();
    new.renew(&place, &host, SEAT_EDITION);
    assert!(new.fence() > 1_700_000_000, "no copy ever gave such a fence");
    host.stop();

    // The same once more: what was granted since is a lost time as well.
    copy(&older, &place.data_dir, "");
    let (host, before) = (place.start(), lost.epoch());
    lost.renew(&place, &host, SEAT_EDITION);
    assert!(lost.epoch() > before && before > 1, "{before}");
    host.stop();
    proved(&place.data_dir);
}

#[test]
fn a_seat_that_was_given_twice_is_not_renewed() {
    let place = Place::new(Publisher::new(1, 1));
    let older = place.data_dir.with_file_name("older");
    let [mut lost, mut second] = [(); 2].map(|()| Holder::new());
    place.start().stop();
    copy(&place.data_dir, &older, "");
    let host = place.start();
    lost.renew(&place, &host, SEAT_EDITION);
    host.stop();
    copy(&older, &place.data_dir, "");

    let host = place.start();
    second.renew(&place, &host, SEAT_EDITION);
    second.renew(&place, &host, SEAT_EDITION);
    lost.renew(&place, &host, SEAT_EDITION);
    // Two hold the one seat, and it is given back by who came later.
    let told = refused(&second.ask(&place, &host, SEAT_EDITION).0, 403, "seats-exhausted");
    assert!(told["next_end"].is_u64(), "{told}");
    lost.renew(&place, &host, SEAT_EDITION);
    proved(&place.data_dir);
    host.stop();
}

/// A lease that the host's own key has signed in a time that is lost, and whose seat is free since.
fn lease_that_has_ended(place: &Place, holder: &mut Holder, of: &Holder) -> Signed<Lease> {
    let seed = fs::read_to_string(place.data_dir.join("host.key")).unwrap();
    let mut lease = (**of.held.as_ref().unwrap()).clone();
    let asks = place.ask(&mut holder.machine, Act::Activate, SEAT_EDITION);
    (lease.client, lease.client_key) = (asks.client, asks.client_key);
    lease.position.sequence = 77;
    let ago = 3 * place.publisher.term_secs;
    for time in [&mut lease.issued, &mut lease.renew_after, &mut lease.expires] {
        *time = time.minus(ago);
    }
    Signed::sign(lease, &SecretKey::from_seed(&from_hex(seed.trim()).unwrap())).unwrap()
}

/// Places that are claimed without the lease, with one that another key has signed, or with another client's.
fn lies_prove_nothing(place: &Place, host: &Host, lost: &Holder) {
    let held = lost.held.as_ref().unwrap();
    let forged = Signed::sign((**held).clone(), &SecretKey::from_seed(&[9; 32])).unwrap();
    for shown in [None, Some(forged.bytes()), Some(held.bytes())] {
        let mut liar = Holder::new();
        let mut ask = place.ask(&mut liar.machine, Act::Activate, VOLUME_EDITION);
        ask.previous = Some(held.position);
        ask.extensions = shown.and_then(ClientRequest::showing);
        let request = liar.machine.sign(ask);
        host.activate(&request);
        assert_eq!(json(&place.data_dir, &["status", "--json"])["epoch"], 1);
    }
}

#[test]
fn a_database_that_was_set_back_alone_is_noticed_before_any_client_comes() {
    let place = Place::new(Publisher::new(1, 2));
    let older = place.data_dir.with_file_name("older");
    let [mut lost, mut new, mut late] = [(); 3].map(|()| Holder::new());
    place.start().stop();
    copy(&place.data_dir, &older, store::FILE_NAME);
    let host = place.start();
    lost.renew(&place, &host, SEAT_EDITION);
    let fence = lost.fence();
    host.stop();
    copy(&older, &place.data_dir, store::FILE_NAME);

    let (exit, _, err) = said(&place.data_dir, &["ledger", "prove"]);
    assert!(exit == Some(1) && err.contains("the mirror of the head names entry 1 of epoch 1"), "{err}");
    let host = place.start();
    is_explained(&place, "mirror", 0);
    is_in_console(&place, &host);
    refused(&new.ask(&place, &host, SEAT_EDITION).0, 403, "seats-exhausted");
    // Its seat has been over for long, and may be another's since: the lease is genuine, and gains it nothing.
    late.held = Some(lease_that_has_ended(&place, &mut late, &lost));
    refused(&late.ask(&place, &host, SEAT_EDITION).0, 403, "seats-exhausted");
    lost.renew(&place, &host, SEAT_EDITION);
    assert_eq!(lost.fence(), fence);
    host.stop();
    proved(&place.data_dir);
    // An orderly restart is no return, and neither is a mirror that nobody can read.
    let epoch = lost.epoch();
    for unreadable in [false, true] {
        if unreadable {
            fs::write(place.data_dir.join("ledger-head"), "half a li").unwrap();
        }
        place.start().stop();
        assert_eq!(json(&place.data_dir, &["status", "--json"])["epoch"], epoch);
    }
    assert_eq!(proved(&place.data_dir)["mirrored"], 1);
}
