//! Answers the question by which an ACME server finds out whether a name is this machine's (RFC 8555, 8.3).
//!
//! It listens only while an order is under way, and knows nothing but the tokens of that order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::task::JoinHandle;

use crate::Stop;
use crate::edge::{self, Limits};

/// What is answered for each token.
type Tokens = Arc<Mutex<HashMap<String, String>>>;

/// A listener for such questions.
pub(super) struct Proofs {
    tokens: Tokens,
    stop: Stop,
    server: JoinHandle<()>,
}

impl Proofs {
    /// Begins to answer.
    pub async fn answer(listen: SocketAddr) -> anyhow::Result<Proofs> {
        let listener = edge::bind(listen, "--acme-listen").await?;
        let (tokens, stop) = (Tokens::default(), Stop::new());
        let router =
            Router::new().route("/.well-known/acme-challenge/{token}", get(proof)).with_state(Arc::clone(&tokens));
        let server = tokio::spawn(edge::serve(listener, router, Limits::default(), stop.clone()));
        Ok(Proofs { tokens, stop, server })
    }

    /// Answers a question for `token` with `proof` from now on.
    pub fn add(&self, token: String, proof: String) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(token, proof);
    }

    /// Answers what is asked already, and nothing more.
    pub async fn end(mut self) {
        self.stop.now();
        // A panic there was told by its own message, and there is nothing left to end.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Proofs {
    /// An order that is given up in the middle leaves no listener behind.
    fn drop(&mut self) {
        self.stop.now();
    }
}

async fn proof(State(tokens): State<Tokens>, Path(token): Path<String>) -> Result<String, StatusCode> {
    let tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
    tokens.get(&token).cloned().ok_or(StatusCode::NOT_FOUND)
}
