//! `keymuster-host serve`: answers clients until it is told to stop, then finishes what was begun.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use keymuster_service::edge::{self, Limits};
use keymuster_service::logs::{self, LogFormat};
use keymuster_service::{Env, Stop};
use tokio::net::TcpListener;

use super::print;
use crate::engine::Engine;
use crate::routes::{self, App};
use crate::site::{Home, Site};

const CLIENT_PORT: u16 = 1688;
const ADMINISTRATION: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1689);

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where clients reach this host; by default port 1688 of all addresses.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where administrators and supervisors reach it; only addresses of this machine.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = ADMINISTRATION)]
    admin_listen: SocketAddr,
    /// The form of the log on standard error: text or json.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    logs::init(options.log_format)?;
    anyhow::ensure!(
        options.admin_listen.ip().is_loopback(),
        "--admin-listen {} is not an address of this machine alone, and this listener has no TLS",
        options.admin_listen
    );
    let env = Env::system();
    let home = Home::open(data_dir, &env)?;
    tell_what_is_missing(&home.site);
    let key = Arc::new(home.key.clone());
    let (engine, running) = Engine::start(home, data_dir, env)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(serve(App { engine, key }, options))?;
    drop(runtime);
    running.join()?;
    tracing::info!("stopped; everything that was asked is answered and stored");
    Ok(())
}

async fn serve(app: App, options: &Options) -> anyhow::Result<()> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let clients = bind_clients(options.listen).await?;
    let administration = edge::bind(options.admin_listen, "--admin-listen").await?;
    // Programs that started this one on port 0 read from here where it is.
    print(&format!(
        "listening on http://{}\nadministration on http://{}\n",
        clients.local_addr()?,
        administration.local_addr()?
    ))?;
    tracing::info!(clients = %clients.local_addr()?, administration = %administration.local_addr()?, "serving");
    let for_administrators = routes::administration(app.engine.clone());
    tokio::join!(
        edge::serve(clients, routes::clients(app), Limits::default(), stop.clone()),
        edge::serve(administration, for_administrators, Limits::default(), stop),
    );
    Ok(())
}

/// All addresses means both families where the machine has both.
async fn bind_clients(asked: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    if let Some(address) = asked {
        return Ok(edge::bind(address, "--listen").await?);
    }
    match edge::bind((Ipv6Addr::UNSPECIFIED, CLIENT_PORT).into(), "--listen").await {
        Ok(listener) => Ok(listener),
        Err(_) => Ok(edge::bind((Ipv4Addr::UNSPECIFIED, CLIENT_PORT).into(), "--listen").await?),
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
