//! `serve`: answers requests over HTTP until it is told to stop.
//!
//! The first lines on standard output are `listening on http://ADDRESS` and `administration on http://ADDRESS`, once
//! connections are accepted; the log goes to standard error.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use keymuster_service::console::openid::Provider;
use keymuster_service::database::Checkpointer;
use keymuster_service::edge;
use keymuster_service::logs::{self, LogFormat};
use keymuster_service::{Stop, notify};
use serde_json::json;

use super::Site;
use crate::acts::proposal::expire;
use crate::administration::{self, ADMINISTRATION_PORT, Administration};
use crate::api::App;
use crate::authority::Authority;
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::issuer::days_left_if_few;
use crate::output::Output;
use crate::routes::{limits, router};
use crate::store;

const ADMINISTRATION: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ADMINISTRATION_PORT);
/// How often proposals are looked through for those that have waited too long.
const LOOK_THROUGH: Duration = Duration::from_secs(3600);

/// The options of `serve`.
#[derive(Debug, Args)]
pub struct Options {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1690")]
    listen: SocketAddr,
    /// Where administrators and supervisors reach it; only addresses of this machine
    #[arg(long, value_name = "ADDRESS", default_value_t = ADMINISTRATION)]
    admin_listen: SocketAddr,
    /// A name under which browsers reach the administrators' address, beside localhost: that of a proxy with TLS before it
    #[arg(long, value_name = "NAME")]
    admin_name: Vec<String>,
    /// A file that names the organisation's OpenID provider, so that people can sign in to the console with it
    #[arg(long, value_name = "FILE")]
    openid: Option<PathBuf>,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        logs::init(LogFormat::Text).map_err(|error| Error::Environment(error.to_string()))?;
        if !self.admin_listen.ip().is_loopback() {
            let why = "is not an address of this machine alone, and this listener has no TLS";
            return Err(Error::Environment(format!("--admin-listen {} {why}", self.admin_listen)));
        }
        let provider = self.openid.as_deref().map(Provider::of_file).transpose();
        let provider = provider.map_err(|error| Error::Environment(format!("{error:#}")))?;
        let (authority, db) = site.authority()?;
        warn(&authority, self.listen);
        let checkpointer = Checkpointer::start(&site.dir.database())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Environment(format!("cannot start threads: {error}")))?;
        runtime.block_on(self.serve(App::new(authority, db), &site.dir, provider))?;
        drop(checkpointer);
        Ok(Output::new(json!({ "stopped": true }), ""))
    }

    async fn serve(&self, app: Arc<App>, dir: &DataDir, provider: Option<Provider>) -> Result<(), Error> {
        let stop = Stop::on_signals().map_err(|error| Error::Environment(format!("cannot take signals: {error}")))?;
        let listener = edge::bind(self.listen, "--listen").await?;
        let administration = edge::bind(self.admin_listen, "--admin-listen").await?;
        let addr = listener.local_addr().unwrap_or(self.listen);
        let admin_addr = administration.local_addr().unwrap_or(self.admin_listen);
        let administrators = Administration::new(Arc::clone(&app), dir, self.admin_name.clone());
        if let Some(provider) = provider {
            administrators.console.trust(provider);
        }
        let claim = administrators.console.start().await?;
        let (for_administrators, _) = administration::routes(administrators);
        announce(addr, admin_addr, claim)
            .map_err(|error| Error::Environment(format!("cannot print the address: {error}")))?;
        notify::ready(&format!("listening on {addr}, administration on {admin_addr}"));
        tracing::info!(%addr, administration = %admin_addr, "serving");
        tokio::join!(
            edge::serve(listener, router(Arc::clone(&app)), limits(), stop.clone()),
            edge::serve(administration, for_administrators, administration::limits(), stop.clone()),
            expire_proposals(app, stop),
        );
        tracing::info!("stopped");
        Ok(())
    }
}

/// Whoever decides on a proposal ends what has expired; here it ends also where nobody does.
async fn expire_proposals(app: Arc<App>, stop: Stop) {
    loop {
        let app = Arc::clone(&app);
        let acted = tokio::task::spawn_blocking(move || {
            app.act(|authority, db| {
                let tx = store::begin(db)?;
                expire(&tx, authority.env.now())?;
                Ok(tx.commit()?)
            })
        });
        if let Ok(Err(error)) = acted.await {
            tracing::warn!(%error, "cannot look through the proposals");
        }
        tokio::select! {
            () = stop.asked() => return,
            () = tokio::time::sleep(LOOK_THROUGH) => {}
        }
    }
}

/// Scripts that start a server on port 0 read the addresses here, and the first administrator how to get in.
fn announce(addr: SocketAddr, administration: SocketAddr, claim: Option<String>) -> io::Result<()> {
    let mut text = format!("listening on http://{addr}\nadministration on http://{administration}\n");
    if let Some(token) = claim {
        text += &format!("console http://{administration}/claim\none-time token {token}\n");
    }
    // All at once: who reads the first line alone may be gone for the second.
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
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
