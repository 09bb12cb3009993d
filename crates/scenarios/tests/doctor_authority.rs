//! `keymuster-authority doctor` on authorities with which something is really wrong.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
#[path = "common/doctor.rs"]
mod doctor;

use std::fs::{self, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use doctor::Told;
use keymuster_scenarios::clock::Clock;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::Authority;
use keymuster_scenarios::programs;

struct Site {
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Site {
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        Site { directory, authority }
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("authority-aurora")
    }

    fn told(&self, more: &[&str]) -> Told {
        let administration = self.authority.administration.trim_start_matches("http://");
        told(&self.data_dir(), &[&["--admin-listen", administration], more].concat())
    }
}

fn command(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = programs::command("keymuster-authority").unwrap();
    command.arg("--data-dir").arg(data_dir).args(["doctor", "--json"]).args(arguments);
    command
}

fn told(data_dir: &Path, arguments: &[&str]) -> Told {
    Told::by(&mut command(data_dir, arguments))
}

#[test]
fn an_authority_that_works_and_one_that_does_not_listen() {
    let mut site = Site::new();
    let found = site.told(&[]);
    found.well("issuer", "may sign until").well("catalogue", "version 1").well("listener", &site.authority.url);
    found.well("administration", "answers").well("database", "sound").well("certificate", "own certificate");
    found.warning("root-key", None, "lies in the data directory").exits(1);
    fs::remove_file(site.data_dir().join("root.key")).unwrap();
    assert!(!format!("{:?}", site.told(&[])).contains("\"root-key\""));
    site.authority.stop().unwrap();
    let found = site.told(&[]);
    found.broken("listener", "authority-unreachable", "refused").broken("administration", "authority-unreachable", "");
    found.exits(3);
}

#[test]
fn an_authority_without_a_catalogue() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, passphrase) = (directory.path().join("new"), directory.path().join("passphrase"));
    fs::write(&passphrase, "only for demonstrations").unwrap();
    let mut command = programs::command("keymuster-authority").unwrap();
    command.arg("--data-dir").arg(&data_dir).args(["init", "--publisher", "aurora", "--name", "Aurora Systems"]);
    let made = command.arg("--passphrase-file").arg(&passphrase).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let found = told(&data_dir, &[]);
    found.broken("catalogue", "catalogue-missing", "no catalogue was signed yet").exits(3);
    found.well("listener", "told no address");
    let mut nowhere = programs::command("keymuster-authority").unwrap();
    let nowhere = nowhere.arg("--data-dir").arg(directory.path().join("none")).arg("doctor").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
}

#[test]
fn an_issuer_that_ends_and_one_that_has_ended() {
    let site = Site::new();
    let clock = Clock::new(site.directory.path().join("clock")).unwrap();
    let in_days = |days: u32| {
        clock.put(&format!("+{days}d")).unwrap();
        let mut command = command(&site.data_dir(), &["--admin-listen", "127.0.0.1:1"]);
        clock.give_to(&mut command);
        Told::by(&mut command)
    };
    in_days(1).well("issuer", "may sign until");
    in_days(340).warning("issuer", None, "may sign until");
    in_days(800).broken("issuer", "issuer-expired", "may not sign any more").exits(3);
}

#[test]
fn keys_that_others_read_or_that_are_none() {
    let site = Site::new();
    let tags = site.data_dir().join("tags.key");
    fs::set_permissions(&tags, Permissions::from_mode(0o640)).unwrap();
    site.told(&[]).warning("secret-files", None, "tags.key can be read by others (mode 640)").exits(1);
    fs::set_permissions(&tags, Permissions::from_mode(0o600)).unwrap();
    fs::write(&tags, "rubbish").unwrap();
    let found = site.told(&[]);
    assert_eq!(found.finding("authority")["verdict"], "broken", "{found:?}");
    found.exits(3);
}

#[test]
fn a_certificate_that_ends_and_a_database_that_is_damaged() {
    let site = Site::new();
    let file = |name: &str| site.directory.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("live.pem"), file("live.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3"])
        .args(["-subj", "/CN=authority.example", "-addext", "subjectAltName=DNS:authority.example"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let files = ["--tls-certificate", &certificate, "--tls-key", &key];
    site.told(&files).warning("certificate", None, "holds until").exits(1);
    fs::write(&key, "rubbish").unwrap();
    site.told(&files).broken("certificate", "tls-certificate-unusable", "live.key").exits(3);

    let mut file = fs::OpenOptions::new().write(true).open(site.data_dir().join("authority.db")).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(length / 2)).unwrap();
    file.write_all(&vec![0x5a; usize::try_from(length - length / 2).unwrap()]).unwrap();
    site.told(&[]).broken("database", "database-damaged", "damaged").exits(3);
}
