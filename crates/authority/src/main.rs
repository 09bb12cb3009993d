//! The program of a publisher's authority: reads the command line, makes the one `Env`, and runs the command.

use std::process::ExitCode;

use clap::Parser as _;
use keymuster_authority::commands::Cli;
use keymuster_service::Env;

fn main() -> ExitCode {
    Cli::parse().run(Env::system())
}
