//! The newest licence pack: what the publisher licenses, with the public setup keys.

use keymuster_service::sql::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;
use crate::authority::Authority;
use crate::error::Error;

/// The newest catalogue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Pack)]
pub struct PackView {
    /// Its version.
    pub version: u32,
    /// When it was signed.
    pub issued_at: Time,
    /// What host keys cover.
    pub groups: Vec<GroupRow>,
    /// What is licensed.
    pub editions: Vec<EditionRow>,
}

/// A group of editions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub struct GroupRow {
    /// Its id.
    pub group: String,
    /// Its name.
    pub name: String,
}

/// An edition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Edition)]
pub struct EditionRow {
    /// Its id.
    pub edition: String,
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// How many clients have to ask before anyone is activated.
    pub threshold: u32,
    /// The public key with which machines ask a host.
    pub setup_key: String,
}

/// Loads it; nothing where no catalogue was signed yet.
pub fn load(authority: &Authority, tx: &Transaction<'_>) -> Result<Option<PackView>, Error> {
    let Some(catalogue) = authority.newest_catalogue(tx)? else { return Ok(None) };
    let group = |group: &keymuster_core::catalogue::Group| GroupRow {
        group: group.id.to_string(),
        name: group.name.to_string(),
    };
    let edition = |edition: &keymuster_core::catalogue::Edition| EditionRow {
        edition: edition.id.to_string(),
        number: edition.number,
        name: edition.name.to_string(),
        threshold: edition.threshold,
        setup_key: edition.setup_key.key().reveal(),
    };
    Ok(Some(PackView {
        version: catalogue.version,
        issued_at: catalogue.issued.into(),
        groups: catalogue.groups.iter().map(group).collect(),
        editions: catalogue.editions.iter().map(edition).collect(),
    }))
}
