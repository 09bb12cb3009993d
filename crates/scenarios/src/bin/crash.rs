//! `cargo xtask long crash`: hosts are killed, cut off and run out of room, thousands of times.

use std::process::ExitCode;

use clap::Parser;
use keymuster_scenarios::crash;

/// Crashes hosts in every way that we know of, and counts what is lost. The build is the debug one; what must hold is that
/// nothing is.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    options: crash::Options,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(code) = crash::mount::alone()? {
        return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
    }
    crash::run(&arguments.options)?;
    Ok(ExitCode::SUCCESS)
}
