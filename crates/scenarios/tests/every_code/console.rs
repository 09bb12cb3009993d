//! What a host says to those who administer it by programs and pages.

use keymuster_core::codes;
use keymuster_scenarios::console::{Answer, Console};
use keymuster_scenarios::fixture::Publisher;

use super::Row;
use crate::common::{Host, Place};

/// A host with an administrator, a token that may do everything, and one that only looks.
pub struct Administered {
    place: Place,
    _host: Host,
    console: Console,
    all: String,
    look: String,
}

const PREVIEW: &str = "/api/v1/settings/dns-priority/preview";

impl Administered {
    pub fn new() -> Administered {
        let place = Place::new(Publisher::new(1, 1));
        let host = place.start();
        let console = host.console(&place.data_dir);
        console.run(&["account", "add", "ada", "--role", "administrator"], "a lamp in the fog").unwrap();
        let token = |scopes: &[&str]| format!("Bearer {}", console.token("ada", scopes).unwrap());
        let (all, look) = (token(&["look", "handle", "keys", "settings"]), token(&["look"]));
        Administered { place, _host: host, console, all, look }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let json = [("content-type", "application/json")];
        let Answer { body, .. } = self.console.send(method, path, &[&json[..], headers].concat(), body).unwrap();
        body
    }

    /// Asks what a priority would bring, with an idempotency key.
    fn preview(&self, key: &str, body: &str) -> String {
        self.send("POST", PREVIEW, &[("authorization", &self.all), ("idempotency-key", key)], body)
    }

    /// Asks twice with one key, and changes what was kept between.
    fn preview_twice(&self, key: &str, set: &str) -> String {
        let first = self.preview(key, r#"{"value":"7"}"#);
        assert!(first.contains("dns-priority"), "{first}");
        self.place.tamper(&format!("UPDATE idempotency SET {set} WHERE key = '{key}'"));
        self.preview(key, r#"{"value":"7"}"#)
    }
}

pub const ROWS: &[Row<Administered>] = &[
    (&codes::NOT_SIGNED_IN, |world| world.send("GET", "/api/v1/audit", &[], "")),
    (&codes::PERMISSION_MISSING, |world| {
        world.send("PUT", "/api/v1/settings/port", &[("authorization", &world.look)], r#"{"value":"7"}"#)
    }),
    (&codes::CROSS_SITE, |world| world.send("POST", "/sign-in", &[("origin", "http://other.example")], "")),
    (&codes::NAME_NOT_ALLOWED, |world| world.send("GET", "/sign-in", &[("host", "other.example")], "")),
    (&codes::RECORD_UNKNOWN, |world| world.send("GET", "/api/v1/codes/nothing", &[("authorization", &world.look)], "")),
    (&codes::INPUT_INVALID, |world| world.preview("k1", r#"{"value":"a"}"#)),
    (&codes::IDEMPOTENCY_KEY_REUSED, |world| {
        world.preview("k2", r#"{"value":"7"}"#);
        world.preview("k2", r#"{"value":"8"}"#)
    }),
    // As if the host had been stopped while it worked on the first one.
    (&codes::REQUEST_UNFINISHED, |world| world.preview_twice("k3", "status = 0, answer = NULL")),
    // As after an answer with a secret.
    (&codes::ANSWER_NOT_KEPT, |world| world.preview_twice("k4", "answer = NULL")),
];
