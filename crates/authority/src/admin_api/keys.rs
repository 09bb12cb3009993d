//! Keys.

use axum::extract::State;
use axum::http::StatusCode;
use keymuster_core::codes;
use keymuster_core::duration::Duration;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::idempotency::Secret;
use keymuster_service::console::permission::{Keys, Look, Settings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::revocations::{Reason, Taken, answer, read_reason};
use crate::acts::key_mint::{HostOrder, MakOrder, PoolOrder, mint_host_key, mint_mak};
use crate::acts::revoke::{Target, revoke};
use crate::administration::Administration;
use crate::store::product_key::{HostWorth, MakWorth};
use crate::views::keys::{self, ActivationRow, KeyDetail, KeyRow};
use crate::views::{self, Page};

/// A host key to be minted.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHostKey {
    /// The customer.
    #[schema(max_length = 32)]
    pub customer: String,
    /// The group; the key covers it, and what stands below it in its family.
    #[schema(max_length = 32)]
    pub group: String,
    /// On how many hosts it may be activated.
    #[serde(default = "six")]
    #[schema(minimum = 1, default = 6)]
    pub hosts_max: u32,
    /// How often it may be activated on each.
    #[serde(default = "ten")]
    #[schema(minimum = 1, default = 10)]
    pub activations_max: u32,
    /// How long an entitlement lasts, as in `225 days`.
    #[serde(default = "usual_term")]
    #[schema(max_length = 64, default = "225 days")]
    pub term: String,
    /// The most distinct clients per family; nothing means no limit.
    #[schema(minimum = 1)]
    pub clients_max: Option<u32>,
    /// A threshold that was agreed instead of the editions' own.
    #[schema(minimum = 1)]
    pub threshold: Option<u32>,
    /// Floating seats, each as `render-farm=8,term=1h,guard=10m`.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub pools: Vec<String>,
}

/// A MAK to be minted.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMak {
    /// The customer.
    #[schema(max_length = 32)]
    pub customer: String,
    /// The edition.
    #[schema(max_length = 32)]
    pub edition: String,
    /// How many activations it is worth.
    #[schema(minimum = 1)]
    pub activations_max: u32,
    /// How long an activation lasts, as in `365 days`; nothing means for ever.
    #[schema(max_length = 64)]
    pub term: Option<String>,
}

/// A key that was just minted. This is the one time that its symbols are told.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MintedKey {
    /// The whole secret key.
    pub product_key: String,
    /// What is known of it from here on.
    #[serde(flatten)]
    pub row: KeyRow,
}

fn six() -> u32 {
    6
}

fn ten() -> u32 {
    10
}

fn usual_term() -> String {
    "225 days".to_owned()
}

/// Keys, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    tag = "keys",
    params(views::Query),
    responses((status = 200, body = Page<KeyRow>)),
)]
pub async fn list(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> Result<Json<Page<KeyRow>>, Problem> {
    Ok(Json(app.look(move |authority, tx| keys::list(authority, tx, &query)).await?))
}

/// One key, with what it is worth and where it is used.
#[utoipa::path(
    get,
    path = "/api/v1/keys/{key}",
    tag = "keys",
    params(("key" = String, Path, description = "Its id.")),
    responses((status = 200, body = KeyDetail)),
)]
pub async fn show(
    _api: Api<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
) -> Result<Json<KeyDetail>, Problem> {
    Ok(Json(app.look(move |authority, tx| keys::load(authority, tx, &id)).await?))
}

/// The machines that were activated by a MAK.
#[utoipa::path(
    get,
    path = "/api/v1/keys/{key}/activations",
    tag = "keys",
    params(("key" = String, Path, description = "Its id."), views::Query),
    responses((status = 200, body = Page<ActivationRow>)),
)]
pub async fn activations(
    _api: Api<Look>,
    State(app): State<Administration>,
    Path(id): Path<String>,
    Query(query): Query<views::Query>,
) -> Result<Json<Page<ActivationRow>>, Problem> {
    Ok(Json(app.look(move |_, tx| keys::activations(tx, &id, &query)).await?))
}

