//! Signing out: the session ends in the database, so a copy of its cookie is worth nothing.

use axum::response::Response;

use super::page::{self, Page};
use super::permission::Look;
use super::session;
use super::visitor::Visitor;

/// `POST /sign-out`.
pub async fn leave(page: Page<Look>, visitor: Visitor) -> page::Result<Response> {
    let digest = page.session().digest.clone();
    page.console().pool().write(move |tx| session::end(tx, &digest)).await?;
    Ok(visitor.leave("/sign-in"))
}
