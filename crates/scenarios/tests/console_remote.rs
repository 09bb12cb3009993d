//! `keymuster host` administers the real host with a token.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use common::Place;
use keymuster_scenarios::console::Console;
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::programs;

/// Exit code, standard output, standard error.
type Said = (i32, String, String);

struct Administrator {
    url: String,
    token_file: PathBuf,
}

impl Administrator {
    fn says(&self, arguments: &str) -> Said {
        let mut command = programs::command("keymuster").unwrap();
        command.env("KEYMUSTER_HOST_URL", &self.url).env("KEYMUSTER_HOST_TOKEN_FILE", &self.token_file);
        let output = command.arg("host").args(arguments.split(' ')).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

fn token_file(place: &Place, console: &Console, scopes: &[&str]) -> PathBuf {
    let path = place.data_dir.with_extension(scopes.join("-"));
    write(&path, &console.token("ada", scopes).unwrap());
    path
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_host_is_administered_from_its_command_line_elsewhere() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let console = host.console(&place.data_dir);
    console.with_account("ada", "administrator").unwrap();
    let url = format!("http://{}", host.administration);
    let all = token_file(&place, &console, &["look", "handle", "keys", "settings", "accounts"]);
    let ada = Administrator { url: url.clone(), token_file: all.clone() };
    let looks = Administrator { url, token_file: token_file(&place, &console, &["look"]) };

    for (who, arguments, exit, parts) in [
        (&ada, "settings list", 0, &["PUBLISHER", "renewal-interval", "7 days", "fixture"][..]),
        (
            &ada,
            "settings preview renewal-interval 2h",
            0,
            &["renewal-interval would be 2 hours; it was", "  - clients"],
        ),
        (&ada, "settings set renewal-interval 2h", 0, &["renewal-interval is 2 hours; it was 7 days"]),
        (&ada, "settings list --json", 0, &[r#""by":"ada (token test)""#]),
        (&ada, "settings unset renewal-interval --publisher fixture", 0, &["is 7 days; it was 2 hours"]),
        (
            &ada,
            "settings set renewal-interval 400d",
            1,
            &["renewal-interval", "KM-422 setting-out-of-range", "what to do: "],
        ),
        (&ada, "settings set nothing 1", 1, &["there is no setting", "KM-445 record-unknown"]),
        (&looks, "settings set port 1700", 1, &["permission settings", "KM-442 permission-missing"]),
        (&looks, "audit --search setting", 0, &["setting taken back", "setting changed", "ada (token test)"]),
        (&looks, "audit --last 1", 0, &["setting taken back"]),
        (&looks, "dns show", 0, &["is publishing: no", "why not: "]),
        (&ada, "settings", 2, &["Usage"]),
    ] {
        let (found, out, err) = who.says(arguments);
        assert_eq!(found, exit, "{arguments}: {out}{err}");
        for part in parts {
            assert!((out.clone() + &err).contains(part), "{arguments}: {part:?} is not in {out}{err}");
        }
        assert!(!(out.clone() + &err).contains("kmt_"), "{arguments}: {out}{err}");
    }

    host.stop();
    let (exit, _, err) = ada.says("settings list");
    assert_eq!(exit, 3, "{err}");
    assert!(err.contains("no answer from http://127.0.0.1:") && err.contains("ssh -N -L"), "{err}");

    let elsewhere = Administrator { url: "http://host.example:1689".to_owned(), token_file: all };
    let (exit, _, err) = elsewhere.says("settings list");
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("the token would cross the network"), "{err}");
}

#[test]
fn a_token_is_read_from_a_file_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let token_file = directory.path().join("token");
    let nobody = Administrator { url: "http://127.0.0.1:9".to_owned(), token_file: token_file.clone() };
    assert_eq!(nobody.says("settings list").0, 3, "there is no file");
    write(&token_file, "BCDFG-HJKMP\n");
    let (exit, _, err) = nobody.says("settings list");
    assert!(exit == 2 && err.contains("does not hold a token") && !err.contains("BCDFG"), "{err}");
    write(&token_file, "kmt_abc\n");
    fs::set_permissions(&token_file, fs::Permissions::from_mode(0o644)).unwrap();
    let (exit, _, err) = nobody.says("settings list");
    assert!(exit == 3 && err.contains("others can read the token"), "{err}");
}
