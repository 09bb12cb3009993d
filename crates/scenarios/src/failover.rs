//! Failover tests: two servers of one host on a PostgreSQL of three nodes, which fails in every way that we know of; what
//! clients were told is in the ledger of whoever leads afterwards.
//!
//! The cluster is the one of the guide, by the same configuration file. Whoever adds a fault keeps the canary: with
//! asynchronous replication the same check must miss something.

pub mod canary;
pub mod cluster;
pub mod faults;
pub mod figures;
pub mod node;
pub mod site;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use crate::crash::figures::Progress;
use crate::crash::lot::{self, Lot, SEED};
use cluster::Cluster;
use faults::Fault;
use figures::Figures;
use site::Site;

/// Faults before a new host takes its place, so that the whole ledger can be read each time.
const FAULTS_OF_A_HOST: usize = 5;

/// Options of the long run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How often the leader's machine is killed.
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// How often the leader stands still until another one leads, and then goes on.
    #[arg(long, default_value_t = 15)]
    stops: usize,
    /// How often the leader is cut off: from the other nodes, and each second time from everybody.
    #[arg(long, default_value_t = 15)]
    cuts: usize,
    /// How often the leader is changed as planned.
    #[arg(long, default_value_t = 5)]
    switchovers: usize,
    /// How often both standbys are lost.
    #[arg(long, default_value_t = 3)]
    standbys: usize,
    /// Within how many kills the canary must have lost something.
    #[arg(long, default_value_t = 20)]
    canary: u64,
    /// Where all figures are written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "failover.json")]
    json: PathBuf,
}

impl Options {
    /// All faults, in an order that is drawn.
    fn faults(&self, lot: &Lot) -> Vec<Fault> {
        let cuts = (0..self.cuts).map(|number| [Fault::CutFromNodes, Fault::CutFromAll][number % 2]);
        let times = |fault, times| std::iter::repeat_n(fault, times);
        let mut faults: Vec<Fault> = times(Fault::Kill, self.kills).chain(times(Fault::Stop, self.stops)).collect();
        faults.extend(
            cuts.chain(times(Fault::Switchover, self.switchovers)).chain(times(Fault::Standbys, self.standbys)),
        );
        for last in (1..faults.len()).rev() {
            faults.swap(last, lot.below(last as u64 + 1) as usize);
        }
        faults
    }
}

/// Runs everything; an error is what did not hold.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let seed = lot::seed()?;
    say(&format!("{SEED}={seed}\n"))?;
    let lot = Lot::new(seed);
    let mut cluster = Cluster::start()?;
    let faults = options.faults(&lot);
    let mut all = Figures::of_all();
    let mut progress = Progress::new("faults", faults.len() as u64);
    for (number, faults) in faults.chunks(FAULTS_OF_A_HOST).enumerate() {
        let mut site = Site::new(&cluster, &lot, &format!("host{number}"))?;
        for fault in faults {
            let figures =
                all.iter_mut().find(|figures| figures.what == fault.name()).context("a fault without figures")?;
            site.endure(&mut cluster, *fault, figures)
                .with_context(|| site.logs() + &cluster.logs())
                .with_context(|| fault.name())?;
            progress.step();
            std::fs::write(&options.json, format!("{:#}\n", figures::json(seed, &all)))?;
        }
        site.stop()?;
    }
    if options.canary > 0 {
        all.push(canary::run(&mut cluster, &lot, options.canary)?);
        std::fs::write(&options.json, format!("{:#}\n", figures::json(seed, &all)))?;
    }
    say(&figures::table(&all))?;
    say(&format!("nodes that could not be rewound, and were copied: {}\n", cluster.made_anew))?;
    for figures in &all {
        ensure!(figures.holds(), "{}: {} of {} lost", figures.what, figures.lost, figures.acknowledged);
        ensure!(figures.is_in_time(), "{}: nobody was answered for too long: {:?}", figures.what, figures.gaps);
    }
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).context("cannot write to standard output")
}
