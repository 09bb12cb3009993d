//! The same with asynchronous replication, which must lose something, so that one can believe the run that loses nothing.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use keymuster_host::store;

use super::cluster::Cluster;
use super::faults::{await_answers, longest_silence};
use super::figures::Figures;
use super::site::Site;
use crate::crash::fleet::Checked;
use crate::crash::lot::Lot;
use crate::ledger::Ledger;

/// Kills leaders until something is missed, at most so many times.
pub fn run(cluster: &mut Cluster, lot: &Lot, kills: u64) -> anyhow::Result<Figures> {
    let mut figures = Figures::new("canary: asynchronous replication, leader killed");
    figures.is_canary = true;
    cluster.set_synchronous(false)?;
    while figures.lost == 0 && figures.times < kills {
        let mut site = Site::new(cluster, lot, &format!("canary{}", figures.times))?;
        one(cluster, &mut site, &mut figures).with_context(|| site.logs())?;
        site.stop()?;
    }
    cluster.set_synchronous(true)?;
    Ok(figures)
}

/// The standbys do not hear the newest grants, which are acknowledged all the same; then the leader is gone.
fn one(cluster: &mut Cluster, site: &mut Site, figures: &mut Figures) -> anyhow::Result<()> {
    let (leader, answers) = (cluster.whole()?, site.answers());
    let addresses = site.addresses();
    let gap = site.fleet.ask_among(&addresses, |answered| {
        await_answers(answered, answers)?;
        let others = cluster.others(leader);
        let standbys: Vec<_> = others.iter().map(|other| cluster.member(*other)).collect();
        cluster.cut(cluster.member(leader), &standbys)?;
        await_answers(answered, answers)?;
        let begin = Instant::now();
        let (node, network) = cluster.node(leader);
        node.kill(network)?;
        longest_silence(answered, begin, || cluster.leader(Some(leader)).is_some_and(|now| now != leader))
    })?;
    // Not before: the kernel of a machine whose programs are killed goes on to send what they had written.
    cluster.heal()?;
    cluster.bring_back(leader)?;
    cluster.whole()?;
    let Checked { ledger, missing } = site.check()?;
    (figures.times, figures.entries) = (figures.times + 1, figures.entries + ledger.len());
    figures.acknowledged += site.fleet.acknowledged();
    figures.lost += missing.len() as u64;
    figures.gaps.push(gap);
    if missing.iter().any(|missing| missing.contains("lease")) { demand_notice(site, &ledger) } else { Ok(()) }
}

/// A client that shows a lease which the ledger does not have is noticed: a new epoch begins.
fn demand_notice(site: &mut Site, ledger: &Ledger) -> anyhow::Result<()> {
    let answer = site.fleet.show_lost(site.addresses()[1], ledger)?;
    let mut db = store::open_read_only(site.data_dir())?;
    let begun = store::epoch::newest(&db.transaction()?)?;
    ensure!(begun.is_some(), "a lease is lost, its client has shown it, and nobody notices: {answer:?}");
    Ok(())
}
