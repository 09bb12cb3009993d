//! Entering, replacing and removing this host's own records, each zone in one signed change that is done whole or not at
//! all.
//!
//! What stands there is read first, because an update can remove only records that it names. Between reading and changing
//! another host may add its record: that does no harm, as no record but an own one is ever named.

use domain::base::{Rtype, Ttl};
use domain::rdata::Srv;
use keymuster_core::codes;
use keymuster_service::Env;
use keymuster_service::exit::Coded;
use serde::Serialize;
use utoipa::ToSchema;

use super::authority::{primary_of, zone_of};
use super::exchange::{Data, Found, Server, Step, refused};
use super::look::system_servers;
use super::name::{DnsName, Wire};
use super::{Publication, TTL_SECS, Zone};

/// What was done, name by name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = DnsPublished)]
pub struct Published {
    /// In the order of the zones, the target's addresses last.
    pub entries: Vec<Entry>,
}

/// What was done at one name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = DnsEntry)]
pub struct Entry {
    /// Where the records stand.
    #[schema(value_type = String)]
    pub name: DnsName,
    /// What was done there.
    pub change: Change,
}

/// What became of a host's own records at a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = DnsChange)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// There was none before.
    Added,
    /// There was another one before, which is gone.
    Replaced,
    /// It was there already.
    Kept,
    /// It is gone.
    Removed,
    /// There was none.
    Absent,
}

/// Enters the host's records into all its zones. A zone that fails does not keep the others from being tried.
pub async fn publish(publication: &Publication, env: &Env) -> Result<Published, Coded> {
    act(publication, env, Intent::Enter).await
}

/// Removes the host's own SRV records from all its zones, whatever port, priority and weight they have, and the
/// addresses that are listed.
pub async fn withdraw(publication: &Publication, env: &Env) -> Result<Published, Coded> {
    act(publication, env, Intent::Remove).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Intent {
    Enter,
    Remove,
}

async fn act(publication: &Publication, env: &Env, intent: Intent) -> Result<Published, Coded> {
    let (mut entries, mut failures, mut is_away) = (Vec::new(), Vec::new(), false);
    for zone in &publication.zones {
        match srv(publication, zone, env, intent).await {
            Ok(change) => entries.push(Entry { name: zone.name.service(), change }),
            Err(failure) => {
                is_away = failure.code == &codes::DNS_SERVER_UNREACHABLE && publication.server.is_some();
                failures.push(Coded { detail: format!("{}: {failure}", zone.name), ..failure });
            }
        }
        // Nobody waits for the same server once more.
        if is_away {
            break;
        }
    }
    if !publication.addresses.is_empty() && !is_away {
        match addresses(publication, env, intent).await {
            Ok(change) => entries.push(Entry { name: publication.target.clone(), change }),
            Err(failure) => {
                failures.push(Coded { detail: format!("addresses of {}: {failure}", publication.target), ..failure });
            }
        }
    }
    let details: Vec<&str> = failures.iter().map(|failure| failure.detail.as_str()).collect();
    match failures.first() {
        Some(first) => Err(Coded { code: first.code, detail: details.join("; ") }),
        None => Ok(Published { entries }),
    }
}

/// The server that takes changes of a name: the one that was named, or else the primary of its zone.
async fn server_for<'a>(name: &Wire, publication: &'a Publication, env: &'a Env) -> Result<Server<'a>, Coded> {
    let address = match publication.server {
        Some(address) => address,
        None => primary_of(name, &system_servers(), env).await?,
    };
    Ok(Server { address, key: Some(&publication.tsig), env })
}

async fn srv(publication: &Publication, zone: &Zone, env: &Env, intent: Intent) -> Result<Change, Coded> {
    let name = zone.name.service().wire();
    let server = server_for(&name, publication, env).await?;
    let apex = zone_of(&name, server).await?.apex;
    let target = publication.target.wire();
    let wanted = Srv::new(zone.priority, zone.weight, publication.port, target.clone());
    let found = server.ask(&name, Rtype::SRV).await?;
    let set = || found.iter().filter(|found| found.owner == name && matches!(found.data, Data::Srv(_)));
    let is_own = |data: &&Data| matches!(data, Data::Srv(srv) if *srv.target() == target);
    let own: Vec<&Data> = set().map(|found| &found.data).filter(is_own).collect();
    let wanted = (intent == Intent::Enter).then_some(Data::Srv(wanted));
    let stale = own.iter().filter(|data| Some(**data) != wanted.as_ref());
    let mut steps: Vec<Step> = stale.map(|data| Step::Remove(name.clone(), (*data).clone())).collect();
    let change = match (&wanted, own.is_empty(), steps.is_empty()) {
        (Some(_), true, _) => Change::Added,
        (Some(_), false, true) => Change::Kept,
        (Some(_), false, false) => Change::Replaced,
        (None, true, _) => return Ok(Change::Absent),
        (None, false, _) => Change::Removed,
    };
    let is_entered = wanted.is_some();
    // A record that is there is entered again, which shows that the server and the key still allow it.
    steps.extend(wanted.map(|data| Step::Enter(name.clone(), ttl(set()), data)));
    server.change(&apex, &steps).await?;
    if is_entered {
        check_no_alias(server, &name).await?;
    }
    Ok(change)
}

/// Beside an alias nothing else can stand; a server leaves what is added there out without saying so (RFC 2136, 3.4.2.2).
async fn check_no_alias(server: Server<'_>, name: &Wire) -> Result<(), Coded> {
    let found = server.ask(name, Rtype::SRV).await?;
    if found.iter().any(|found| found.owner == *name && found.data == Data::Alias) {
        return Err(refused(server.address, &format!("did not enter the record, because {name} is an alias (CNAME)")));
    }
    Ok(())
}

async fn addresses(publication: &Publication, env: &Env, intent: Intent) -> Result<Change, Coded> {
    let name = publication.target.wire();
    let server = server_for(&name, publication, env).await?;
    let apex = zone_of(&name, server).await?.apex;
    let (mut steps, mut there) = (Vec::new(), 0);
    for kind in [Rtype::A, Rtype::AAAA] {
        let found = server.ask(&name, kind).await?;
        let set = || found.iter().filter(|found| found.owner == name && matches!(found.data, Data::Address(_)));
        let of_kind = publication.addresses.iter().filter(|address| address.is_ipv4() == (kind == Rtype::A));
        for address in of_kind {
            let data = Data::Address(*address);
            there += usize::from(set().any(|found| found.data == data));
            steps.push(match intent {
                Intent::Enter => Step::Enter(name.clone(), ttl(set()), data),
                Intent::Remove => Step::Remove(name.clone(), data),
            });
        }
    }
    server.change(&apex, &steps).await?;
    if intent == Intent::Enter {
        check_no_alias(server, &name).await?;
    }
    Ok(match (intent, there) {
        (Intent::Enter, there) if there == steps.len() => Change::Kept,
        (Intent::Enter, _) => Change::Added,
        (Intent::Remove, 0) => Change::Absent,
        (Intent::Remove, _) => Change::Removed,
    })
}

/// The time that a set of records has, which is the administrator's to choose, and otherwise ours.
fn ttl<'a>(mut set: impl Iterator<Item = &'a Found>) -> Ttl {
    set.next().map_or(Ttl::from_secs(TTL_SECS), |found| found.ttl)
}
