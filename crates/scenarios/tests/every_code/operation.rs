//! What a host's administrator is told: of the machine that it runs on, of packs and of settings.

use std::net::TcpListener;
use std::path::PathBuf;

use keymuster_core::codes;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::load::Connection;
use tempfile::TempDir;

use super::Row;
use super::common::poll;
use super::host::text;
use super::site::{Site, server_says};

/// The data directory of a host of its own.
fn entitled() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("host");
    Publisher::new(1, 1).entitle_host(&data_dir).unwrap();
    (directory, data_dir)
}

pub const ROWS: &[Row<Site>] = &[
    (&codes::DATABASE_NEWER, |_| {
        let (_directory, data_dir) = entitled();
        let db = rusqlite::Connection::open(data_dir.join("host.db")).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        db.execute("UPDATE schema_reader SET oldest = 99", []).unwrap();
        server_says("keymuster-host", &data_dir, &["activate"], "")
    }),
    (&codes::LEDGER_SET_BACK, |_| {
        let (_directory, data_dir) = entitled();
        let db = rusqlite::Connection::open(data_dir.join("host.db")).unwrap();
        let host: String = db.query_row("SELECT host_id FROM host", [], |row| row.get(0)).unwrap();
        let head = format!(r#"{{"host":"{host}","epoch":1,"sequence":4,"head":"{}","at":1}}"#, "0".repeat(64));
        std::fs::write(data_dir.join("ledger-head"), head).unwrap();
        let host = super::common::Host::start(&data_dir, std::process::Stdio::null());
        let said = server_says("keymuster-host", &data_dir, &["status"], "");
        host.stop();
        said
    }),
    (&codes::LEDGER_CONTRADICTS, |_| {
        let (_directory, data_dir) = entitled();
        let db = rusqlite::Connection::open(data_dir.join("host.db")).unwrap();
        assert_eq!(db.execute("UPDATE host SET epoch = 9", []).unwrap(), 1);
        server_says("keymuster-host", &data_dir, &["ledger", "prove"], "")
    }),
    (&codes::BACKUP_PASSPHRASE_WRONG, |site| {
        let (_directory, data_dir) = entitled();
        let (file, right, wrong) = (site.path("host.backup.age"), site.path("right"), site.path("wrong"));
        std::fs::write(&right, "a lamp in the fog").unwrap();
        std::fs::write(&wrong, "a lamp in the dog").unwrap();
        server_says("keymuster-host", &data_dir, &["backup", "create", &file, "--passphrase-file", &right], "");
        server_says("keymuster-host", &data_dir, &["backup", "inspect", &file, "--passphrase-file", &wrong], "")
    }),
    (&codes::BACKUP_UNREADABLE, |site| {
        let (_directory, data_dir) = entitled();
        server_says("keymuster-host", &data_dir, &["backup", "inspect", &site.path("aurora.trust")], "")
    }),
    (&codes::DATA_MOVED, |site| {
        let (_directory, data_dir) = entitled();
        let retire = ["backup", "create", &site.path("moved.backup"), "--unencrypted", "--retire"];
        server_says("keymuster-host", &data_dir, &retire, "");
        server_says("keymuster-host", &data_dir, &["serve"], "")
    }),
    (&codes::ADDRESS_IN_USE, |_| {
        let (_directory, data_dir) = entitled();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let serve = ["serve", "--listen", &address, "--admin-listen", "127.0.0.1:0"];
        server_says("keymuster-host", &data_dir, &serve, "")
    }),
    (&codes::STORE_UNWRITABLE, |site| {
        let beneath_a_file = PathBuf::from(site.path("aurora.trust")).join("host");
        server_says("keymuster-host", &beneath_a_file, &["status"], "")
    }),
    (&codes::HOST_TOO_OLD, |site| {
        let newer = AURORA.replace("version = 1\n", "version = 2\n").replace("\"0.1.0\"", "\"99.0.0\"");
        let (source, pack, trust) =
            (site.write("later.toml", newer), site.path("later.pack"), site.path("aurora.trust"));
        site.aurora.run(&["catalogue", "sign", &source, "--out", &pack]).unwrap();
        site.host_says(&["add-publisher", "--trust", &trust, "--pack", &pack], "")
    }),
    (&codes::TLS_REQUIRED, |site| {
        site.host_says(&["set", "tls", "require"], "");
        let said = poll("the refusal", || {
            let answer = Connection::open(site.host.address).unwrap().post("/v1/activate", b"x").unwrap();
            (answer.status == 403).then(|| text(&answer))
        });
        site.host_says(&["unset", "tls"], "");
        said
    }),
    (&codes::TLS_CERTIFICATE_UNUSABLE, |site| {
        site.host_says(&["set", "tls-certificate-file", &site.path("aurora.trust")], "")
    }),
    (&codes::ACME_FAILED, |site| {
        site.host_says(&["set", "acme-name", "host.example"], "");
        site.host_says(&["set", "acme-directory", "https://127.0.0.1:9/dir"], "");
        let said = poll("the failure", || Some(site.host_says(&["status"], "")).filter(|said| said.contains("KM-438")));
        site.host_says(&["unset", "acme-directory"], "");
        said
    }),
    (&codes::SETTING_OUT_OF_RANGE, |site| site.host_says(&["set", "port", "0"], "")),
    (&codes::CONFIG_INVALID, |site| {
        let file = site.write("broken.toml", "prot = 1688\n");
        site.host_says(&["--config", &file, "serve"], "")
    }),
    (&codes::SETTING_FIXED, |site| {
        let (file, data_dir) = (site.write("fixed.toml", "help-url = \"https://help.example\"\n"), site.path("fixed"));
        // Where no host runs, a command takes the file as the host would.
        server_says("keymuster-host", data_dir.as_ref(), &["set", "dns-weight", "1"], "");
        let set = ["--config", &file, "set", "help-url", "https://other.example"];
        server_says("keymuster-host", data_dir.as_ref(), &set, "")
    }),
];
