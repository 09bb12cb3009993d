//! Answers every request with its own body, on the edge that host and authority use: what HTTP alone costs.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use keymuster_service::Stop;
use keymuster_service::edge::{self, Limits};

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = edge::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "no option").await?;
        writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        let router = Router::new().route("/v1/activate", post(async |body: Bytes| body));
        edge::serve(listener, router, Limits::default(), Stop::on_signals()?).await;
        Ok(())
    })
}
