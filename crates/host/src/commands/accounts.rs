//! `keymuster-host claim`, `account` and `token`: who may use the console and the administration interface.

use std::path::Path;

use anyhow::Context as _;
use keymuster_service::Env;
use keymuster_service::console::By;
use keymuster_service::console::commands::{self, AccountCommand, Commands, Said, TokenCommand};

use crate::pages::PRODUCT;
use crate::store;

/// Options of `claim`.
#[derive(Debug, clap::Args)]
pub struct Claim {
    #[command(flatten)]
    claim: commands::ClaimOptions,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Options of `account`.
#[derive(Debug, clap::Args)]
pub struct Account {
    #[command(subcommand)]
    command: AccountCommand,
    /// Write JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

/// Options of `token`.
#[derive(Debug, clap::Args)]
pub struct Token {
    #[command(subcommand)]
    command: TokenCommand,
    /// Write JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

/// Runs `claim`.
pub fn claim(data_dir: &Path, options: &Claim) -> anyhow::Result<()> {
    run(data_dir, options.json, |commands| commands.claim(&options.claim))
}

/// Runs `account`.
pub fn account(data_dir: &Path, options: &Account) -> anyhow::Result<()> {
    run(data_dir, options.json, |commands| commands.account(&options.command))
}

/// Runs `token`.
pub fn token(data_dir: &Path, options: &Token) -> anyhow::Result<()> {
    run(data_dir, options.json, |commands| commands.token(&options.command))
}

fn run(
    data_dir: &Path,
    is_json: bool,
    command: impl FnOnce(&mut Commands<'_>) -> anyhow::Result<Said>,
) -> anyhow::Result<()> {
    let env = Env::system();
    let opened = store::open(data_dir);
    let mut db = opened.with_context(|| format!("cannot open the data directory {}", data_dir.display()))?;
    let by = By::local_user(env.now());
    let said = command(&mut Commands { db: &mut db, product: &PRODUCT, by, env: &env })?;
    commands::print(&said, is_json)
}
