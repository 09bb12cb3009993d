//! One order at an ACME server: the account, the proof of the name, and the certificate, written with its new key.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, bail};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use serde::{Deserialize, Serialize};

use super::http::Http;
use super::proofs::Proofs;
use super::{CERTIFICATE_FILE, Wanted};
use crate::files;

/// The account at the server, with its private key, in the data directory.
const ACCOUNT_FILE: &str = "acme-account.json";
/// An account is far shorter.
const ACCOUNT_BYTES_MAX: usize = 64 * 1024;
/// How often an order is looked at, until the whole attempt has taken too long.
const RETRIES: RetryPolicy = RetryPolicy::new().timeout(super::ORDER_WITHIN);

/// An account, and where it is one.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    credentials: AccountCredentials,
}

/// Gets a certificate and writes it into the data directory.
pub(super) async fn order(wanted: &Wanted, data_dir: &Path) -> anyhow::Result<()> {
    let account = account(wanted, data_dir).await?;
    let proofs = Proofs::answer(wanted.listen).await?;
    let pem = certify(&account, wanted, &proofs).await;
    proofs.end().await;
    if pem.as_ref().is_err_and(is_account_unknown) {
        // The next attempt makes another one.
        std::fs::remove_file(data_dir.join(ACCOUNT_FILE))?;
    }
    Ok(files::write_private(&data_dir.join(CERTIFICATE_FILE), pem?.as_bytes())?)
}

/// Whether the last order was one at this server.
pub(super) fn is_from(data_dir: &Path, directory: &str) -> bool {
    kept(data_dir).is_some_and(|kept| kept.directory == directory)
}

fn kept(data_dir: &Path) -> Option<Kept> {
    let bytes = files::read_private(&data_dir.join(ACCOUNT_FILE), ACCOUNT_BYTES_MAX).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The account that is kept, if it is one at this server; or else a new one, with the server's terms accepted.
async fn account(wanted: &Wanted, data_dir: &Path) -> anyhow::Result<Account> {
    let builder = Account::builder_with_http(Box::new(Http::new()?));
    if let Some(kept) = kept(data_dir).filter(|kept| kept.directory == wanted.directory) {
        return Ok(builder.from_credentials(kept.credentials).await?);
    }
    let new = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&new, wanted.directory.clone(), None).await?;
    let kept = Kept { directory: wanted.directory.clone(), credentials };
    files::write_private(&data_dir.join(ACCOUNT_FILE), &serde_json::to_vec(&kept)?)?;
    Ok(account)
}

/// The certificate with those between it and its root, and its key, in PEM form.
async fn certify(account: &Account, wanted: &Wanted, proofs: &Proofs) -> anyhow::Result<String> {
    let name = match wanted.name.parse::<IpAddr>() {
        Ok(address) => Identifier::Ip(address),
        Err(_) => Identifier::Dns(wanted.name.clone()),
    };
    let mut order = account.new_order(&NewOrder::new(&[name])).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::Http01);
        let mut challenge = challenge.context("the server does not take a proof over HTTP (http-01)")?;
        proofs.add(challenge.token.clone(), challenge.key_authorization().as_str().to_owned());
        challenge.set_ready().await?;
    }
    let ready = order.poll_ready(&RETRIES).await.with_context(|| format!("{} was not proved", wanted.name))?;
    if ready != OrderStatus::Ready {
        bail!("{} was not proved: {}", wanted.name, why(&mut order).await);
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&RETRIES).await?;
    Ok(format!("{}\n{key}", chain.trim_end()))
}

/// Whether the server has forgotten the account, as those within companies do that are set up anew.
fn is_account_unknown(error: &anyhow::Error) -> bool {
    let problem = match error.downcast_ref::<instant_acme::Error>() {
        Some(instant_acme::Error::Api(problem)) => problem.r#type.as_deref(),
        _ => None,
    };
    problem.is_some_and(|name| name.ends_with(":accountDoesNotExist"))
}

/// What the server found out when it looked for the proof.
async fn why(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(error) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return error.to_string();
        }
    }
    "the server does not say why".to_owned()
}
