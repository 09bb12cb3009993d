//! The command line: one file per subcommand.

mod activate;
mod add;
mod completions;
mod doctor;
mod expires;
mod explain;
mod host;
mod inspect;
mod install_key;
mod manual;
mod microsoft;
mod rearm;
mod release;
mod remove_key;
mod renew;
mod reset_time;
mod set;
mod settings;
mod slmgr;
mod status;
mod unset;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::machines::Many;

/// Activates products on this machine and explains what Keymuster says.
///
/// Exit codes: 0 done; 1 a rule said no; 2 the command line was not understood; 3 network, disk or host failed;
/// 4 not licensed (status, expires); 5 a document or product key is not valid; 6 some machines of a list failed.
#[derive(Debug, Parser)]
#[command(name = "keymuster", version)]
pub struct Arguments {
    #[command(flatten)]
    pub machine: Machine,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show whether the products of this machine are licensed, until when, and what was tried last.
    Status(Many),
    /// Say until when each product can be used, and what happens then.
    Expires,
    /// Ask for activation now, over the network or by file.
    Activate(activate::Options),
    /// Look at every link between this machine and its licence: names, hosts, clocks, key and what is held; say what is
    /// wrong and what to do. Nothing is counted or granted. Exit codes: 0 well; 1 works, with a warning; 3 broken.
    Doctor,
    /// Ask for the next lease now.
    Renew(Many),
    /// Give the lease back.
    Release(Many),
    /// Install a setup key (a host is asked from then on) or a MAK (the publisher's authority is).
    InstallKey(install_key::Options),
    /// Take a product's key off this machine, with what was activated by it.
    RemoveKey,
    /// Give up client id, key and leases of a publisher's products, so that each copy of this installation becomes a client
    /// of its own; with --edition, only begin that edition's grace anew.
    Rearm(rearm::Options),
    /// Ask the publisher's authority for the time, after this machine's clock was once far ahead, over the network or by
    /// file.
    ResetTime(reset_time::Options),
    /// Show which value of each setting counts, who said so, and what it may be.
    Settings,
    /// Set a value for the machine, or for a publisher or an edition; running products follow it.
    Set(set::Options),
    /// Take a value out of the machine's settings, or out of those of a publisher or an edition.
    Unset(unset::Options),
    /// Make a product known to this machine by its trust file and licence pack.
    Add(add::Options),
    /// Show what is in a document, licence pack, request, response, trust file or product key, and whether it verifies.
    Inspect(inspect::Options),
    /// The verbs of slmgr for the same things here, such as `-dlv` or `/skms HOST`; without one, they are listed.
    Slmgr(slmgr::Options),
    /// Administer a host of this machine or at the end of a tunnel, with a token, as its console does.
    // `keymuster-host` has pages of its own, under the names that these would have.
    #[command(display_name = "keymuster-remote-host")]
    Host(host::Options),
    /// Explain a code: what it means, why it happens, what to do.
    Explain(explain::Options),
    /// The companion for administrators of Microsoft estates: it reads and explains setup keys, codes, pasted output, event
    /// logs and DNS, converts and plans; it never sends or answers an activation request, and holds no secret of Microsoft's.
    ///
    /// It writes nothing but a file that you name. Everything but dns works without a network, on any system.
    Microsoft(microsoft::Options),
    /// Print what lets a shell complete this command line.
    Completions(completions::Options),
    /// Write the manual pages of this program.
    Manual(manual::Options),
}

/// Runs the command that was asked for.
pub fn run(arguments: Arguments) -> Result<Answer, Failure> {
    let machine = &arguments.machine;
    // These are about no product of this machine.
    let is_of_machine = !matches!(
        arguments.command,
        Command::Inspect(_)
            | Command::Explain(_)
            | Command::Host(_)
            | Command::Microsoft(_)
            | Command::Completions(_)
            | Command::Manual(_)
    );
    let result = run_command(machine, arguments.command);
    if is_of_machine { result.map_err(|failure| failure.with_help(|| machine.help_url())) } else { result }
}

fn run_command(machine: &Machine, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Status(many) => status::run(machine, &many),
        Command::Expires => expires::run(machine),
        Command::Activate(options) => activate::run(machine, &options),
        Command::Doctor => doctor::run(machine),
        Command::Renew(many) => renew::run(machine, &many),
        Command::Release(many) => release::run(machine, &many),
        Command::InstallKey(options) => install_key::run(machine, &options),
        Command::RemoveKey => remove_key::run(machine),
        Command::Rearm(options) => rearm::run(machine, &options),
        Command::ResetTime(options) => reset_time::run(machine, &options),
        Command::Settings => settings::run(machine),
        Command::Set(options) => set::run(machine, &options),
        Command::Unset(options) => unset::run(machine, &options),
        Command::Add(options) => add::run(machine, &options),
        Command::Inspect(options) => inspect::run(machine, &options),
        Command::Slmgr(options) => slmgr::run(machine, &options),
        Command::Host(options) => host::run(machine, &options),
        Command::Explain(options) => explain::run(&options),
        Command::Microsoft(options) => microsoft::run(&options),
        Command::Completions(options) => Ok(completions::run(&options, Arguments::command())),
        Command::Manual(options) => manual::run(&options, Arguments::command()),
    }
}
