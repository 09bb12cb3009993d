//! `serve`: answers requests over HTTP until it is told to stop.
//!
//! The first lines on standard output are `listening on http://ADDRESS` and `administration on http://ADDRESS`, once
//! connections are accepted; the log goes to standard error.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use keymuster_service::backup;
use keymuster_service::config::{self, Flags, Watch};
use keymuster_service::console::openid::Provider;
use keymuster_service::database::Checkpointer;
use keymuster_service::edge;
use keymuster_service::exit::Coded;
use keymuster_service::logs;
use keymuster_service::telemetry::Otlp;
use keymuster_service::{Stop, handed, notify};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Site;
use crate::acts::proposal::expire;
use crate::administration::{self, Administration};
use crate::api::App;
use crate::authority::Authority;
use crate::certificates::Keeper;
use crate::configuration::{self, Start, Tls};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::issuer::days_left_if_few;
use crate::output::Output;
use crate::routes::{limits, router};
use crate::store;

/// How often proposals are looked through for those that have waited too long.
const LOOK_THROUGH: Duration = Duration::from_secs(3600);

/// The options of `serve`.
#[derive(Debug, Args)]
pub struct Options {
    /// What the configuration has as well; an option counts before it
    #[command(flatten)]
    pub configuration: Flags<configuration::Authority>,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let configuration = site.loader.load().map_err(Coded::from)?;
        let start = Start::of(&configuration);
        let telemetry = logs::init(start.log_format, &Otlp::of(&configuration), "keymuster-authority");
        let _telemetry = telemetry.map_err(|error| Error::Environment(error.to_string()))?;
        let provider = start.openid_file.as_deref().map(Provider::of_file).transpose();
        let provider = provider.map_err(|error| Error::Environment(format!("{error:#}")))?;
        let (authority, db) = site.authority()?;
        let _occupied = backup::occupy(site.dir.path())?;
        warn(&authority, start.listen);
        let checkpointer = Checkpointer::start(&site.dir.database())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Environment(format!("cannot start threads: {error}")))?;
        let (wishes, wished) = watch::channel(Tls::of(&configuration));
        let tls = Keeper::new(wished, &authority, &site.dir)?;
        let following = Following { watch: Watch::new(site.loader.clone(), configuration), wishes };
        runtime.block_on(serve(App::new(authority, db), (tls, following), &site.dir, (start, provider)))?;
        drop(checkpointer);
        Ok(Output::new(json!({ "stopped": true }), ""))
    }
}

/// The configuration of a running authority.
struct Following {
    watch: Watch,
    /// To whoever keeps TLS.
    wishes: watch::Sender<Tls>,
}

/// What the service manager handed over, or else the address that is configured.
async fn listener(configured: SocketAddr) -> Result<TcpListener, Error> {
    let handed = handed::listener()
        .map_err(|error| Error::Environment(format!("cannot take over the service manager's socket: {error}")))?;
    match handed {
        Some(listener) => Ok(listener),
        None => Ok(edge::bind(configured, "--listen").await?),
    }
}

async fn serve(
    app: Arc<App>,
    (tls, following): (Keeper, Following),
    dir: &DataDir,
    (start, provider): (Start, Option<Provider>),
) -> Result<(), Error> {
    let no_signals = |error| Error::Environment(format!("cannot take signals: {error}"));
    let stop = Stop::on_signals().map_err(no_signals)?;
    let hangups = signal(SignalKind::hangup()).map_err(no_signals)?;
    let listener = listener(start.listen).await?;
    let administration = edge::bind(start.admin_listen, "--admin-listen").await?;
    let addr = listener.local_addr().unwrap_or(start.listen);
    let admin_addr = administration.local_addr().unwrap_or(start.admin_listen);
    let mut administrators = Administration::new(Arc::clone(&app), dir, start.admin_names);
    administrators.certificate = tls.shown();
    if let Some(provider) = provider {
        administrators.console.trust(provider);
    }
    let claim = administrators.console.start().await?;
    let (for_administrators, _) = administration::routes(administrators);
    announce(addr, admin_addr, claim)
        .map_err(|error| Error::Environment(format!("cannot print the address: {error}")))?;
    notify::ready(&format!("listening on {addr}, administration on {admin_addr}"));
    tracing::info!(%addr, administration = %admin_addr, "serving");
    let (public, to_administrators) = (tls.public.clone(), tls.administrators.clone());
    let admin_limits = administration::limits();
    tokio::join!(
        edge::serve_greeted(listener, router(Arc::clone(&app)), limits(), public, stop.clone()),
        edge::serve_greeted(administration, for_administrators, admin_limits, to_administrators, stop.clone()),
        tls.follow(stop.clone()),
        expire_proposals(app, stop.clone()),
        config::follow(following.watch, hangups, stop, move |newer| {
            if let Some(newer) = newer {
                // Whoever keeps TLS is gone at the end alone.
                let _ = following.wishes.send(Tls::of(&newer));
            }
        }),
    );
    tracing::info!("stopped");
    Ok(())
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
    let scheme = if administration.ip().is_loopback() { "http" } else { "https" };
    let mut text = format!("listening on http://{addr}\nadministration on {scheme}://{administration}\n");
    if let Some(token) = claim {
        text += &format!("console {scheme}://{administration}/claim\none-time token {token}\n");
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
        let advice =
            "name it by https:// in trust files: clients and hosts refuse to send product keys over plain HTTP";
        tracing::warn!(%listen, advice, "other machines reach this address without TLS as well");
    }
}
