//! Signing in with an organisation's account: OpenID Connect Core 1.0, the authorization code flow with PKCE.
//!
//! Nothing that the browser carries is believed: what counts comes from the provider itself, over TLS, as an id token whose
//! signature, issuer, audience, nonce and times hold.

mod fetch;
mod id_token;
pub mod page;
mod provider;
mod rounds;
mod settings;
mod sign_in;

pub use provider::Provider;
