//! `keymuster-host serve`: answers clients until it is told to stop, then finishes what was begun.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use keymuster_core::id::HostId;
use keymuster_service::console::openid::Provider;
use keymuster_service::edge;
use keymuster_service::logs::{self, LogFormat};
use keymuster_service::{Env, Stop};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::print;
use crate::administration::{self, ADMINISTRATION_PORT, Administration};
use crate::dns;
use crate::engine::Engine;
use crate::forecast;
use crate::listening::{self, Clients};
use crate::routes::{self, App};
use crate::serving::{Board, Serving};
use crate::settings::{self, Follower, HostSettings};
use crate::site::{Home, Site};

const ADMINISTRATION: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), ADMINISTRATION_PORT);

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where clients reach this host, whatever port is set; by default the port that is set, of all addresses.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where administrators and supervisors reach it; only addresses of this machine.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = ADMINISTRATION)]
    admin_listen: SocketAddr,
    /// A name under which browsers reach the administrators' address, beside localhost: that of a proxy with TLS before it.
    #[arg(long, value_name = "NAME")]
    admin_name: Vec<String>,
    /// A file that names the organisation's OpenID provider, so that people can sign in to the console with it.
    #[arg(long, value_name = "FILE")]
    openid: Option<PathBuf>,
    /// The form of the log on standard error: text or json.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

/// What a server is made of beside its options.
struct Parts {
    app: App,
    host: HostId,
    board: Board,
    settings: HostSettings,
    provider: Option<Provider>,
    env: Env,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    logs::init(options.log_format)?;
    anyhow::ensure!(
        options.admin_listen.ip().is_loopback(),
        "--admin-listen {} is not an address of this machine alone, and this listener has no TLS",
        options.admin_listen
    );
    let provider = options.openid.as_deref().map(Provider::of_file).transpose()?;
    let env = Env::system();
    let mut home = Home::open(data_dir, &env)?;
    let shown = data_dir.display();
    let board = Board::take(data_dir).with_context(|| format!("cannot lock the data directory {shown}"))?;
    let board =
        board.with_context(|| format!("another keymuster-host serves {shown}; one directory has one server"))?;
    tell_what_is_missing(&home.site);
    let settings = HostSettings::load(&home.db.transaction()?)?;
    let key = Arc::new(home.key.clone());
    let host = home.site.host;
    let (engine, running) = Engine::start(home, data_dir, env.clone())?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let parts = Parts { app: App { engine, key }, host, board, settings, provider, env };
    runtime.block_on(serve(parts, data_dir, options))?;
    drop(runtime);
    running.join()?;
    tracing::info!("stopped; everything that was asked is answered and stored");
    Ok(())
}

async fn serve(parts: Parts, data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let Parts { app, host, board, settings, provider, env } = parts;
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let hangups = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let clients = listening::bind_first(options.listen, &settings).await?;
    let administration = edge::bind(options.admin_listen, "--admin-listen").await?;
    let (follower, followed) = settings::follow(data_dir, settings)?;
    let addresses = (clients.local_addr()?, administration.local_addr()?);
    let is_fixed = options.listen.is_some();
    let serving = Serving { is_fixed, ..Serving::new(addresses.0, addresses.1, env.now()) };
    let administrators =
        Administration::new(app.engine.clone(), data_dir, host, options.admin_name.clone(), env.clone());
    if let Some(provider) = provider {
        administrators.console.trust(provider);
    }
    let claim = administrators.console.start().await?;
    let (open, progress) = (administrators.open.clone(), administrators.dns_progress.clone());
    let (for_administrators, _) = administration::routes(administrators);
    // Whoever reads where to ask is answered from here on: the system keeps connections until they are accepted.
    let clients = Clients::start(clients, routes::clients(app), board, serving, open);
    // Programs that started this one on port 0 read from here where it is.
    print(&format!("listening on http://{}\nadministration on http://{}\n", addresses.0, addresses.1))?;
    if let Some(token) = claim {
        print(&format!("console http://{}/claim\none-time token {token}\n", addresses.1))?;
    }
    tracing::info!(clients = %addresses.0, administration = %addresses.1, "serving");
    tokio::join!(
        clients.follow(followed.clone(), stop.clone()),
        dns::keep_as_set(data_dir.to_owned(), followed, progress, env.clone(), stop.clone()),
        forecast::watch(data_dir.to_owned(), env, stop.clone()),
        edge::serve(administration, for_administrators, administration::limits(), stop.clone()),
        look_on_hangup(&follower, hangups, stop),
    );
    Ok(())
}

/// SIGHUP is what service managers send to have a configuration read again.
async fn look_on_hangup(follower: &Follower, mut hangups: Signal, stop: Stop) {
    loop {
        tokio::select! {
            () = stop.asked() => return,
            Some(()) = hangups.recv() => {
                tracing::info!("SIGHUP: the settings are read now; they would have been within a second without it");
                follower.look_now();
            }
        }
    }
}

fn tell_what_is_missing(site: &Site) {
    if site.publishers.is_empty() {
        tracing::warn!("no publisher is known yet: run keymuster-host add-publisher, then install-key and activate");
    }
    for held in &site.publishers {
        if held.entitlements.is_empty() {
            tracing::warn!(publisher = %held.trust.publisher, "no entitlement yet: run keymuster-host install-key, then activate");
        }
        for granted in &held.entitlements {
            let entitlement = &granted.entitlement;
            tracing::info!(publisher = %held.trust.publisher, until = %entitlement.stop_at, "entitled");
        }
    }
}
