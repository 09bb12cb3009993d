//! Customers.

use axum::extract::State;
use axum::http::StatusCode;
use keymuster_core::codes;
use keymuster_core::id::{Label, Slug};
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::permission::{Keys, Look, Settings};
use serde::Deserialize;
use utoipa::ToSchema;

use super::revocations::{ListSigned, Reason, Taken, answer, read_reason};
use crate::acts::customer_add::add_customer;
use crate::acts::revoke::{Target, resume, revoke};
use crate::administration::Administration;
use crate::views::customers::{self, CustomerDetail, CustomerRow};
use crate::views::{self, Page};

/// A customer to be added.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    /// Its name for machines; entitlements carry it, so it stays for ever.
    #[schema(max_length = 32)]
    pub customer: String,
    /// Its name for people.
    #[schema(max_length = 128)]
    pub name: String,
}

/// Customers by name.
#[utoipa::path(
    get,
    path = "/api/v1/customers",
    tag = "customers",
    params(views::Query),
    responses((status = 200, body = Page<CustomerRow>)),
)]
pub async fn list(
    _api: Api<Look>,
    State(app): State<Administration>,
    Query(query): Query<views::Query>,
) -> Result<Json<Page<CustomerRow>>, Problem> {
    Ok(Json(app.look(move |_, tx| customers::list(tx, &query)).await?))
}

/// Adds a customer.
#[utoipa::path(
    post,
    path = "/api/v1/customers",
    tag = "customers",
    request_body = NewCustomer,
    responses((status = 201, body = CustomerDetail)),
)]
pub async fn add(
    api: Api<Keys>,
    State(app): State<Administration>,
    Json(new): Json<NewCustomer>,
) -> Result<(StatusCode, Json<CustomerDetail>), Problem> {
    let invalid = |field, why: String| Problem::new(&codes::INPUT_INVALID, format!("{field}: {why}"));
    let slug: Slug = new.customer.parse().map_err(|error| invalid("customer", format!("{error}")))?;
    let name: Label = new.name.parse().map_err(|error| invalid("name", format!("{error}")))?;
    app.act(api.by(), |_, db, by| add_customer(db, slug, name, by)).await?;
    let added = app.look(move |authority, tx| customers::load(authority, tx, &new.customer)).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// One customer, with its newest keys, hosts and refusals.
#[utoipa::path(
    get,
    path = "/api/v1/customers/{customer}",
    tag = "customers",
    params(("customer" = String, Path, description = "Its name for machines.")),
    responses((status = 200, body = CustomerDetail)),
)]
pub async fn show(
    _api: Api<Look>,
    State(app): State<Administration>,
    Path(slug): Path<String>,
) -> Result<Json<CustomerDetail>, Problem> {
    Ok(Json(app.look(move |authority, tx| customers::load(authority, tx, &slug)).await?))
}

/// Stops all keys and hosts of a customer, or proposes to where one person may not decide.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{customer}/stop",
    tag = "customers",
    params(("customer" = String, Path, description = "Its name for machines.")),
    request_body = Reason,
    responses((status = 200, body = Taken), (status = 202, body = Taken, description = "It waits for a second person.")),
    extensions(("x-codes" = json!(["issuer-expired"]))),
)]
pub async fn stop(
    api: Api<Settings>,
    State(app): State<Administration>,
    Path(slug): Path<String>,
    Json(reason): Json<Reason>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let (target, reason) = (Target::Customer(known(&slug)?), read_reason(&reason)?);
    let load = slug.clone();
    app.look(move |authority, tx| customers::load(authority, tx, &load)).await?;
    answer(app.act(api.by(), move |authority, db, by| revoke(authority, db, &target, &reason, by)).await?)
}

/// Lifts the stop of a customer.
#[utoipa::path(
    post,
    path = "/api/v1/customers/{customer}/resume",
    tag = "customers",
    params(("customer" = String, Path, description = "Its name for machines.")),
    responses((status = 200, body = ListSigned)),
    extensions(("x-codes" = json!(["issuer-expired", "input-invalid"]))),
)]
pub async fn lift_stop(
    api: Api<Settings>,
    State(app): State<Administration>,
    Path(slug): Path<String>,
) -> Result<Json<ListSigned>, Problem> {
    let slug = known(&slug)?;
    let load = slug.to_string();
    app.look(move |authority, tx| customers::load(authority, tx, &load)).await?;
    let list = app.act(api.by(), move |authority, db, by| resume(authority, db, &slug, by)).await?;
    Ok(Json(ListSigned { sequence: list.sequence }))
}

fn known(slug: &str) -> Result<Slug, Problem> {
    let unknown = |_| Problem::new(&codes::RECORD_UNKNOWN, "there is no customer of this name");
    slug.parse().map_err(unknown)
}
