//! What is taken back, and what every act that takes something back is told and answers.

use axum::extract::State;
use axum::http::StatusCode;
use keymuster_core::codes;
use keymuster_core::id::Label;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::Json;
use keymuster_service::console::permission::Look;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::acts::revoke::Revoked;
use crate::administration::Administration;
use crate::views::revocations::{self, RevocationsView};

/// Why something is taken back.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevocationReason)]
pub struct Reason {
    /// In one line, for the records.
    #[schema(max_length = 128)]
    pub reason: String,
}

/// What became of an act: one of the two numbers is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Revoked)]
pub struct Taken {
    /// It is done, and the revocation list with this number says so.
    pub sequence: Option<u64>,
    /// Nothing has changed: the proposal with this number waits for a second person.
    pub proposal: Option<u64>,
}

/// That a new revocation list was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ListSigned {
    /// Its number.
    pub sequence: u64,
}

/// Everything that is taken back, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/revocations",
    tag = "revocations",
    responses((status = 200, body = RevocationsView)),
)]
pub async fn list(_api: Api<Look>, State(app): State<Administration>) -> Result<Json<RevocationsView>, Problem> {
    Ok(Json(app.look(|_, tx| revocations::load(tx)).await?))
}

/// The reason, in one line.
pub fn read_reason(reason: &Reason) -> Result<String, Problem> {
    let label = reason.reason.trim().parse::<Label>();
    let label = label.map_err(|error| Problem::new(&codes::INPUT_INVALID, format!("reason: {error}")))?;
    Ok(label.to_string())
}

/// The answer to an act: 200 where it is done, 202 where it waits.
pub fn answer(revoked: Revoked) -> Result<(StatusCode, Json<Taken>), Problem> {
    Ok(match revoked {
        Revoked::Done(list) => (StatusCode::OK, Json(Taken { sequence: Some(list.sequence), proposal: None })),
        Revoked::Proposed(number) => (StatusCode::ACCEPTED, Json(Taken { sequence: None, proposal: Some(number) })),
    })
}
