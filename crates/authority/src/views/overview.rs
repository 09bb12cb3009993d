//! What a publisher sees first: what is used, what runs out, what waits, and what was refused.

use keymuster_core::codes;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;
use super::hosts::HostRow;
use super::keys::{Catalogued, KeyRow};
use super::proposals::{self, ProposalRow};
use crate::authority::Authority;
use crate::error::Error;
use crate::store;
use crate::store::tally;

/// Days of the chart.
const DAYS: u64 = 30;
/// How long before its end an entitlement is listed.
const ENDING_SECS: u64 = 45 * DAY;
/// After which silence a host is listed: longer than a usual entitlement lasts without being renewed.
const SILENT_SECS: u64 = 195 * DAY;
/// Rows of each list.
const ROWS: u32 = 8;
/// For how long refusals are counted.
const REFUSED_SECS: u64 = 7 * DAY;

/// The overview.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Overview {
    /// The publisher's name for people.
    pub publisher: String,
    /// The time of the view.
    pub now: Time,
    /// How many customers there are.
    pub customers: u64,
    /// How many hosts are not revoked.
    pub hosts: u64,
    /// How many keys are not revoked.
    pub keys: u64,
    /// The version of the newest catalogue; 0 where none was signed.
    pub catalogue_version: u32,
    /// The issuer key's certificate.
    pub issuer: IssuerView,
    /// The last 30 days, the oldest first.
    pub days: Vec<DayRow>,
    /// MAKs of which at least four fifths are used, those with the least left first.
    pub maks_running_low: Vec<KeyRow>,
    /// Hosts whose entitlement ends within 45 days or has ended within the last 45, the next to end first.
    pub entitlements_ending: Vec<HostRow>,
    /// Hosts that have not asked for 195 days, those that are silent longest first.
    pub hosts_silent: Vec<HostRow>,
    /// How many hosts and clients were refused in the last 7 days, by code.
    pub refusals: Vec<RefusedRow>,
    /// What waits for a second person.
    pub proposals: Vec<ProposalRow>,
}

/// With what the authority signs, and until when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Issuer)]
pub struct IssuerView {
    /// The key's short name.
    pub signer: String,
    /// Since when it may sign.
    pub not_before: Time,
    /// Until when it may sign.
    pub sign_until: Time,
}

/// One day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Day)]
pub struct DayRow {
    /// Its first second, in UTC.
    pub begin: Time,
    /// Activations by MAKs.
    pub activations: u64,
    /// Entitlements of hosts.
    pub entitlements: u64,
    /// Refusals.
    pub refusals: u64,
}

/// How many were refused for one reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = RefusedCount)]
pub struct RefusedRow {
    /// The code.
    pub code: String,
    /// The number of the code: `KM-303`.
    #[serde(skip)]
    pub number: String,
    /// What it means.
    #[serde(skip)]
    pub meaning: &'static str,
    /// How many hosts and clients.
    pub machines: u64,
}

/// Loads it.
pub fn load(authority: &Authority, tx: &Transaction<'_>, now: Timestamp) -> Result<Overview, Error> {
    let catalogued = Catalogued::load(authority, tx)?;
    let maks = store::product_key::running_low(tx, ROWS)?;
    let ending = store::host::ending(tx, now.minus(ENDING_SECS), now.plus(ENDING_SECS), ROWS)?;
    let silent = store::host::silent(tx, now.minus(SILENT_SECS), ROWS)?;
    Ok(Overview {
        publisher: authority.publisher.name.to_string(),
        now: now.into(),
        customers: store::customer::count(tx)?,
        hosts: store::host::count(tx)?,
        keys: store::product_key::count_living(tx)?,
        catalogue_version: authority.newest_catalogue(tx)?.map_or(0, |catalogue| catalogue.version),
        issuer: IssuerView {
            signer: authority.issuer.key.signer().to_string(),
            not_before: authority.issuer.not_before.into(),
            sign_until: authority.issuer.sign_until.into(),
        },
        days: tally::days(tx, now, DAYS)?.into_iter().map(DayRow::from).collect(),
        maks_running_low: maks.iter().map(|key| catalogued.row(tx, key)).collect::<Result<_, _>>()?,
        entitlements_ending: ending.into_iter().map(HostRow::from).collect(),
        hosts_silent: silent.into_iter().map(HostRow::from).collect(),
        refusals: store::refusal::by_code(tx, now.minus(REFUSED_SECS))?.into_iter().map(RefusedRow::from).collect(),
        proposals: proposals::pending(tx, now)?,
    })
}

impl From<tally::Day> for DayRow {
    fn from(day: tally::Day) -> DayRow {
        let tally::Day { begin, activations, entitlements, refusals } = day;
        DayRow { begin: begin.into(), activations, entitlements, refusals }
    }
}

impl From<(String, u64)> for RefusedRow {
    fn from((code, machines): (String, u64)) -> RefusedRow {
        let known = codes::all().find(|known| known.name == code);
        RefusedRow {
            number: known.map(|code| format!("KM-{}", code.number)).unwrap_or_default(),
            meaning: known.map_or("", |code| code.sentence),
            code,
            machines,
        }
    }
}
