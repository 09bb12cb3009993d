//! The codes for programs.

use keymuster_core::codes::{self, Code};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Explained, Query};
use crate::Problem;
use crate::console::Api;
use crate::console::api::{self, Json, Path};
use crate::console::permission::Look;

/// The codes that were found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Codes {
    /// In ascending order; a code that the search names stands first.
    pub codes: Vec<Explained>,
}

/// Every stable code, or those that a search finds.
#[utoipa::path(get, path = "/api/v1/codes", tag = "codes", params(Query), responses((status = 200, body = Codes)))]
pub async fn list(_api: Api<Look>, api::Query(query): api::Query<Query>) -> Result<Json<Codes>, Problem> {
    let codes = super::search(&query.search).into_iter().map(Explained::from).collect();
    Ok(Json(Codes { codes }))
}

/// What one code means, why it happens and what to do.
#[utoipa::path(
    get,
    path = "/api/v1/codes/{code}",
    tag = "codes",
    params(("code" = String, Path, description = "Its name, or its number after KM-.")),
    responses((status = 200, body = Explained)),
)]
pub async fn show(_api: Api<Look>, Path(name): Path<String>) -> Result<Json<Explained>, Problem> {
    let code = super::named(&name);
    let code: &'static Code =
        code.ok_or_else(|| Problem::new(&codes::RECORD_UNKNOWN, format!("there is no code {name:?}")))?;
    Ok(Json(Explained::from(code)))
}
