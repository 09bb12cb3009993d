//! The command line: one file per subcommand. Commands work on the data directory; a running server notices changes.
//!
//! Exit codes: 0 done; 1 a rule said no; 2 the command line was not understood; 3 file, disk or network failed.

mod accounts;
mod audit;
pub(crate) mod check;
mod dns;
mod exchange;
mod key_install;
mod key_remove;
mod layout;
mod pack;
mod pack_fetch;
mod pack_import;
mod pack_list;
mod publisher_add;
mod serve;
mod set;
mod settings;
mod site_activate;
mod status;
mod storybook;
mod unit;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use keymuster_core::id::Slug;

use crate::site::Site;

/// Activates the machines around it on the strength of a publisher's entitlement.
#[derive(Debug, Parser)]
#[command(name = "keymuster-host", version)]
pub struct Arguments {
    /// Where database and signing key are.
    #[arg(long, global = true, env = "KEYMUSTER_HOST_DIR", default_value = "/var/lib/keymuster-host")]
    data_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer clients until stopped.
    Serve(serve::Options),
    /// Add a publisher by its trust file and licence pack, or give a known one a newer pack.
    AddPublisher(publisher_add::Options),
    /// Install a host key, read from standard input or a file.
    InstallKey(key_install::Options),
    /// Remove a host key with its entitlement; without a key named, all of them.
    RemoveKey(key_remove::Options),
    /// Take over licence packs, and show those that are held.
    #[command(subcommand)]
    Pack(pack::Command),
    /// Ask the publisher's authority for entitlements, over the network or by file.
    Activate(site_activate::Options),
    /// Have machines that cannot reach the publisher's authority activated by a MAK.
    #[command(subcommand)]
    Exchange(exchange::Command),
    /// Show every setting with its value, where that comes from, and what it may be.
    Settings(settings::Options),
    /// Set a setting; a running host follows without a restart.
    Set(set::Options),
    /// Take a setting back to what counts without it.
    Unset(set::UnsetOptions),
    /// Show what this host holds, whom it counts and what to do next.
    Status(status::Options),
    /// Try the running host as a new client would, without being counted or granted anything.
    Check(check::Options),
    /// Show what DNS says about this host and what differs, change it, or print the records to enter by hand.
    Dns(dns::Options),
    /// Print a one-time token for the console: for the first administrator, or for an account that is locked out.
    Claim(accounts::Claim),
    /// Who may use the console.
    Account(accounts::Account),
    /// Tokens with which programs use the administration interface.
    Token(accounts::Token),
    /// Show what administrators did and when.
    Audit(audit::Options),
    /// Write every page of the console with sample values, to be looked at.
    Storybook(storybook::Options),
    /// Print the unit with which systemd runs this program.
    Unit,
}

/// Runs the command that was asked for.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let data_dir = arguments.data_dir;
    match arguments.command {
        Command::Serve(options) => serve::run(&data_dir, &options),
        Command::AddPublisher(options) => publisher_add::run(&data_dir, &options),
        Command::InstallKey(options) => key_install::run(&data_dir, &options),
        Command::RemoveKey(options) => key_remove::run(&data_dir, &options),
        Command::Pack(pack::Command::Import(options)) => pack_import::run(&data_dir, &options),
        Command::Pack(pack::Command::Fetch(options)) => pack_fetch::run(&data_dir, &options),
        Command::Pack(pack::Command::List(options)) => pack_list::run(&data_dir, &options),
        Command::Activate(options) => site_activate::run(&data_dir, &options),
        Command::Exchange(command) => exchange::run(&data_dir, &command),
        Command::Settings(options) => settings::run(&data_dir, &options),
        Command::Set(options) => set::run(&data_dir, &options),
        Command::Unset(options) => set::run_unset(&data_dir, &options),
        Command::Status(options) => status::run(&data_dir, &options),
        Command::Check(options) => check::run(&data_dir, &options),
        Command::Dns(options) => dns::run(&data_dir, &options),
        Command::Claim(options) => accounts::claim(&data_dir, &options),
        Command::Account(options) => accounts::account(&data_dir, &options),
        Command::Token(options) => accounts::token(&data_dir, &options),
        Command::Audit(options) => audit::run(&data_dir, &options),
        Command::Storybook(options) => storybook::run(&options),
        Command::Unit => unit::run(&data_dir),
    }
}

/// The publisher that is meant: the named one, or the only one.
fn choose_publisher(site: &Site, named: Option<&Slug>) -> anyhow::Result<usize> {
    site.choose(named.map(Slug::as_str))
}

/// Prints lines for people or machines on standard output.
fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")
}

/// Reads one line that must not stand on a command line, where every user of the machine could see it.
fn read_secret_line(prompt: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        let mut stderr = std::io::stderr().lock();
        write!(stderr, "{prompt}: ").and_then(|()| stderr.flush()).context("cannot write to the terminal")?;
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read standard input")?;
    Ok(line)
}
