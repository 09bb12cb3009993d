//! Tokens for programs: those that may change accounts may make and end tokens, with their own scopes at most.

use crate::sql::Transaction;
use axum::extract::State;
use keymuster_core::codes;
use keymuster_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;
use crate::console::api::{Json, Path};
use crate::console::book::{Book, NewToken};
use crate::console::idempotency::Secret;
use crate::console::permission::{Accounts, Look, Permission, Role};
use crate::console::token::{self, Token};
use crate::console::{Api, Console};

/// One token, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The account that made it.
    pub account: String,
    /// What it may do, as long as its account may.
    pub scopes: Vec<Permission>,
    /// When it was made.
    pub created_at: u64,
    /// When it ends.
    pub expires_at: u64,
    /// When it was last used, to the minute.
    pub used_at: Option<u64>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<u64>,
}

/// All tokens.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Tokens)]
pub struct TokenList {
    /// The newest first.
    pub tokens: Vec<TokenView>,
}

/// A token that is to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub struct Wanted {
    /// Its name for people: what it is used for.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// What it may do; no more than the token that makes it.
    #[schema(min_items = 1)]
    pub scopes: Vec<Permission>,
    /// When it ends, within a year.
    #[schema(minimum = 0)]
    pub expires_at: u64,
}

/// A new token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    pub token: TokenView,
    /// Its secret, which is shown this once.
    pub secret: String,
}

/// Who asks, and what they may do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Me {
    /// The account.
    pub account: String,
    /// Its role.
    pub role: Role,
    /// What may be done with this token.
    pub permissions: Vec<Permission>,
    /// The token.
    pub token: TokenView,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> TokenView {
        TokenView {
            id: token.id,
            name: token.name,
            account: token.account,
            scopes: token.scopes,
            created_at: token.created_at.as_secs(),
            expires_at: token.expires_at.as_secs(),
            used_at: token.used_at.map(Timestamp::as_secs),
            revoked_at: token.revoked_at.map(Timestamp::as_secs),
        }
    }
}

/// Tokens of all accounts.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = TokenList)))]
pub async fn list(_api: Api<Accounts>, State(console): State<Console>) -> Result<Json<TokenList>, Problem> {
    let tokens = console.pool().read(token::all).await?;
    Ok(Json(TokenList { tokens: tokens.into_iter().map(TokenView::from).collect() }))
}

/// Makes a token of the same account.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "tokens",
    request_body = Wanted,
    responses((status = 200, body = MadeToken)),
)]
pub async fn make(
    api: Api<Accounts>,
    State(console): State<Console>,
    Json(wanted): Json<Wanted>,
) -> Result<Secret<MadeToken>, Problem> {
    if let Some(beyond) = wanted.scopes.iter().find(|scope| !api.token.scopes.contains(scope)) {
        let detail = format!("this token is without the scope {beyond}, so it makes none that has it");
        return Err(Problem::new(&codes::PERMISSION_MISSING, detail));
    }
    let (by, record, env) = (api.by(), console.product().record, console.env().clone());
    let new =
        NewToken { name: wanted.name, scopes: wanted.scopes, expires_at: Timestamp::from_secs(wanted.expires_at) };
    let of = api.token.account.clone();
    let work = move |tx: &Transaction<'_>| -> Result<_, Problem> {
        let book = Book { tx, record };
        book.make_token(&by, &book.account(&of)?, new, &env)
    };
    let (token, secret) = console.pool().write(work).await?;
    Ok(Secret(MadeToken { token: TokenView::from(token), secret }))
}

/// Ends a token.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "tokens",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, body = TokenView)),
)]
pub async fn revoke(
    api: Api<Accounts>,
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<TokenView>, Problem> {
    let (by, record) = (api.by(), console.product().record);
    let work = move |tx: &Transaction<'_>| Book { tx, record }.revoke_token(&by, &id, None);
    Ok(Json(TokenView::from(console.pool().write(work).await?)))
}

/// Who I am, and what I may do.
#[utoipa::path(get, path = "/api/v1/session/me", tag = "session", responses((status = 200, body = Me)))]
pub async fn me(api: Api<Look>, State(console): State<Console>) -> Result<Json<Me>, Problem> {
    let (of, record) = (api.token.account.clone(), console.product().record);
    let account = console.pool().read(move |tx| Book { tx, record }.account(&of)).await?;
    let mut permissions = api.token.scopes.clone();
    permissions.retain(|permission| account.role.permissions().contains(permission));
    let token = TokenView::from(api.token);
    Ok(Json(Me { account: account.name, role: account.role, permissions, token }))
}
