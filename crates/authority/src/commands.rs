//! The command line: one subcommand per file, each a struct of its options and a `run`.

mod accounts;
mod activate;
mod audit;
mod backup;
mod catalogue_check;
mod catalogue_keys;
mod catalogue_sign;
mod certify;
mod config;
mod customer_add;
mod customer_list;
mod customer_resume;
mod customer_stop;
mod doctor;
mod entitlement_list;
mod exchange;
mod host_list;
mod host_revoke;
mod init;
mod issuer_renew;
mod key_list;
mod key_mint_host;
mod key_mint_mak;
mod key_mint_setup;
mod key_revoke;
mod key_show;
mod limits;
mod proposal_confirm;
mod proposal_list;
mod proposal_withdraw;
mod revocations_list;
mod serve;
mod storybook;
mod unit;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use keymuster_core::bundle::{self, Bundle};
use keymuster_core::key::ProductKey;
use keymuster_core::revocation;
use keymuster_qr::Answerer;
use keymuster_service::config::{DATA_DIR, Loader};
use keymuster_service::console::By;
use keymuster_service::console::permission::{Look, Needs};
use keymuster_service::exit::Coded;
use keymuster_service::papers::{Completions, Manual};
use keymuster_service::sql::Connection;
use keymuster_service::{Env, exit};
use serde_json::{Map, Value, json};

use self::config::Said;
use crate::acts::revoke::{Revoked, Target, revoke};
use crate::authority::Authority;
use crate::caller::Caller;
use crate::configuration::{DATA_DIR_BUILT_IN, TABLE};
use crate::data_dir::{DataDir, read_file};
use crate::error::Error;
use crate::output::{Form, Output};
use crate::store::Taken;
use crate::store::product_key::Worth;

/// The publisher's authority: product keys, catalogues, certified hosts, activations, revocations.
#[derive(Debug, Parser)]
#[command(name = "keymuster-authority", version, about)]
#[command(after_help = "Exit codes: 0 done, 1 refused by a rule, 2 wrong command line, 3 something outside failed.")]
pub struct Cli {
    /// The directory that holds everything of this publisher [without: what KEYMUSTER_AUTHORITY_DIR or the file says, or
    /// /var/lib/keymuster-authority]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration file [without: /etc/keymuster/authority.toml, where that exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as one JSON value
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new authority: keys, certificate, trust file, database
    Init(init::Options),
    /// The issuer key, with which the authority signs
    #[command(subcommand)]
    Issuer(Issuer),
    /// The signed list of what the publisher licenses
    #[command(subcommand)]
    Catalogue(Catalogue),
    /// Who bought volume licences
    #[command(subcommand)]
    Customer(Customer),
    /// Product keys
    #[command(subcommand)]
    Key(Key),
    /// The customers' hosts
    #[command(subcommand)]
    Host(Host),
    /// What hosts were granted
    #[command(subcommand)]
    Entitlement(Entitlement),
    /// What was taken back
    #[command(subcommand)]
    Revocations(Revocations),
    /// What waits for a second person
    #[command(subcommand)]
    Proposal(Proposal),
    /// Show or set from which size on taking back needs two persons
    Limits(limits::Options),
    /// Answer a host's request that came as a file or as QR codes
    Certify(certify::Options),
    /// Answer a client's request that came as a file or as QR codes: for an activation by a MAK, or for the time
    Activate(activate::Options),
    /// Answer the requests of many clients, with the MAK for them, that came from a host as a file
    Exchange(exchange::Options),
    #[command(flatten)]
    Accounts(accounts::Options),
    /// Show who did what and when
    Audit(audit::Options),
    /// Look at everything this authority needs to do its work, and say what to do; exit codes: 0 well, 1 works with a
    /// warning, 3 broken
    Doctor(doctor::Options),
    /// Back up everything in one sealed file while the server works, restore it, or move to another machine
    #[command(subcommand)]
    Backup(keymuster_service::backup::BackupCommand),
    /// Answer requests over HTTP until SIGTERM or SIGINT
    Serve(serve::Options),
    /// Show what is configured and where that was given, or check it
    #[command(subcommand)]
    Config(config::Config),
    /// Write every page of the console with sample values, as files to look at
    #[command(hide = true)]
    Storybook(storybook::Options),
    /// Print the unit with which systemd runs this program
    Unit(unit::Options),
    /// Print what lets a shell complete this command line
    Completions(Completions),
    /// Write the manual pages of this program
    Manual(Manual),
}

