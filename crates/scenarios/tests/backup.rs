//! Backups of hosts and authorities: made under load, restored here and elsewhere, and whatever can go wrong with them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use common::holder::Holder;
use common::{Host, Place, fails_to_serve, poll, refused};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::programs;
use serde_json::Value;

const PASSPHRASE: &str = "a lamp in the fog";

/// `keymuster-host backup` on a data directory.
fn command(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = programs::command("keymuster-host").unwrap();
    command.arg("--data-dir").arg(data_dir).arg("backup").args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    command(data_dir, arguments).output().unwrap()
}

fn done(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run(data_dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must end with this exit code, and returns what it says on standard error.
fn fails(data_dir: &Path, arguments: &[&str], exit: i32) -> String {
    let output = run(data_dir, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
    said
}

fn status(data_dir: &Path) -> Value {
    let mut command = programs::command("keymuster-host").unwrap();
    let output = command.arg("--data-dir").arg(data_dir).args(["status", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn audit(data_dir: &Path) -> String {
    let mut command = programs::command("keymuster-host").unwrap();
    let output = command.arg("--data-dir").arg(data_dir).args(["audit", "--check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = programs::command("keymuster-host").unwrap();
    String::from_utf8(command.arg("--data-dir").arg(data_dir).arg("audit").output().unwrap().stdout).unwrap()
}

/// A file with the passphrase beside the data directory, and where the backup goes.
fn files(place: &Place) -> (String, String) {
    let beside = |name: &str| place.data_dir.with_file_name(name);
    fs::write(beside("passphrase"), PASSPHRASE).unwrap();
    (text(&beside("passphrase")), text(&beside("host.backup.age")))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_backup_made_under_load_comes_back_and_every_client_goes_on() {
    let place = Place::new(Publisher::new(1, 3));
    let (passphrase, file) = files(&place);
    let host = place.start();
    let (is_over, with) = (AtomicBool::new(false), ["--passphrase-file", &passphrase]);
    let mut holders: Vec<Holder> = std::thread::scope(|scope| {
        let ask = || {
            let mut holders: Vec<Holder> = Vec::new();
            while !is_over.load(Ordering::Relaxed) || holders.len() < 20 {
                holders.push(Holder::new());
                holders.last_mut().unwrap().renew(&place, &host, VOLUME_EDITION);
            }
            holders
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
        let made = done(&place.data_dir, &[&["create", &file, "--json"], &with[..]].concat());
        is_over.store(true, Ordering::Relaxed);
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!((&made["sealed"], &made["holds"]["position"]["epoch"]), (&true.into(), &1.into()), "{made}");
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read(&file).unwrap().windows(9).any(|bytes| bytes == b"SQLite fo"), "it can be read");
    let inspected = done(&place.data_dir, &[&["inspect", &file], &with[..]].concat());
    assert!(inspected.contains("sealed with a passphrase") && inspected.contains("host.key"), "{inspected}");

    // Granted behind the backup, so that the restored host does not know of them.
    holders.extend((0..5).map(|_| Holder::new()));
    holders.iter_mut().for_each(|holder| holder.renew(&place, &host, VOLUME_EDITION));
    let before = place.ledger().entries.len();
    let restore = [&["restore", &file, "--replace"], &with[..]].concat();
    assert!(fails(&place.data_dir, &restore, 3).contains("stop it first"));
    host.stop();
    assert!(fails(&place.data_dir, &restore[..2], 3).contains("not empty"));
    let said = done(&place.data_dir, &restore);
    assert!(said.contains("the ledger goes on behind entry") && said.contains("replaced-"), "{said}");

    let host = place.start();
    let known = place.ledger().entries.len();
    assert!(known < before, "{known} of {before}");
    holders.iter_mut().for_each(|holder| holder.renew(&place, &host, VOLUME_EDITION));
    assert_eq!(place.ledger().entries.len(), known + holders.len());
    let status = status(&place.data_dir);
    assert!(holders.iter().all(|holder| holder.epoch() > 1_700_000_000), "the epoch has risen");
    assert_eq!(status["epoch"], status["returned"]["at"]);
    assert_eq!(status["returned"]["sequence"], known);
    let audit = audit(&place.data_dir);
    assert!(audit.contains("backup restored") && !audit.contains("backup made"), "it was made before: {audit}");
    host.stop();
}

#[test]
fn a_restored_host_gives_no_seat_that_somebody_may_still_hold() {
    let place = Place::new(Publisher::new(1, 3));
    let (passphrase, file) = files(&place);
    let with = ["--passphrase-file", &passphrase];
    let host = place.start();
    let [mut known, mut lost, mut new] = [Holder::new(), Holder::new(), Holder::new()];
    known.renew(&place, &host, SEAT_EDITION);
    done(&place.data_dir, &[&["create", &file], &with[..]].concat());
    lost.renew(&place, &host, SEAT_EDITION);
    host.stop();
    done(&place.data_dir, &[&["restore", &file, "--replace"], &with[..]].concat());

    let host = place.start();
    let (answer, _) = new.ask(&place, &host, SEAT_EDITION);
    let told = refused(&answer, 403, "seats-exhausted");
    let wait = told["retry_after_secs"].as_u64().or(told["retry_after"].as_u64());
    assert!(wait.is_none_or(|wait| wait <= place.publisher.term_secs + place.publisher.guard_secs), "{told}");
    known.renew(&place, &host, SEAT_EDITION);
    lost.renew(&place, &host, SEAT_EDITION);
    new.renew(&place, &host, VOLUME_EDITION);
    host.stop();
    // When a term has passed, everybody is served again.
    place.tamper(&format!("UPDATE epoch SET begun_at = begun_at - {}", 2 * place.publisher.term_secs));
    let host = place.start();
    new.renew(&place, &host, SEAT_EDITION);
    host.stop();
}

#[test]
fn files_that_are_no_backup_change_nothing() {
    let place = Place::new(Publisher::new(1, 1));
    let (passphrase, file) = files(&place);
    let with = ["--passphrase-file", &passphrase];
    let host = place.start();
    Holder::new().renew(&place, &host, VOLUME_EDITION);
    host.stop();
    done(&place.data_dir, &[&["create", &file], &with[..]].concat());
    let plain = text(&place.data_dir.with_file_name("plain.backup"));
    done(&place.data_dir, &["create", &plain, "--unencrypted"]);
    assert!(
        fails(&place.data_dir, &[&["create", &file], &with[..]].concat(), 3).contains("nothing is ever overwritten")
    );

    let before = (common::rows(&place.data_dir), fs::read(place.data_dir.join("host.key")).unwrap());
    let other = place.data_dir.with_file_name("other");
    fs::write(&other, "another passphrase").unwrap();
    let wrong = ["restore", &file, "--replace", "--passphrase-file", &text(&other)];
    assert!(fails(&place.data_dir, &wrong, 1).contains("KM-426"));
    let bytes = |path: &str| fs::read(path).unwrap();
    let changed = |path: &str, place: usize| {
        let mut bytes = bytes(path);
        bytes[place] ^= 1;
        bytes
    };
    let (sealed_len, plain_len) = (bytes(&file).len(), bytes(&plain).len());
    let newer = String::from_utf8_lossy(&bytes(&plain)[..200]).replace("keymuster-backup 1", "keymuster-backup 2");
    for (bad, said) in [
        (changed(&file, sealed_len / 2), "changed or damaged"),
        (bytes(&file)[..sealed_len - 1].to_vec(), "its end is missing"),
        (bytes(&file)[..sealed_len / 2].to_vec(), "its end is missing"),
        (bytes(&file)[..100].to_vec(), "damaged"),
        (changed(&plain, plain_len / 2), "changed or damaged"),
        (bytes(&plain)[..plain_len - 1].to_vec(), "its end is missing"),
        ([bytes(&plain), vec![b'x']].concat(), "something follows"),
        (newer.into_bytes(), "newer than this program"),
        (b"a text\n".to_vec(), "no backup of this program"),
        (Vec::new(), "no backup of this program"),
    ] {
        let path = text(&place.data_dir.with_file_name("bad"));
        fs::write(&path, bad).unwrap();
        let told = fails(&place.data_dir, &[&["restore", &path, "--replace"], &with[..]].concat(), 1);
        assert!(told.contains(said) && told.contains("KM-427"), "{said}: {told}");
        let now = (common::rows(&place.data_dir), fs::read(place.data_dir.join("host.key")).unwrap());
        assert!(now == before, "{said}");
    }
}

#[test]
fn a_newer_schema_is_not_restored() {
    let place = Place::new(Publisher::new(1, 1));
    let plain = text(&place.data_dir.with_file_name("plain.backup"));
    done(&place.data_dir, &["create", &plain, "--unencrypted"]);
    let bytes = fs::read(&plain).unwrap();
    let begin = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let head = String::from_utf8(bytes[..begin].to_vec()).unwrap();
    let mut manifest: Value = serde_json::from_str(head.lines().nth(1).unwrap()).unwrap();
    let len = usize::try_from(manifest["files"][0]["bytes"].as_u64().unwrap()).unwrap();
    let changed = place.data_dir.with_file_name("changed.db");
    fs::write(&changed, &bytes[begin..begin + len]).unwrap();
    let db = rusqlite::Connection::open(&changed).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(db.execute("UPDATE schema_reader SET oldest = 99", []).unwrap(), 1);
    drop(db);
    let hashed = String::from_utf8(Command::new("sha256sum").arg(&changed).output().unwrap().stdout).unwrap();
    let database = fs::read(&changed).unwrap();
    manifest["files"][0]["sha256"] = hashed[..64].into();
    manifest["files"][0]["bytes"] = database.len().into();
    let head = format!("keymuster-backup 1\n{manifest}\n").into_bytes();
    fs::write(&plain, [&head[..], &database, &bytes[begin + len..]].concat()).unwrap();
    let told = fails(&place.data_dir, &["restore", &plain, "--replace"], 3);
    assert!(told.contains("KM-413") && told.contains("schema 99"), "{told}");
}

#[test]
fn a_host_moves_to_another_machine_and_serves_no_more_on_the_old_one() {
    let place = Place::new(Publisher::new(1, 1));
    let (passphrase, file) = files(&place);
    let with = ["--passphrase-file", &passphrase];
    let retire = [&["create", &file, "--retire"], &with[..]].concat();
    let host = place.start();
    let mut holder = Holder::new();
    holder.renew(&place, &host, VOLUME_EDITION);
    assert!(fails(&place.data_dir, &retire, 3).contains("stop it first"));
    host.stop();
    done(&place.data_dir, &retire);
    let (exit, told) = fails_to_serve(&place.data_dir, &[]);
    assert!(exit == Some(1) && told.contains("KM-428") && told.contains(&file), "{exit:?}: {told}");
    let there = status(&place.data_dir);
    assert!(there["next"][0].as_str().unwrap().contains("it has moved away"), "{there}");

    let new = place.data_dir.with_file_name("new");
    let said = done(&new, &[&["restore", &file], &with[..]].concat());
    assert!(said.contains("has retired since") && !said.contains("replaced"), "{said}");
    let host = Host::start(&new, Stdio::null());
    holder.renew(&place, &host, VOLUME_EDITION);
    assert!(holder.epoch() > 1);
    host.stop();

    // Who gives the move up restores the same file on the old machine.
    done(&place.data_dir, &[&["restore", &file, "--replace"], &with[..]].concat());
    place.start().stop();
}

/// Starts a command, kills it as soon as `is_reached` or lets it end, and says whether it was killed.
fn killed(mut command: Command, is_reached: impl Fn() -> bool) -> bool {
    let mut child = command.spawn().unwrap();
    loop {
        if is_reached() {
            child.kill().unwrap();
            return !child.wait().unwrap().success();
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
    }
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_backup_or_restore_that_is_killed_leaves_the_old_or_the_new() {
    let place = Place::new(Publisher::new(1, 1));
    let (passphrase, file) = files(&place);
    let with = ["--passphrase-file", &passphrase];
    let host = place.start();
    let mut holder = Holder::new();
    holder.renew(&place, &host, VOLUME_EDITION);
    let beside = place.data_dir.parent().unwrap();
    let create = [&["create", &file], &with[..]].concat();
    let mut kills = 0;
    for begin in ["backup.unfinished", "host.backup.age.part-"] {
        let is_there =
            || [&place.data_dir, beside].iter().any(|at| entries(at).iter().any(|name| name.starts_with(begin)));
        kills += u32::from(killed(command(&place.data_dir, &create), is_there));
        assert!(!Path::new(&file).exists(), "half a backup has its name");
        entries(beside)
            .iter()
            .filter(|name| name.contains(".part-"))
            .for_each(|name| fs::remove_file(beside.join(name)).unwrap());
    }
    assert!(kills > 0, "nothing was killed");
    done(&place.data_dir, &create);
    assert!(!entries(&place.data_dir).iter().any(|name| name.starts_with("backup.unfinished")));
    host.stop();

    let restore = [&["restore", &file, "--replace"], &with[..]].concat();
    for begin in ["restore.unfinished", "restore.ready-", "restore.moving-", "replaced-"] {
        let is_there = || entries(&place.data_dir).iter().any(|name| name.starts_with(begin));
        killed(command(&place.data_dir, &restore), is_there);
        let host = place.start();
        assert!(
            !entries(&place.data_dir)
                .iter()
                .any(|name| name.starts_with("restore.ready") || name.starts_with("restore.moving"))
        );
        holder.renew(&place, &host, VOLUME_EDITION);
        place.ledger();
        host.stop();
        for name in entries(&place.data_dir).iter().filter(|name| name.starts_with("replaced-")) {
            fs::remove_dir_all(place.data_dir.join(name)).unwrap();
        }
    }
    done(&place.data_dir, &restore);
    assert!(!entries(&place.data_dir).iter().any(|name| name.starts_with("restore.")));
}

#[test]
fn backups_in_a_directory_are_named_and_the_oldest_go() {
    let place = Place::new(Publisher::new(1, 1));
    let (passphrase, _) = files(&place);
    let shelf = place.data_dir.with_file_name("shelf");
    let create = ["create", "--into", &text(&shelf), "--keep", "1", "--passphrase-file", &passphrase];
    done(&place.data_dir, &create);
    let first = entries(&shelf);
    // Names have seconds, and one of the same second is not overwritten.
    let said = poll("the next second", || Some(run(&place.data_dir, &create)).filter(|output| output.status.success()));
    let second = entries(&shelf);
    assert_eq!((first.len(), second.len()), (1, 1), "{first:?} {second:?}");
    assert_ne!(first, second);
    assert!(String::from_utf8(said.stdout).unwrap().contains(&format!("removed {}", text(&shelf.join(&first[0])))));
}

#[test]
fn a_disk_without_room_gets_no_backup_and_the_host_goes_on() {
    if !common::may_mount("a_disk_without_room_gets_no_backup_and_the_host_goes_on") {
        return;
    }
    let place = Place::new(Publisher::new(1, 1));
    let (passphrase, _) = files(&place);
    let small: PathBuf = place.data_dir.with_file_name("small");
    fs::create_dir(&small).unwrap();
    common::mount(&small, "size=64k");
    let host = place.start();
    let target = text(&small.join("host.backup.age"));
    let told = fails(&place.data_dir, &["create", &target, "--passphrase-file", &passphrase], 3);
    assert!(told.contains("No space left"), "{told}");
    assert!(entries(&small).is_empty(), "what was begun is removed");
    Holder::new().renew(&place, &host, VOLUME_EDITION);
    host.stop();

    let tight = tempfile::tempdir().unwrap();
    common::mount(tight.path(), "size=40m");
    let tight = Place::within(tight, Publisher::new(1, 1));
    let told = fails(&tight.data_dir, &["create", "--into", "/nowhere-at-all/x", "--unencrypted"], 3);
    assert!(told.contains("cannot create"), "{told}");
    let file = text(&tight.data_dir.with_file_name("x.backup"));
    let told = fails(&tight.data_dir, &["create", &file, "--unencrypted"], 3);
    assert!(told.contains("MiB free"), "{told}");
}

#[test]
fn an_authority_comes_back_with_a_list_that_everybody_takes() {
    let root = tempfile::tempdir().unwrap();
    let (mut authority, _) = Authority::start(root.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
    let file = text(&root.path().join("authority.backup"));
    authority.run(&["backup", "create", &file, "--unencrypted"]).unwrap();
    authority.run(&["customer", "add", "later", "--name", "Later"]).unwrap();
    assert!(
        authority.run(&["backup", "restore", &file, "--replace"]).unwrap_err().to_string().contains("stop it first")
    );
    authority.stop().unwrap();
    let said = authority.run(&["backup", "restore", &file, "--replace"]).unwrap().join("\n");
    let list = said.split("revocation list ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(list.parse::<u64>().unwrap() > 1_700_000_000, "{said}");
    let customers = authority.run(&["customer", "list"]).unwrap().join("\n");
    assert!(customers.contains("muster-works") && !customers.contains("later"), "{customers}");
    // Keys are made and recognised as before, and the next list has the next number.
    authority.mint_mak("suite-pro-2026", 3).or_else(|_| authority.mint_host_key("server-b-2023", &[])).unwrap();
    let stopped = authority.run(&["customer", "stop", "muster-works", "--reason", "test"]).unwrap().join("\n");
    assert!(stopped.contains(&format!("revocation list {}", list.parse::<u64>().unwrap() + 1)), "{stopped}");
    let audit = authority.run(&["audit"]).unwrap().join("\n");
    assert!(audit.contains("restore backup"), "{audit}");
}
