//! Hosts: the list, and one with all that it was granted and refused.

use keymuster_core::id::HostId;
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::refusals::RefusalRow;
use super::{Page, Query, TakenView, Time, unknown};
use crate::authority::Authority;
use crate::error::Error;
use crate::store;
use crate::store::host::Entitled;

/// Rows of each list on a host's page.
const ROWS: u32 = 20;

/// A host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Host)]
pub struct HostRow {
    /// Its id.
    pub host: String,
    /// Its name, where it told one.
    pub name: Option<String>,
    /// Whose it is.
    pub customer: String,
    /// Distinct clients that it counted when it last asked, where it told.
    pub clients: Option<u64>,
    /// When it first asked.
    pub first_seen_at: Time,
    /// When it last asked.
    pub last_seen_at: Time,
    /// When its last entitlement ends.
    pub entitled_until: Option<Time>,
    /// When and why it was revoked, if it was.
    pub revoked: Option<TakenView>,
}

/// What a host was granted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Entitlement)]
pub struct EntitlementRow {
    /// Its id.
    pub entitlement: String,
    /// The id of the key.
    pub key: String,
    /// The last five symbols of the key.
    pub last_five: String,
    /// When it was issued.
    pub issued_at: Time,
    /// When it ends.
    pub stop_at: Time,
}

/// A host with what concerns it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct HostDetail {
    /// The host.
    #[serde(flatten)]
    pub host: HostRow,
    /// Its newest entitlements, at most 20.
    pub entitlements: Vec<EntitlementRow>,
    /// What was refused to it last, at most 20.
    pub refusals: Vec<RefusalRow>,
}

/// One page of the list: those that asked last come first.
pub fn list(tx: &Transaction<'_>, query: &Query) -> Result<Page<HostRow>, Error> {
    let after = (!query.after.is_empty()).then(|| query.after.parse::<HostId>());
    let after = after.transpose().map_err(|_| Error::Rule("after is no place of this list".to_owned()))?;
    let rows = store::host::page(tx, &query.words(), &query.customer, after, query.rows() + 1)?;
    let rows = rows.into_iter().map(HostRow::from).collect();
    Ok(Page::cut(rows, query.rows(), |row: &HostRow| row.host.clone()))
}

/// One host.
pub fn load(authority: &Authority, tx: &Transaction<'_>, id: &str) -> Result<HostDetail, Error> {
    let id: HostId = id.parse().map_err(|_| unknown("host", id))?;
    let host = store::host::entitled(tx, id)?.ok_or_else(|| unknown("host", id))?;
    let mut entitlements = Vec::new();
    for issued in store::entitlement::of_host(tx, id, ROWS)? {
        let minted = store::product_key::find(tx, issued.key)?.ok_or_else(|| unknown("key", issued.key))?;
        entitlements.push(EntitlementRow {
            entitlement: issued.id.to_string(),
            key: issued.key.to_string(),
            last_five: authority.key_of(&minted)?.last_five(),
            issued_at: issued.issued_at.into(),
            stop_at: issued.stop_at.into(),
        });
    }
    let refusals = store::refusal::newest(tx, store::refusal::Of::Subject(&id.to_string()), None, ROWS)?;
    let refusals = refusals.into_iter().map(RefusalRow::from).collect();
    Ok(HostDetail { host: host.into(), entitlements, refusals })
}

impl From<Entitled> for HostRow {
    fn from(entitled: Entitled) -> HostRow {
        let Entitled { host, until } = entitled;
        HostRow {
            host: host.id.to_string(),
            name: host.name.map(|name| name.to_string()),
            customer: host.customer.to_string(),
            clients: host.clients,
            first_seen_at: host.first_seen_at.into(),
            last_seen_at: host.last_seen_at.into(),
            entitled_until: until.map(|until| until.into()),
            revoked: host.revoked.map(TakenView::from),
        }
    }
}
