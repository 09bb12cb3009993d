//! What a host's administrator is told: of the machine that it runs on, of packs and of settings.

use std::net::TcpListener;
use std::path::PathBuf;

use keymuster_core::codes;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::fixture::Publisher;
use tempfile::TempDir;

use super::Row;
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
        server_says("keymuster-host", &data_dir, &["activate"], "")
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
    (&codes::SETTING_OUT_OF_RANGE, |site| site.host_says(&["set", "port", "0"], "")),
];
