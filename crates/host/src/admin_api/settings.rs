//! The settings.

use axum::extract::State;
use keymuster_core::codes;
use keymuster_core::id::Slug;
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::api::{Json, Path, Query};
use keymuster_service::console::permission::{Look, Settings as Permitted};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::acts::settings::{self as acts, Asked};
use crate::administration::Administration;
use crate::settings;
use crate::views::settings::{self as views, Change, Setting, Settings};

/// Whose setting is meant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Whose {
    /// The publisher, for a setting that each publisher has; where there is one publisher, it need not be named.
    #[param(max_length = 100)]
    pub publisher: Option<String>,
}

/// The value that a setting shall have.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettingValue)]
pub struct Wanted {
    /// In words, such as `7d`, `1700` or `on`; nothing takes the choice back.
    #[schema(max_length = 20000)]
    pub value: Option<String>,
}

/// Every setting with the value that counts, where that comes from, and what it may be.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, body = Settings)))]
pub async fn list(_api: Api<Look>, State(app): State<Administration>) -> Result<Json<Settings>, Problem> {
    Ok(Json(load(&app).await?))
}

/// One setting.
#[utoipa::path(
    get,
    path = "/api/v1/settings/{name}",
    tag = "settings",
    params(("name" = String, Path, description = "Its name, such as port or threshold.EDITION."), Whose),
    responses((status = 200, body = Setting)),
)]
pub async fn show(
    _api: Api<Look>,
    State(app): State<Administration>,
    Path(name): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<Setting>, Problem> {
    let found = load(&app).await?.find(&name, whose.publisher.as_deref());
    Ok(Json(found.ok_or_else(|| unknown(&name))?))
}

/// Chooses a value. A running host follows within a second.
#[utoipa::path(
    put,
    path = "/api/v1/settings/{name}",
    tag = "settings",
    params(("name" = String, Path, description = "Its name."), Whose),
    request_body = Wanted,
    responses((status = 200, body = Change)),
    extensions(("x-codes" = json!(["setting-out-of-range", "setting-fixed", "dns-key-file-unusable"]))),
)]
pub async fn put(
    api: Api<Permitted>,
    State(app): State<Administration>,
    Path(name): Path<String>,
    Query(whose): Query<Whose>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Change>, Problem> {
    change(&app, &api, asked(name, whose, wanted.value)?).await
}

/// Takes a choice back, so that the default counts.
#[utoipa::path(
    delete,
    path = "/api/v1/settings/{name}",
    tag = "settings",
    params(("name" = String, Path, description = "Its name."), Whose),
    responses((status = 200, body = Change)),
    extensions(("x-codes" = json!(["setting-fixed"]))),
)]
pub async fn delete(
    api: Api<Permitted>,
    State(app): State<Administration>,
    Path(name): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<Change>, Problem> {
    change(&app, &api, asked(name, whose, None)?).await
}

/// What a change would bring for whom; nothing is changed.
#[utoipa::path(
    post,
    path = "/api/v1/settings/{name}/preview",
    tag = "settings",
    params(("name" = String, Path, description = "Its name."), Whose),
    request_body = Wanted,
    responses((status = 200, body = Change)),
    extensions(("x-codes" = json!(["setting-out-of-range", "setting-fixed", "dns-key-file-unusable"]))),
)]
pub async fn preview(
    api: Api<Look>,
    State(app): State<Administration>,
    Path(name): Path<String>,
    Query(whose): Query<Whose>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Change>, Problem> {
    let asked = asked(name, whose, wanted.value)?;
    let serving = views::serving(&app.data_dir);
    let changed = app.act(api.by(), move |home, by| acts::preview(home, by.at(), &asked, serving.as_ref())).await?;
    Ok(Json(Change::previewed(&changed)))
}

async fn load(app: &Administration) -> Result<Settings, Problem> {
    let data_dir = app.data_dir.clone();
    Ok(app.console.pool().read(move |tx| views::load(tx, &data_dir)).await?)
}

async fn change(app: &Administration, api: &Api<Permitted>, asked: Asked) -> Result<Json<Change>, Problem> {
    let serving = views::serving(&app.data_dir);
    let changed = app.act(api.by(), move |home, by| acts::change(home, by, &asked, serving.as_ref())).await?;
    Ok(Json(Change::made(&changed)))
}

fn asked(name: String, whose: Whose, value: Option<String>) -> Result<Asked, Problem> {
    settings::find(&name).map_err(|usage| Problem::new(&codes::RECORD_UNKNOWN, usage.to_string()))?;
    let read = |text: String| {
        text.parse::<Slug>().map_err(|_| Problem::new(&codes::RECORD_UNKNOWN, format!("{text:?} names no publisher")))
    };
    Ok(Asked { name, publisher: whose.publisher.map(read).transpose()?, value })
}

fn unknown(name: &str) -> Problem {
    Problem::new(&codes::RECORD_UNKNOWN, format!("there is no one setting {name:?}; the list has their names"))
}