#[derive(Debug, Subcommand)]
enum Issuer {
    /// Replace the issuer key by a new one, which the root key certifies
    Renew(issuer_renew::Options),
}

#[derive(Debug, Subcommand)]
enum Catalogue {
    /// Check a catalogue file; works without an authority as well
    Check(catalogue_check::Options),
    /// Sign a catalogue file, and write it as a licence pack
    Sign(catalogue_sign::Options),
    /// List the editions of the current catalogue with their setup keys
    Keys(catalogue_keys::Options),
}

#[derive(Debug, Subcommand)]
enum Customer {
    /// Add a customer
    Add(customer_add::Options),
    /// List all customers
    List(customer_list::Options),
    /// Stop all keys and hosts of a customer
    Stop(customer_stop::Options),
    /// Lift the stop of a customer
    Resume(customer_resume::Options),
}

#[derive(Debug, Subcommand)]
enum Key {
    /// Mint a key
    #[command(subcommand)]
    Mint(Mint),
    /// List the keys that were minted for customers
    List(key_list::Options),
    /// Show one key, and where it is used
    Show(key_show::Options),
    /// Revoke a key, with everything that was granted for it
    Revoke(key_revoke::Options),
}

#[derive(Debug, Subcommand)]
enum Mint {
    /// Print the public setup key of an edition
    Setup(key_mint_setup::Options),
    /// Mint a host key, which entitles a customer to run hosts for a group
    Host(key_mint_host::Options),
    /// Mint a MAK, which is worth so many activations of an edition
    Mak(key_mint_mak::Options),
}

#[derive(Debug, Subcommand)]
enum Host {
    /// List all hosts
    List(host_list::Options),
    /// Revoke a host, with every entitlement it has
    Revoke(host_revoke::Options),
}

#[derive(Debug, Subcommand)]
enum Entitlement {
    /// List all entitlements, the newest first
    List(entitlement_list::Options),
}

#[derive(Debug, Subcommand)]
enum Revocations {
    /// List everything that was taken back
    List(revocations_list::Options),
}

#[derive(Debug, Subcommand)]
enum Proposal {
    /// List what waits for a second person, and what did, the newest first
    List(proposal_list::Options),
    /// Do what somebody else has proposed
    Confirm(proposal_confirm::Options),
    /// Take a proposal off the table
    Withdraw(proposal_withdraw::Options),
}

impl Cli {
    /// Runs the command, prints what it says, and returns the exit code of the program.
    pub fn run(self, env: Env) -> ExitCode {
        let form = if self.json { Form::Json } else { Form::Text };
        let said = self.loader().and_then(|(loader, dir)| {
            let site = Site { dir, env, loader };
            let said = self.command.run(&site)?;
            said.output.print(form).map_err(|error| Error::Environment(format!("cannot print the result: {error}")))?;
            Ok(if said.is_wrong { exit::REFUSED } else { said.output.exit() })
        });
        match said {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                exit::tell(&error.to_string(), error.code());
                ExitCode::from(error.exit_code())
            }
        }
    }
}

