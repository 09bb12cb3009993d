//! `keymuster-host`: the customer's server and its commands.

use std::process::ExitCode;

use clap::Parser as _;
use keymuster_host::commands::{Arguments, run};
use keymuster_service::exit;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => exit::report(&error),
    }
}
