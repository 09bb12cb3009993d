//! `keymuster-host exchange drop`: forgets requests that were collected, with their results.

use std::path::Path;

use keymuster_core::id::ClientId;
use keymuster_service::exit::Told;
use keymuster_service::{Env, exit};

use super::print;
use crate::site::Home;
use crate::store::{audit, collected};

/// Options of `exchange drop`.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Options {
    /// What was collected of one client.
    #[arg(long, value_name = "ID")]
    client: Option<ClientId>,
    /// Everything, also what has a result that no machine has fetched yet.
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let mut home = Home::open(data_dir, &env)?;
    let tx = home.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let (dropped, subject) = match options.client {
        Some(client) => (collected::drop_client(&tx, client)?, format!("client {client}")),
        None => (collected::drop_all(&tx)?, "all clients".to_owned()),
    };
    if dropped == 0 {
        exit::tell(&format!("nothing of {subject} is collected; keymuster-host exchange list shows what is"), None);
        return Err(Told.into());
    }
    let detail = format!("{dropped} requests");
    let act =
        audit::Act { actor: &audit::operating_user(), act: "requests dropped", subject: &subject, detail: &detail };
    audit::record(&tx, act, env.now())?;
    tx.commit()?;
    let plural = if dropped == 1 { "" } else { "s" };
    print(&format!("dropped {dropped} request{plural}; a machine that asks again is collected again\n"))
}
