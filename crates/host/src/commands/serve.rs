//! `keymuster-host serve`: answers clients until it is told to stop, then finishes what was begun.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use keymuster_core::id::HostId;
use keymuster_service::acme;
use keymuster_service::config::{self, Configuration, DATA_DIR, Flags, Loader, Watch};
use keymuster_service::console::openid::Provider;
use keymuster_service::database::Failure;
use keymuster_service::edge::{self, Greetings, Limits};
use keymuster_service::exit::Coded;
use keymuster_service::logs;
use keymuster_service::telemetry::Otlp;
use keymuster_service::tls::Certificate;
use keymuster_service::{Env, Stop};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::print;
use crate::administration::{self, Administration};
use crate::configuration::{DATA_DIR_BUILT_IN, Host, Start};
use crate::dns;
use crate::engine::Engine;
use crate::forecast;
use crate::listening::{self, Clients};
use crate::mirror;
use crate::pruning;
use crate::routes::{self, App};
use crate::serving::{Board, Serving};
use crate::settings::{self, Follower, HostSettings};
use crate::site::{Home, Site};
use crate::store;
use crate::tls::{Acme, Keeper};
use crate::windows;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What the configuration has as well; an option counts before it.
    #[command(flatten)]
    pub configuration: Flags<Host>,
}

/// What a server is made of beside its options.
struct Parts {
    app: App,
    host: HostId,
    board: Board,
    settings: HostSettings,
    provider: Option<Provider>,
    certificate: Certificate,
    env: Env,
    start: Start,
}

/// Runs the command.
pub fn run(loader: Loader) -> anyhow::Result<()> {
    let configuration = loader.load().map_err(Coded::from)?;
    let start = Start::of(&configuration);
    let data_dir = configuration.get(DATA_DIR).unwrap_or(DATA_DIR_BUILT_IN).to_owned();
    let data_dir = Path::new(&data_dir);
    let _telemetry = logs::init(start.log_format, &Otlp::of(&configuration), "keymuster-host")?;
    let provider = start.openid_file.as_deref().map(Provider::of_file).transpose()?;
    let env = Env::system();
    let mut home = Home::open(data_dir, &env)?;
    let shown = data_dir.display();
    let board = Board::take(data_dir).with_context(|| format!("cannot lock the data directory {shown}"))?;
    let board =
        board.with_context(|| format!("another keymuster-host serves {shown}; one directory has one server"))?;
    settings::note(&mut home.db, &configuration, env.now())?;
    if let Some(file) = &configuration.file {
        tracing::info!(file = %file.display(), keys = configuration.given.len(), "the configuration is read");
    }
    mirror::heed(&mut home, data_dir, env.now())?;
    // What was noted counts for the publishers as well.
    home.site = Site::load(&home.db.transaction()?)?;
    tell_what_is_missing(&home.site);
    let settings = HostSettings::load(&home.db.transaction()?)?;
    let key = Arc::new(home.key.clone());
    let (host, certificate) = (home.site.host, home.certificate.clone());
    let (engine, running) = Engine::start(home, data_dir, env.clone())?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let parts = Parts { app: App { engine, key }, host, board, settings, provider, certificate, env, start };
    let env = parts.env.clone();
    runtime.block_on(serve(parts, data_dir, Watch::new(loader, configuration)))?;
    drop(runtime);
    running.join()?;
    if let Err(error) = mirror::write_last(data_dir, env.now()) {
        tracing::warn!(error = format!("{error:#}"), "cannot write the mirror of the ledger's head");
    }
    tracing::info!("stopped; everything that was asked is answered and stored");
    Ok(())
}

async fn serve(parts: Parts, data_dir: &Path, watch: Watch) -> anyhow::Result<()> {
    let Parts { app, host, board, settings, provider, certificate, env, start } = parts;
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let hangups = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let (clients, is_fixed) = listening::bind_first(start.listen, &settings).await?;
    let administration = edge::bind(start.admin_listen, "--admin-listen").await?;
    let (to_clients, to_administrators) = (Greetings::default(), Greetings::default());
    let (orders, line) = acme::Keeper::new(data_dir, env.clone());
    let acme = Acme { line, listen: start.acme_listen };
    let mut tls = Keeper::new(certificate, to_clients.tls.clone(), to_administrators.tls.clone(), acme);
    let (reports, reported) = watch::channel(tls.look(&settings.tls));
    let (follower, followed) = settings::follow(data_dir, settings)?;
    let addresses = (clients.local_addr()?, administration.local_addr()?);
    let told = Some(reported.borrow().clone());
    let serving = Serving { is_fixed, tls: told, ..Serving::new(addresses.0, addresses.1, env.now()) };
    let names = start.admin_names.iter().cloned().chain(settings::full_name()).collect();
    let administrators =
        Administration::new(app.engine.clone(), (data_dir, store::place(data_dir)?), host, names, env.clone());
    if let Some(provider) = provider {
        administrators.console.trust(provider);
    }
    let claim = administrators.console.start().await?;
    let (open, progress) = (administrators.open.clone(), administrators.dns_progress.clone());
    let (for_administrators, _) = administration::routes(administrators);
    // Whoever reads where to ask is answered from here on: the system keeps connections until they are accepted.
    let limits = Limits { open, ..Limits::default() };
    let clients = Clients::start(clients, routes::clients(app), limits, to_clients.clone(), (board, serving));
    // Programs that started this one on port 0 read from here where it is.
    let scheme = if addresses.1.ip().is_loopback() { "http" } else { "https" };
    print(&format!("listening on http://{}\nadministration on {scheme}://{}\n", addresses.0, addresses.1))?;
    if let Some(token) = claim {
        print(&format!("console {scheme}://{}/claim\none-time token {token}\n", addresses.1))?;
    }
    tracing::info!(clients = %addresses.0, administration = %addresses.1, "serving");
    tokio::join!(
        clients.follow(followed.clone(), reported, stop.clone()),
        tls.follow(followed.clone(), reports, stop.clone()),
        orders.run(stop.clone()),
        windows::keep_count(data_dir.to_owned(), to_clients.rpc, stop.clone()),
        dns::keep_as_set(data_dir.to_owned(), followed, progress, env.clone(), stop.clone()),
        forecast::watch(data_dir.to_owned(), env.clone(), stop.clone()),
        mirror::keep(data_dir.to_owned(), env.clone(), stop.clone()),
        pruning::keep_short(data_dir.to_owned(), env.clone(), stop.clone()),
        edge::serve_greeted(
            administration,
            for_administrators,
            administration::limits(),
            to_administrators,
            stop.clone()
        ),
        config::follow(watch, hangups, stop, apply(data_dir.to_owned(), env, follower)),
    );
    Ok(())
}

/// Notes a configuration that was read again, and has the settings followed at once.
fn apply(data_dir: PathBuf, env: Env, follower: Follower) -> impl FnMut(Option<Configuration>) + Send {
    move |newer| {
        let note = |configuration: Configuration| -> Result<(), Failure> {
            settings::note(&mut store::open(&data_dir)?, &configuration, env.now())
        };
        if let Some(Err(error)) = newer.map(note) {
            tracing::error!(%error, "cannot note the new configuration; the one before goes on until it is read again");
        }
        follower.look_now();
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