impl Cli {
    /// From where the configuration comes, and the directory with the data, which each command needs.
    fn loader(&self) -> Result<(Loader, DataDir), Error> {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let mut flags: Vec<(&'static str, String)> =
            self.data_dir.iter().map(|path| (DATA_DIR, absolute(path).display().to_string())).collect();
        flags.extend_from_slice(match &self.command {
            Command::Serve(options) => &options.configuration.given,
            Command::Config(config) => config.flags(),
            _ => &[],
        });
        let loader = Loader::of_process(&TABLE, self.config.clone(), flags);
        let dir = match (&self.command, loader.data_dir(DATA_DIR_BUILT_IN)) {
            (_, Ok(dir)) => dir,
            // It tells more about what is wrong than the first of it.
            (Command::Config(_), Err(_)) => DATA_DIR_BUILT_IN.into(),
            (_, Err(broken)) => return Err(Coded::from(broken).into()),
        };
        Ok((loader, DataDir::new(dir)))
    }
}

impl Command {
    fn run(self, site: &Site) -> Result<Said, Error> {
        match self {
            Command::Config(config) => config.run(&site.loader),
            other => Ok(Said { output: other.act(site)?, is_wrong: false }),
        }
    }

    fn act(self, site: &Site) -> Result<Output, Error> {
        match self {
            Command::Init(options) => options.run(site),
            Command::Issuer(Issuer::Renew(options)) => options.run(site),
            Command::Catalogue(Catalogue::Check(options)) => options.run(site),
            Command::Catalogue(Catalogue::Sign(options)) => options.run(site),
            Command::Catalogue(Catalogue::Keys(options)) => options.run(site),
            Command::Customer(Customer::Add(options)) => options.run(site),
            Command::Customer(Customer::List(options)) => options.run(site),
            Command::Customer(Customer::Stop(options)) => options.run(site),
            Command::Customer(Customer::Resume(options)) => options.run(site),
            Command::Key(Key::Mint(Mint::Setup(options))) => options.run(site),
            Command::Key(Key::Mint(Mint::Host(options))) => options.run(site),
            Command::Key(Key::Mint(Mint::Mak(options))) => options.run(site),
            Command::Key(Key::List(options)) => options.run(site),
            Command::Key(Key::Show(options)) => options.run(site),
            Command::Key(Key::Revoke(options)) => options.run(site),
            Command::Host(Host::List(options)) => options.run(site),
            Command::Host(Host::Revoke(options)) => options.run(site),
            Command::Entitlement(Entitlement::List(options)) => options.run(site),
            Command::Revocations(Revocations::List(options)) => options.run(site),
            Command::Proposal(Proposal::List(options)) => options.run(site),
            Command::Proposal(Proposal::Confirm(options)) => options.run(site),
            Command::Proposal(Proposal::Withdraw(options)) => options.run(site),
            Command::Limits(options) => options.run(site),
            Command::Certify(options) => options.run(site),
            Command::Activate(options) => options.run(site),
            Command::Exchange(options) => options.run(site),
            Command::Accounts(options) => options.run(site),
            Command::Audit(options) => options.run(site),
            Command::Doctor(options) => options.run(site),
            Command::Backup(command) => backup::run(site, &command),
            Command::Serve(options) => options.run(site),
            Command::Config(config) => Ok(config.run(&site.loader)?.output),
            Command::Storybook(options) => options.run(site),
            Command::Unit(options) => options.run(site),
            Command::Completions(options) => completions(&options),
            Command::Manual(options) => manual(&options),
        }
    }
}

fn completions(options: &Completions) -> Result<Output, Error> {
    let text = String::from_utf8_lossy(&options.text(Cli::command())).into_owned();
    Ok(Output::new(json!({ "completions": text }), text))
}

fn manual(options: &Manual) -> Result<Output, Error> {
    let directory = options.directory();
    options.write(Cli::command()).map_err(|error| Error::file("write", directory, &error))?;
    Ok(Output::new(json!({ "directory": directory }), format!("The manual is in {}.", directory.display())))
}

/// Where a command works.
struct Site {
    dir: DataDir,
    env: Env,
    loader: Loader,
}

impl Site {
    /// Whoever runs this program, and the time of the command.
    fn caller(&self) -> Caller {
        Caller::from(&self.by::<Look>())
    }

    /// The same with the permission for an act: who runs this program has them all.
    fn by<P: Needs>(&self) -> By<P> {
        By::of_process(self.env.now())
    }

