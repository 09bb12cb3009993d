//! What DNS says beside what it should say, and whether the machines that it names answer.

use std::net::SocketAddr;
use std::time::Duration;

use keymuster_service::Env;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use utoipa::ToSchema;

use super::look::{SrvRecord, addresses};
use super::name::Wire;

/// More targets are not asked whether they answer.
const TARGETS_MAX: usize = 20;
/// More addresses of one target are not tried, as clients do not either.
const ADDRESSES_MAX: usize = 4;
/// How long clients wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// The records of a domain, each with what is to be said about it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Comparison {
    /// How this host is there.
    pub own: Own,
    /// In the order in which clients try them.
    pub records: Vec<Compared>,
}

/// How a host is in DNS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// As it should, and only so.
    Present,
    /// With another port, priority or weight, alone or beside the right record.
    Stale,
    /// Not at all.
    Missing,
}

/// One record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Compared {
    /// What DNS says.
    #[serde(flatten)]
    pub record: SrvRecord,
    /// Whose it is.
    pub standing: Standing,
    /// Why clients do not reach a host by it, if they do not.
    pub problem: Option<String>,
}

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// This host's, as it should be.
    Own,
    /// This host's, by its target, but not as it should be.
    Stale,
    /// Of another host.
    Foreign,
}

/// Compares the records of a domain with the one that this host should have, and knocks at all their targets, whose
/// addresses come from `servers`.
pub async fn compare(expected: &SrvRecord, found: Vec<SrvRecord>, servers: &[SocketAddr], env: &Env) -> Comparison {
    let mut knocks = JoinSet::new();
    for (place, record) in found.iter().cloned().enumerate().take(TARGETS_MAX) {
        let (servers, env) = (servers.to_vec(), env.clone());
        knocks.spawn(async move { (place, problem(&record, &servers, &env).await) });
    }
    let mut problems = vec![Some(format!("not asked, because it is beyond the first {TARGETS_MAX}")); found.len()];
    while let Some(knocked) = knocks.join_next().await {
        let (place, problem) = knocked.expect("a knock neither panics nor is cancelled");
        problems[place] = problem;
    }
    let records: Vec<Compared> = found
        .into_iter()
        .zip(problems)
        .map(|(record, problem)| Compared { standing: standing(&record, expected), record, problem })
        .collect();
    Comparison { own: own(&records), records }
}

fn standing(record: &SrvRecord, expected: &SrvRecord) -> Standing {
    match record {
        record if record == expected => Standing::Own,
        record if record.target == expected.target => Standing::Stale,
        _ => Standing::Foreign,
    }
}

fn own(records: &[Compared]) -> Own {
    let has = |standing| records.iter().any(|compared| compared.standing == standing);
    if has(Standing::Stale) {
        Own::Stale
    } else if has(Standing::Own) {
        Own::Present
    } else {
        Own::Missing
    }
}

/// Why a client that follows this record does not reach a host, if it does not.
async fn problem(record: &SrvRecord, servers: &[SocketAddr], env: &Env) -> Option<String> {
    // A record that anybody may have put into DNS must not make clients knock at other services of a machine.
    if record.port != 443 && record.port < 1024 {
        return Some("clients pass it over: they use port 443 and ports from 1024 on".to_owned());
    }
    let Ok(target) = Wire::vec_from_str(&record.target) else { return Some("its target is no name".to_owned()) };
    if target.is_root() {
        return Some("clients pass it over: it says that there is no host".to_owned());
    }
    let addresses = match addresses(&target, servers, env).await {
        Ok(addresses) => addresses,
        Err(failure) => return Some(failure.detail),
    };
    let mut problem = "its target has no address".to_owned();
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        let address = SocketAddr::new(address, record.port);
        problem = match tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => format!("no answer from {address}: {error}"),
            Err(_) => format!("no answer from {address} within {} seconds", CONNECT_WITHIN.as_secs()),
        };
    }
    Some(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn records_are_told_apart_by_their_target() {
        let record = |priority, port, target: &str| SrvRecord { priority, weight: 10, port, target: target.to_owned() };
        let expected = record(0, 1688, "a.test");
        for (found, own, standings) in [
            (vec![], Own::Missing, vec![]),
            (vec![record(0, 1688, "a.test")], Own::Present, vec![Standing::Own]),
            (vec![record(1, 1688, "a.test")], Own::Stale, vec![Standing::Stale]),
            (vec![record(0, 1689, "a.test")], Own::Stale, vec![Standing::Stale]),
            (vec![record(0, 1688, "b.test")], Own::Missing, vec![Standing::Foreign]),
            (
                vec![record(0, 1688, "a.test"), record(0, 1688, "b.test"), record(7, 1688, "a.test")],
                Own::Stale,
                vec![Standing::Own, Standing::Foreign, Standing::Stale],
            ),
        ] {
            let comparison = compare(&expected, found, &[], &Env::system()).await;
            let found: Vec<Standing> = comparison.records.iter().map(|compared| compared.standing).collect();
            assert_eq!((comparison.own, found), (own, standings));
        }
    }

    #[tokio::test]
    async fn what_clients_pass_over_is_not_even_looked_up() {
        for (port, target, expected) in [
            (25, "a.test", "they use port 443"),
            (1023, "a.test", "they use port 443"),
            (1688, ".", "there is no host"),
            (1688, "a..b", "no name"),
            (443, "a.test", "no name server is known"),
            (1024, "a.test", "no name server is known"),
        ] {
            let record = SrvRecord { priority: 0, weight: 0, port, target: target.to_owned() };
            let problem = problem(&record, &[], &Env::system()).await.unwrap();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