/// Mints a host key. Its symbols are in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/api/v1/host-keys",
    tag = "keys",
    request_body = NewHostKey,
    responses((status = 201, body = MintedKey)),
    extensions(("x-codes" = json!(["catalogue-missing"]))),
)]
pub async fn add_host_key(
    api: Api<Keys>,
    State(app): State<Administration>,
    Json(new): Json<NewHostKey>,
) -> Result<(StatusCode, Secret<MintedKey>), Problem> {
    let pools = new.pools.iter().map(|pool| pool.parse::<PoolOrder>()).collect::<Result<_, _>>();
    let order = HostOrder {
        form: None,
        customer: slug("customer", &new.customer)?,
        group: slug("group", &new.group)?,
        worth: HostWorth {
            hosts_max: positive("hosts_max", new.hosts_max)?,
            activations_max: positive("activations_max", new.activations_max)?,
            term_secs: term(&new.term)?,
            clients_max: new.clients_max.map(|number| positive("clients_max", number)).transpose()?,
            threshold: new.threshold.map(|number| positive("threshold", number)).transpose()?,
            pools: Vec::new(),
        },
        pools: pools.map_err(|error| invalid("pools", error))?,
    };
    let (key, _) = app.act(api.by(), |authority, db, by| mint_host_key(authority, db, order, by)).await?;
    told_once(&app, key).await
}

/// Mints a MAK. Its symbols are in this answer and nowhere else.
#[utoipa::path(
    post,
    path = "/api/v1/maks",
    tag = "keys",
    request_body = NewMak,
    responses((status = 201, body = MintedKey)),
    extensions(("x-codes" = json!(["catalogue-missing"]))),
)]
pub async fn add_mak(
    api: Api<Keys>,
    State(app): State<Administration>,
    Json(new): Json<NewMak>,
) -> Result<(StatusCode, Secret<MintedKey>), Problem> {
    let order = MakOrder {
        form: None,
        customer: slug("customer", &new.customer)?,
        edition: slug("edition", &new.edition)?,
        worth: MakWorth {
            activations_max: positive("activations_max", new.activations_max)?,
            term_secs: new.term.as_deref().map(term).transpose()?,
        },
    };
    let (key, _) = app.act(api.by(), |authority, db, by| mint_mak(authority, db, order, by)).await?;
    told_once(&app, key).await
}

/// Revokes a key with everything that was granted for it, or proposes to where one person may not decide.
#[utoipa::path(
    post,
    path = "/api/v1/keys/{key}/revoke",
    tag = "keys",
    params(("key" = String, Path, description = "Its id.")),
    request_body = Reason,
    responses((status = 200, body = Taken), (status = 202, body = Taken, description = "It waits for a second person.")),
    extensions(("x-codes" = json!(["issuer-expired"]))),
)]
pub async fn take_back(
    api: Api<Settings>,
    State(app): State<Administration>,
    Path(id): Path<String>,
    Json(reason): Json<Reason>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let unknown = |_| Problem::new(&codes::RECORD_UNKNOWN, "there is no key with this id");
    let (target, reason) = (Target::Key(id.parse().map_err(unknown)?), read_reason(&reason)?);
    app.look(move |authority, tx| keys::load(authority, tx, &id)).await?;
    answer(app.act(api.by(), move |authority, db, by| revoke(authority, db, &target, &reason, by)).await?)
}

async fn told_once(app: &Administration, key: ProductKey) -> Result<(StatusCode, Secret<MintedKey>), Problem> {
    let (product_key, id) = (key.reveal(), key.id().to_string());
    let detail = app.look(move |authority, tx| keys::load(authority, tx, &id)).await?;
    Ok((StatusCode::CREATED, Secret(MintedKey { product_key, row: detail.row })))
}

fn invalid(field: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(&codes::INPUT_INVALID, format!("{field}: {why}"))
}

fn slug(field: &str, text: &str) -> Result<Slug, Problem> {
    text.parse().map_err(|error| invalid(field, error))
}

fn term(text: &str) -> Result<u64, Problem> {
    text.parse::<Duration>().map(Duration::as_secs).map_err(|error| invalid("term", error))
}

fn positive(field: &str, number: u32) -> Result<u32, Problem> {
    if number > 0 { Ok(number) } else { Err(invalid(field, "a whole number from 1")) }
}
