//! What a console says to those who come from, or back from, their organisation's provider.

use std::process::Stdio;

use keymuster_core::codes;
use keymuster_scenarios::console::Console;
use keymuster_scenarios::fixture::Publisher;

use super::Row;
use super::common::{Host, Place};

/// A host that trusts a provider that is not there.
pub struct Alone {
    console: Console,
    _host: Host,
    _place: Place,
}

impl Alone {
    pub fn new() -> Alone {
        let place = Place::new(Publisher::new(1, 1));
        let directory = place.data_dir.parent().unwrap();
        keymuster_service::files::write_private(&directory.join("secret"), b"s").unwrap();
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = format!("issuer = \"http://{gone}\"\nclient_id = \"c\"\nclient_secret_file = \"secret\"\n");
        let path = directory.join("openid.toml");
        std::fs::write(&path, file).unwrap();
        let host = Host::start_with(&place.data_dir, &["--openid-file", path.to_str().unwrap()], Stdio::null());
        Alone { console: host.console(&place.data_dir), _host: host, _place: place }
    }

    fn ask(&self, path: &str) -> String {
        self.console.send("GET", path, &[], "").unwrap().body
    }
}

pub const ROWS: &[Row<Alone>] = &[
    (&codes::PROVIDER_FAILED, |world| world.ask("/openid/start")),
    (&codes::PROVIDER_ACCOUNT_REFUSED, |world| world.ask("/openid/back?state=of-somebody-else")),
];
