//! Accounts for programs.

use crate::sql::Transaction;
use axum::extract::State;
use keymuster_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::all::HANDED_OVER_SECS;
use crate::Problem;
use crate::console::account::{self, Account};
use crate::console::api::{Json, Path};
use crate::console::book::Book;
use crate::console::idempotency::Secret;
use crate::console::permission::{Accounts, Role};
use crate::console::{Api, Console};

/// One account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    /// Its name, by which people sign in.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it has a password.
    pub has_password: bool,
    /// Whether signing in asks for a one-time code.
    pub has_one_time_codes: bool,
    /// Whether an OpenID provider's account is linked with it.
    pub is_linked: bool,
    /// When it was made.
    pub created_at: u64,
    /// By whom.
    pub created_by: String,
    /// When somebody last signed in to it.
    pub signed_in_at: Option<u64>,
    /// When it was disabled, if it is.
    pub disabled_at: Option<u64>,
}

/// All accounts.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Accounts)]
pub struct AccountList {
    /// By name.
    pub accounts: Vec<AccountView>,
}

/// An account that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Its name: letters, digits and .-_@, beginning with a letter or digit; capitals are taken as small letters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// What can be changed in an account.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// What it may do.
    pub role: Role,
    /// Whether it is kept from signing in, with its sessions and tokens.
    pub is_disabled: bool,
}

/// A one-time token with which somebody chooses a password at `/claim` of the console.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OneTimeToken {
    /// The account.
    pub name: String,
    /// The token, which is shown this once.
    pub token: String,
    /// Until when it counts.
    pub expires_at: u64,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> AccountView {
        AccountView {
            role: account.role,
            has_password: account.password.is_some(),
            has_one_time_codes: account.totp_secret.is_some(),
            is_linked: account.openid_subject.is_some(),
            created_at: account.created_at.as_secs(),
            created_by: account.created_by,
            signed_in_at: account.signed_in_at.map(Timestamp::as_secs),
            disabled_at: account.disabled_at.map(Timestamp::as_secs),
            name: account.name,
        }
    }
}

/// Who may use the console.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", responses((status = 200, body = AccountList)))]
pub async fn list(_api: Api<Accounts>, State(console): State<Console>) -> Result<Json<AccountList>, Problem> {
    let accounts = console.pool().read(account::all).await?;
    Ok(Json(AccountList { accounts: accounts.into_iter().map(AccountView::from).collect() }))
}

/// Adds an account, and a one-time token with which its owner chooses a password.
#[utoipa::path(
    post,
    path = "/api/v1/accounts",
    tag = "accounts",
    request_body = NewAccount,
    responses((status = 200, body = OneTimeToken)),
)]
pub async fn add(
    api: Api<Accounts>,
    State(console): State<Console>,
    Json(new): Json<NewAccount>,
) -> Result<Secret<OneTimeToken>, Problem> {
    let (by, record, env) = (api.by(), console.product().record, console.env().clone());
    let work = move |tx: &Transaction<'_>| -> Result<_, Problem> {
        let book = Book { tx, record };
        let account = book.add(&by, &new.name, new.role, None)?;
        let token = book.offer_reset(&by, &account.name, HANDED_OVER_SECS, &env)?;
        Ok((account.name, token))
    };
    let (name, token) = console.pool().write(work).await?;
    Ok(Secret(OneTimeToken { name, token, expires_at: api.at().plus(HANDED_OVER_SECS).as_secs() }))
}

/// One account.
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{name}",
    tag = "accounts",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, body = AccountView)),
)]
pub async fn show(
    _api: Api<Accounts>,
    State(console): State<Console>,
    Path(name): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    let record = console.product().record;
    let account = console.pool().read(move |tx| Book { tx, record }.account(&name)).await?;
    Ok(Json(AccountView::from(account)))
}

/// Gives an account another role, disables or enables it; the last administrator stays one.
#[utoipa::path(
    put,
    path = "/api/v1/accounts/{name}",
    tag = "accounts",
    params(("name" = String, Path, description = "Its name.")),
    request_body = AccountChange,
    responses((status = 200, body = AccountView)),
)]
pub async fn change(
    api: Api<Accounts>,
    State(console): State<Console>,
    Path(name): Path<String>,
    Json(change): Json<AccountChange>,
) -> Result<Json<AccountView>, Problem> {
    let (by, record) = (api.by(), console.product().record);
    let work = move |tx: &Transaction<'_>| -> Result<Account, Problem> {
        let book = Book { tx, record };
        let mut account = book.account(&name)?;
        if account.role != change.role {
            account = book.set_role(&by, &name, change.role)?;
        }
        if account.disabled_at.is_some() != change.is_disabled {
            account = if change.is_disabled { book.disable(&by, &name)? } else { book.enable(&by, &name)? };
        }
        Ok(account)
    };
    Ok(Json(AccountView::from(console.pool().write(work).await?)))
}

/// Makes a one-time token with which the owner of an account chooses a new password; one-time codes are off then.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{name}/reset",
    tag = "accounts",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, body = OneTimeToken)),
)]
pub async fn reset(
    api: Api<Accounts>,
    State(console): State<Console>,
    Path(name): Path<String>,
) -> Result<Secret<OneTimeToken>, Problem> {
    let (by, record, env) = (api.by(), console.product().record, console.env().clone());
    let of = name.clone();
    let work = move |tx: &Transaction<'_>| Book { tx, record }.offer_reset(&by, &of, HANDED_OVER_SECS, &env);
    let token = console.pool().write(work).await?;
    Ok(Secret(OneTimeToken { name, token, expires_at: api.at().plus(HANDED_OVER_SECS).as_secs() }))
}

/// Ends all sessions of an account.
#[utoipa::path(
    delete,
    path = "/api/v1/accounts/{name}/sessions",
    tag = "accounts",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, body = AccountView)),
)]
pub async fn end_sessions(
    api: Api<Accounts>,
    State(console): State<Console>,
    Path(name): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    let (by, record) = (api.by(), console.product().record);
    let work = move |tx: &Transaction<'_>| -> Result<Account, Problem> {
        let book = Book { tx, record };
        book.end_sessions(&by, &name)?;
        book.account(&name)
    };
    Ok(Json(AccountView::from(console.pool().write(work).await?)))
}
