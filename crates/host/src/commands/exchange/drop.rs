//! `keymuster-host exchange drop`: forgets requests that were collected, with their results.

use std::path::Path;

use keymuster_core::id::ClientId;
use keymuster_service::console::By;
use keymuster_service::exit::Told;
use keymuster_service::{Env, exit};

use super::print;
use crate::acts::exchange;
use crate::site::Home;

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
    let dropped = exchange::drop(&mut home, &By::local_user(env.now()), options.client)?;
    if dropped == 0 {
        let subject = options.client.map_or_else(|| "all clients".to_owned(), |client| format!("client {client}"));
        exit::tell(&format!("nothing of {subject} is collected; keymuster-host exchange list shows what is"), None);
        return Err(Told.into());
    }
    let plural = if dropped == 1 { "" } else { "s" };
    print(&format!("dropped {dropped} request{plural}; a machine that asks again is collected again\n"))
}
