//! `keymuster microsoft`: the companion for administrators of Microsoft estates; each subcommand is a file.
//!
//! It reads and explains. Nothing here sends or answers an activation request, and no subcommand writes but to a file that
//! was named on its command line.

mod convert;
mod dns;
mod events;
mod explain;
mod input;
mod keys;
mod plan;
mod status;

use clap::{Args, Subcommand};

use crate::answer::Answer;
use crate::failure::Failure;

/// Options of `microsoft`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look up the public setup keys of Windows and Office: by product, or the product of a key; and which kind of key it
    /// is.
    Keys(keys::Options),
    /// The commands that take machines from a MAK to KMS or back, for one edition or for a list of machines.
    Convert(convert::Options),
    /// Explain an activation code, or a pasted line or event: causes, checks, remedies.
    Explain(explain::Options),
    /// Say what the output of slmgr, ospp or Get-KmsLicenseInfo means, what is wrong, and what to type next.
    Status(status::Options),
    /// From the products that are owned to host keys, hosts, updates, packs and their order.
    Plan(plan::Options),
    /// Show the _vlmcs._tcp records of domains, and what a client there would do with them.
    Dns(dns::Options),
    /// Read event logs of hosts and clients: who was activated when, what failed and why, and what comes next.
    Events(events::Options),
}

pub fn run(options: &Options) -> Result<Answer, Failure> {
    match &options.command {
        Command::Keys(options) => keys::run(options),
        Command::Convert(options) => convert::run(options),
        Command::Explain(options) => explain::run(options),
        Command::Status(options) => status::run(options),
        Command::Plan(options) => plan::run(options),
        Command::Dns(options) => dns::run(options),
        Command::Events(options) => events::run(options),
    }
}
