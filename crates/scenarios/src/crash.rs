//! Crash tests of a host and its ledger: it is killed, its power goes, its disk fails or is full; what clients were told
//! before is there afterwards.
//!
//! Whoever adds a part here adds a canary where there is none yet: a check that cannot fail says nothing.

pub mod canaries;
pub mod cuts;
pub mod disk;
pub mod figures;
pub mod fleet;
pub mod full;
pub mod host;
pub mod kills;
pub mod lot;
pub mod mount;
pub mod place;
pub mod steps;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use figures::Figures;
use lot::{Lot, SEED};
use steps::{Scenario, Which};

/// Options of the long run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How often a host under load is killed.
    #[arg(long, default_value_t = 5000)]
    kills: u64,
    /// How often the power goes under load.
    #[arg(long, default_value_t = 500)]
    cuts: u64,
    /// How often the disk is full.
    #[arg(long, default_value_t = 100)]
    full: u64,
    /// At how many changes of the disk each other fault is tried; by default at all of a small scenario.
    #[arg(long, value_name = "N")]
    changes: Option<u64>,
    /// Where all figures are written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "crash.json")]
    json: PathBuf,
}

/// Runs everything; an error is what did not hold.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let seed = lot::seed()?;
    say(&format!("{SEED}={seed}\n"))?;
    let lot = Lot::new(seed);
    let mut all: Vec<Figures> = Vec::new();
    let mut add = |figures: Vec<Figures>| {
        all.extend(figures);
        let text = format!("{:#}\n", figures::json(seed, &all));
        std::fs::write(&options.json, text).with_context(|| format!("cannot write {}", options.json.display()))
    };
    add(canaries::run(&lot, 50)?)?;
    let which = options.changes.map_or(Which::All, Which::Drawn);
    for scenario in [Scenario::Serve, Scenario::Migrate] {
        add(steps::run(&lot, scenario, which)?)?;
    }
    let cuts = cuts::run(&lot, options.cuts)?;
    add(vec![cuts.under_load, cuts.in_recovery])?;
    add(vec![full::run(&lot, options.full)?])?;
    add(vec![kills::run(&lot, options.kills)?])?;
    say(&figures::table(&all))?;
    for figures in &all {
        ensure!(figures.holds(), "{}: {} of {} lost", figures.what, figures.lost, figures.acknowledged);
    }
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")
}
