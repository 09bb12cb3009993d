//! What a host's command says of name servers that do not take its records.

use std::path::{Path, PathBuf};

use keymuster_core::codes;

use super::Row;
use super::late_dns::late_server;
use super::named::{NameServer, ZoneFile};
use super::site::{closed, server_says};

/// A real name server with a zone that one key may change, and a zone that nobody may.
pub struct Names {
    server: NameServer,
}

impl Names {
    pub fn new() -> Names {
        let policy = "update-policy { grant kms name _keymuster._tcp.muster.test. SRV; };";
        let zones = [
            ZoneFile { name: "muster.test", policy, records: "" },
            ZoneFile { name: "closed.test", policy: "", records: "" },
        ];
        Names { server: NameServer::start(&zones, &["kms"]) }
    }

    /// What the command says that publishes in a zone, by the name server and a key.
    fn published(&self, zone: &str, key: &str) -> String {
        published(zone, &self.server.address.to_string(), &self.key(key))
    }

    fn key(&self, name: &str) -> PathBuf {
        self.server.key_file(name)
    }
}

fn published(zone: &str, server: &str, key: &Path) -> String {
    let key = key.to_str().unwrap();
    let arguments = ["dns", "--publish", "--zone", zone, "--target", "kms.muster.test", "--server", server];
    server_says("keymuster-host", Path::new("/nonexistent"), &[&arguments[..], &["--key-file", key]].concat(), "")
}

pub const ROWS: &[Row<Names>] = &[
    (&codes::DNS_SERVER_UNREACHABLE, |names| published("muster.test", &closed().to_string(), &names.key("kms"))),
    (&codes::DNS_ZONE_NOT_SERVED, |names| names.published("elsewhere.test", "kms")),
    (&codes::DNS_UPDATE_REFUSED, |names| names.published("closed.test", "kms")),
    (&codes::DNS_KEY_MISMATCH, |names| names.published("muster.test", "other")),
    (&codes::DNS_CLOCK_DIFFERS, |names| published("muster.test", &late_server().to_string(), &names.key("kms"))),
    (&codes::DNS_KEY_FILE_UNUSABLE, |names| {
        let missing = names.key("kms").with_file_name("missing.key");
        published("muster.test", &names.server.address.to_string(), &missing)
    }),
];
