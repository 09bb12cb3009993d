//! What happens to a cluster under load, and for how long nobody is answered then.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::cluster::Cluster;

/// The `ttl` of the configuration, ten seconds for the new leader and the servers, and half a minute where the standby that is
/// left has to be rewound before anything can be committed: it may have heard more of the old leader than the new one had.
const GAP_MAX: Duration = Duration::from_secs(20 + 10 + 30);
/// How long to wait for a new leader and an answer, before it is called a failure: on a machine that is busy with other work
/// a new leader may have to be found twice.
const WATCH_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// For how long nothing may be granted where no standby is left, and how long what was decided before may take to arrive.
const BLOCKED: Duration = Duration::from_secs(10);
const ARRIVED: Duration = Duration::from_secs(1);
/// Answers that show that everything goes on.
const GOES_ON: u64 = 40;

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The leader's machine fails: Patroni, the postmaster and all it has started are killed.
    Kill,
    /// The leader's machine stands still until another one leads; then it goes on, as a stale primary.
    Stop,
    /// The leader hears neither etcd nor the other nodes, and the servers hear all of them.
    CutFromNodes,
    /// Nobody hears the leader.
    CutFromAll,
    /// An administrator has another node lead.
    Switchover,
    /// Both standbys' machines fail.
    Standbys,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 6] =
        [Fault::Kill, Fault::Stop, Fault::CutFromNodes, Fault::CutFromAll, Fault::Switchover, Fault::Standbys];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Kill => "leader killed (kill -9 of everything on its machine)",
            Fault::Stop => "leader stopped until another leads, then continued",
            Fault::CutFromNodes => "leader cut off from etcd and the standbys",
            Fault::CutFromAll => "leader cut off from everybody",
            Fault::Switchover => "planned switchover",
            Fault::Standbys => "both standbys killed for ten seconds: nothing may be granted",
        }
    }

    /// Happens, and is over when this returns; for how long nobody was answered.
    pub fn happen(
        self,
        cluster: &mut Cluster,
        leader: usize,
        answers: u64,
        answered: &Receiver<Instant>,
    ) -> anyhow::Result<Duration> {
        await_answers(answered, answers)?;
        let begin = Instant::now();
        self.begin(cluster, leader)?;
        let gap = match self {
            Fault::Standbys => {
                demand_silence(answered)?;
                self.end(cluster, leader)?;
                longest_silence(answered, begin, || true)?
            }
            _ => {
                let leads_another = || cluster.leader(Some(leader)).is_some_and(|now| now != leader);
                let gap = longest_silence(answered, begin, leads_another)?;
                self.end(cluster, leader)?;
                gap
            }
        };
        // The node that comes back disturbs nobody for long.
        await_answers(answered, GOES_ON)?;
        Ok(gap)
    }

    fn begin(self, cluster: &mut Cluster, leader: usize) -> anyhow::Result<()> {
        match self {
            Fault::Kill => kill(cluster, leader),
            Fault::Stop => signal(cluster, leader, "-STOP"),
            Fault::CutFromNodes | Fault::CutFromAll => {
                let others = cluster.others(leader);
                let mut from: Vec<_> = others.iter().map(|other| cluster.member(*other)).collect();
                from.push(cluster.etcd());
                if self == Fault::CutFromAll {
                    from.push(cluster.servers());
                }
                cluster.cut(cluster.member(leader), &from)
            }
            Fault::Switchover => cluster.switch_over(leader),
            Fault::Standbys => cluster.others(leader).into_iter().try_for_each(|standby| kill(cluster, standby)),
        }
    }

    fn end(self, cluster: &mut Cluster, leader: usize) -> anyhow::Result<()> {
        match self {
            Fault::Kill => cluster.bring_back(leader),
            Fault::Stop => signal(cluster, leader, "-CONT"),
            Fault::CutFromNodes | Fault::CutFromAll => cluster.heal(),
            Fault::Switchover => Ok(()),
            Fault::Standbys => cluster.others(leader).into_iter().try_for_each(|standby| cluster.bring_back(standby)),
        }
    }

    /// For how long nobody may be answered at most.
    pub fn gap_max(self) -> Duration {
        if self == Fault::Standbys { WATCH_MAX } else { GAP_MAX }
    }
}

fn kill(cluster: &mut Cluster, at: usize) -> anyhow::Result<()> {
    let (node, network) = cluster.node(at);
    node.kill(network)
}

fn signal(cluster: &mut Cluster, at: usize, signal: &str) -> anyhow::Result<()> {
    let (node, network) = cluster.node(at);
    ensure!(node.signal(network, signal)?, "nothing runs on node {at}");
    Ok(())
}

/// Waits for so many answers; a client that stops for another reason says so itself.
pub fn await_answers(answered: &Receiver<Instant>, answers: u64) -> anyhow::Result<()> {
    for _ in 0..answers {
        match answered.recv_timeout(WATCH_MAX) {
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => bail!("no answer for {WATCH_MAX:?}"),
        }
    }
    Ok(())
}

/// The longest time without an answer from `begin` to the first answer after something `is_so`.
pub fn longest_silence(
    answered: &Receiver<Instant>,
    begin: Instant,
    is_so: impl Fn() -> bool,
) -> anyhow::Result<Duration> {
    let (mut last, mut longest, mut looked, mut so_since) = (begin, Duration::ZERO, begin, None);
    while begin.elapsed() < WATCH_MAX {
        if so_since.is_none() && looked.elapsed() > LOOK_EVERY {
            so_since = is_so().then(Instant::now);
            looked = Instant::now();
        }
        match answered.recv_timeout(LOOK_EVERY) {
            Ok(at) => {
                longest = longest.max(at.saturating_duration_since(last));
                last = at;
                if so_since.is_some_and(|since| at > since) {
                    return Ok(longest);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("the clients have stopped"),
        }
    }
    bail!("nobody is answered again after {WATCH_MAX:?}; another leads: {}", so_since.is_some())
}

/// Nobody is answered while no standby is there; what was decided before may still arrive.
fn demand_silence(answered: &Receiver<Instant>) -> anyhow::Result<()> {
    let begin = Instant::now();
    while let Some(left) = BLOCKED.checked_sub(begin.elapsed()) {
        match answered.recv_timeout(left) {
            Ok(at) => {
                let after = at.saturating_duration_since(begin);
                ensure!(after < ARRIVED, "answered {after:?} after the last standby was gone");
            }
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => bail!("the clients have stopped"),
        }
    }
    Ok(())
}
