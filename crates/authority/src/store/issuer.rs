//! Issuer certificates: the current one and those before it, as long as documents that they vouch for may be around.

use keymuster_core::document::Signed;
use keymuster_core::issuer::Issuer;
use keymuster_core::signature::SignerId;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{Columns, document, first, time, write};

/// Adds a certificate.
pub fn insert(tx: &Transaction<'_>, issuer: &Signed<Issuer>) -> Result<(), Failure> {
    let sql = "INSERT INTO issuer (signer, not_before, sign_until, expires, certificate) VALUES ($1, $2, $3, $4, $5)";
    let signer = issuer.key.signer().to_string();
    let (from, until, end) = (time(issuer.not_before), time(issuer.sign_until), time(issuer.expires));
    write(tx, sql, params![signer, from, until, end, document(issuer.bytes())])?;
    Ok(())
}

/// The certificate of the issuer key with this name.
pub fn certificate(tx: &Transaction<'_>, signer: SignerId) -> Result<Option<Vec<u8>>, Failure> {
    let sql = "SELECT signer, certificate FROM issuer WHERE signer = $1";
    first(tx, sql, [signer.to_string()], |row| Columns::of("issuer", "signer", row).document("certificate"))
}
