//! The command line: one file per subcommand. Commands work on the data directory; a running server notices changes.
//!
//! Exit codes: 0 done; 1 a rule said no; 2 the command line was not understood; 3 file, disk or network failed.

mod accounts;
mod audit;
mod backup;
mod client_token;
mod config;
mod dns;
pub(crate) mod doctor;
mod exchange;
mod key_install;
mod key_remove;
mod layout;
mod ledger;
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
mod store_migrate;
mod storybook;
mod unit;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use keymuster_core::id::Slug;
use keymuster_service::config::{DATA_DIR, Loader};
use keymuster_service::exit::Coded;
use keymuster_service::papers::{Completions, Manual};

use crate::configuration::{DATA_DIR_BUILT_IN, TABLE};
use crate::site::Site;

/// Activates the machines around it on the strength of a publisher's entitlement.
#[derive(Debug, Parser)]
#[command(name = "keymuster-host", version)]
pub struct Arguments {
    /// Where database and signing key are [without: what KEYMUSTER_HOST_DIR or the file says, or /var/lib/keymuster-host].
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration file [without: /etc/keymuster/host.toml, where that exists].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
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
    /// Show what is configured and where that was given, or check it.
    #[command(subcommand)]
    Config(config::Command),
    /// Show what this host holds, whom it counts and what to do next.
    Status(status::Options),
    /// Look at everything this host needs to do its work, try it as a new client would, and say what to do. Nothing is
    /// counted, granted or written. Exit codes: 0 well; 1 works, with a warning; 3 broken.
    Doctor(doctor::Options),
    /// Show what DNS says about this host and what differs, change it, or print the records to enter by hand.
    Dns(dns::Options),
    /// Print a file for client machines, by which their products find this host without code.
    ClientToken(client_token::Options),
    /// Print a one-time token for the console: for the first administrator, or for an account that is locked out.
    Claim(accounts::Claim),
    /// Who may use the console.
    Account(accounts::Account),
    /// Tokens with which programs use the administration interface.
    Token(accounts::Token),
    /// Show what administrators did and when.
    Audit(audit::Options),
    /// Recompute what was granted, entry by entry.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Back up everything in one sealed file while the host works, restore it, or move the host to another machine.
    Backup(backup::Options),
    /// Move everything that is stored to another database.
    #[command(subcommand)]
    Store(store_migrate::Command),
    /// Write every page of the console with sample values, to be looked at.
    Storybook(storybook::Options),
    /// Print the unit with which systemd runs this program.
    Unit,
    /// Print what lets a shell complete this command line.
    Completions(Completions),
    /// Write the manual pages of this program.
    Manual(Manual),
}

/// Runs the command that was asked for.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut flags = arguments.data_dir.iter().map(|path| (DATA_DIR, from_here(path))).collect::<Vec<_>>();
    let loader = |flags| Loader::of_process(&TABLE, arguments.config.clone(), flags);
    match &arguments.command {
        Command::Serve(options) => {
            flags.extend_from_slice(&options.configuration.given);
            return serve::run(loader(flags));
        }
        Command::Config(command) => return config::run(&loader(flags), command),
        _ => {}
    }
    let loader = loader(flags);
    let data_dir = loader.data_dir(DATA_DIR_BUILT_IN).map_err(Coded::from)?;
    // The doctor leaves everything as it is, also what the configuration would change.
    if !matches!(
        arguments.command,
        Command::Unit | Command::Storybook(_) | Command::Completions(_) | Command::Manual(_) | Command::Doctor(_)
    ) {
        config::settle(&loader, &data_dir)?;
    }
    match arguments.command {
        // These read the whole configuration themselves.
        Command::Serve(_) | Command::Config(_) => Ok(()),
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
        Command::Doctor(options) => doctor::run(&data_dir, &options),
        Command::Dns(options) => dns::run(&data_dir, &options),
        Command::ClientToken(options) => client_token::run(&data_dir, &options),
        Command::Claim(options) => accounts::claim(&data_dir, &options),
        Command::Account(options) => accounts::account(&data_dir, &options),
        Command::Token(options) => accounts::token(&data_dir, &options),
        Command::Audit(options) => audit::run(&data_dir, &options),
        Command::Ledger(command) => ledger::run(&data_dir, &command),
        Command::Backup(options) => backup::run(&data_dir, &options),
        Command::Store(store_migrate::Command::Migrate(options)) => store_migrate::run(&data_dir, &options),
        Command::Storybook(options) => storybook::run(&options),
        Command::Unit => unit::run(&data_dir, &loader),
        Command::Completions(options) => options.print(Arguments::command()).context("cannot write to standard output"),
        Command::Manual(options) => options
            .write(Arguments::command())
            .with_context(|| format!("cannot write the manual to {}", options.directory().display())),
    }
}

fn from_here(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
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
