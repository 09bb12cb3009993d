//! `cargo xtask long`: checks of releases that take too long for the gate, or tools that nothing else needs.

mod chart;
mod image;
mod reproducible;
mod windows;

use anyhow::{Result, ensure};

use crate::{scenarios, test};

/// What is checked.
#[derive(clap::Args)]
pub struct Options {
    #[arg(value_enum)]
    check: Check,
    /// Options of the check, where it has some; `cargo xtask long crash -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Check {
    /// The chart for Kubernetes, by helm and by the schemas of Kubernetes
    Chart,
    /// Hosts are killed, cut off from power and run out of room, thousands of times
    Crash,
    /// The database of two servers fails over, again and again
    Failover,
    /// The image of the host, by hadolint and buildah; needs what `cargo xtask dist` has built
    Image,
    /// Clients and hosts in a network whose cables are pulled
    Network,
    /// The programs of a release are the same, built from two directories
    Reproducible,
    /// The command for Windows, under Wine
    Windows,
    /// All of a release's packages
    Packages,
}

/// Runs the checks.
pub fn run(options: &Options) -> Result<()> {
    let has_options = [Check::Crash, Check::Failover].contains(&options.check);
    ensure!(has_options || options.arguments.is_empty(), "this check has no options");
    match options.check {
        Check::Chart => chart::check(),
        Check::Crash => scenarios::crash(&options.arguments),
        Check::Failover => scenarios::failover(&options.arguments),
        Check::Image => image::check(),
        Check::Network => test::long("network"),
        Check::Reproducible => reproducible::check(),
        Check::Windows => windows::check(),
        Check::Packages => {
            chart::check()?;
            windows::check()?;
            reproducible::check()?;
            image::check()
        }
    }
}