    fn authority(&self) -> Result<(Authority, Connection), Error> {
        Authority::load(&self.dir, self.env.clone())
    }
}

/// Reads a request that came as a file or as QR codes.
fn read_request(carried: &Answerer) -> Result<Bundle, Error> {
    Ok(Bundle::parse_file(&carried.read_request()?)?)
}

/// Writes an answer in every way that was asked for, and says so.
fn answered(carried: &Answerer, answer: &Bundle, mut value: Value, words: &str) -> Result<Output, Error> {
    let written = carried.write_response(&answer.to_file())?;
    value["files"] = json!(written.files);
    value["frames"] = json!(written.frames());
    Ok(Output::new(value, written.text() + words))
}

/// Reads a file that holds a bundle.
fn read_bundle(path: &Path) -> Result<Bundle, Error> {
    let bytes = read_file(path, bundle::SIZE_MAX + bundle::FILE_MAGIC.len())?;
    Bundle::parse_file(&bytes).map_err(|error| Error::Rule(format!("{}: {error}", path.display())))
}

/// A secret key that was just minted. This is the one time that it is shown.
struct MintedKey<'a> {
    key: &'a ProductKey,
    /// What it is and what it is worth, for people.
    words: String,
    /// The same for machines: the members beside those of every key.
    members: Map<String, Value>,
}

impl MintedKey<'_> {
    fn output(mut self, is_quiet: bool) -> Output {
        let (key, id, last_five) = (self.key.reveal(), self.key.id().to_string(), self.key.last_five());
        let common = [("key", &key), ("id", &id), ("last_five", &last_five)];
        self.members.extend(common.map(|(name, text)| (name.to_owned(), text.as_str().into())));
        if is_quiet {
            return Output::new(self.members.into(), key);
        }
        let text = format!("{key}\n{}", self.words);
        Output::new(self.members.into(), text)
            .note(format!("The key is a secret and is shown this once. Its name is {last_five}, its id {id}."))
    }
}

/// Takes something back, and says which list says so, or that somebody else has to confirm it.
fn revoked(site: &Site, target: &Target, reason: &str, words: &str) -> Result<Output, Error> {
    let (authority, mut db) = site.authority()?;
    match revoke(&authority, &mut db, target, reason, &site.by())? {
        Revoked::Done(list) => Ok(list_output(&list, words)),
        Revoked::Proposed(number) => Ok(proposed(number)),
    }
}

/// That a new list says so.
fn list_output(list: &revocation::Revocations, words: &str) -> Output {
    let value = json!({
        "sequence": list.sequence,
        "entitlements": list.entitlements.len(),
        "hosts": list.hosts.len(),
        "customers": list.customers.len(),
    });
    Output::new(value, format!("{words}; revocation list {} says so.", list.sequence))
        .note("Hosts take it at their next contact with the authority, and clients at their next with a host.")
}

/// That nothing has changed yet.
fn proposed(number: u64) -> Output {
    let text = format!("This waits for a second person as proposal {number}; nothing has changed yet.");
    Output::new(json!({ "proposal": number }), text).note(format!(
        "Another administrator confirms it in the console, or on this machine with `keymuster-authority proposal confirm \
         {number}`. It expires after 7 days."
    ))
}

/// What a key is worth, for people.
pub fn worth_words(worth: &Worth) -> String {
    match worth {
        Worth::Host(worth) => key_mint_host::worth_words(worth),
        Worth::Mak(worth) => key_mint_mak::worth_words(worth),
    }
}

/// What was taken back, for machines.
fn taken_value(taken: Option<&Taken>) -> Value {
    taken.map_or(Value::Null, |taken| json!({ "at": taken.at.as_secs(), "reason": taken.reason }))
}

/// What was taken back, for people.
fn taken_words(taken: Option<&Taken>) -> String {
    taken.map(|taken| format!("{}: {}", taken.at, taken.reason)).unwrap_or_default()
}
