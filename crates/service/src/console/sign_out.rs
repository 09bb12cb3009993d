//! Signing out: the session ends in the database, so a copy of its cookie is worth nothing.

use axum::response::Response;

use super::page;
use super::visitor::Visitor;

/// `POST /sign-out`.
pub async fn leave(visitor: Visitor) -> page::Result<Response> {
    Ok(visitor.leave("/sign-in").await?)
}
