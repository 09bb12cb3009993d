//! `serve`: answers requests over HTTP until it is told to stop.
//!
//! The first line on standard output is `listening on http://ADDRESS`, once connections are accepted; the log goes to
//! standard error.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use clap::Args;
use keymuster_service::database::Checkpointer;
use keymuster_service::edge;
use keymuster_service::logs::{self, LogFormat};
use keymuster_service::{Stop, notify};
use serde_json::json;

use super::Site;
use crate::api::App;
use crate::authority::Authority;
use crate::error::Error;
use crate::issuer::days_left_if_few;
use crate::output::Output;
use crate::routes::{limits, router};

/// The options of `serve`.
#[derive(Debug, Args)]
pub struct Options {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1690")]
    listen: SocketAddr,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        logs::init(LogFormat::Text).map_err(|error| Error::Environment(error.to_string()))?;
        let (authority, db) = site.authority()?;
        warn(&authority, self.listen);
        let checkpointer = Checkpointer::start(&site.dir.database())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Environment(format!("cannot start threads: {error}")))?;
        runtime.block_on(self.serve(App::new(authority, db)))?;
        drop(checkpointer);
        Ok(Output::new(json!({ "stopped": true }), ""))
    }

    async fn serve(&self, app: std::sync::Arc<App>) -> Result<(), Error> {
        let stop = Stop::on_signals().map_err(|error| Error::Environment(format!("cannot take signals: {error}")))?;
        let listener = edge::bind(self.listen, "--listen").await?;
        let addr = listener.local_addr().unwrap_or(self.listen);
        announce(addr).map_err(|error| Error::Environment(format!("cannot print the address: {error}")))?;
        notify::ready(&format!("listening on {addr}"));
        tracing::info!(%addr, "serving");
        edge::serve(listener, router(app), limits(), stop).await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Scripts that start a server on port 0 read the address here.
fn announce(addr: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{addr}")?;
    out.flush()
}

fn warn(authority: &Authority, listen: SocketAddr) {
    if let Some(days) = days_left_if_few(&authority.issuer, authority.env.now()) {
        let advice = "run `keymuster-authority issuer renew` with the root key, then start the server again";
        tracing::warn!(days_left = days, advice, "the issuer may not sign for much longer");
    }
    if !listen.ip().is_loopback() {
        let advice = "put a TLS proxy in front; clients and hosts refuse to send product keys over plain HTTP";
        tracing::warn!(%listen, advice, "product keys travel in clear to this address");
    }
}
