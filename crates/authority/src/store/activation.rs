//! The activations by MAKs: for each MAK and client key the newest one, and how often it was counted.
//!
//! Only the newest request of a client is remembered, so that repeats, which are free, do not fill the disk.

use keymuster_core::document::Signed;
use keymuster_core::id::{ClientId, RequestId};
use keymuster_core::key::KeyId;
use keymuster_core::signature::PublicKey;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{Columns, all, document, first, integer, public_key, time, write};

/// What is remembered of a client that was activated with a MAK.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activated {
    /// The MAK.
    pub key: KeyId,
    /// The client's key.
    pub client_key: PublicKey,
    /// The newest request.
    pub request: RequestId,
    /// How often it was counted.
    pub counted: u64,
    /// When it was last counted; an activation's end is reckoned from here.
    pub first_at: Timestamp,
    /// The signed bytes of the newest activation.
    pub document: Vec<u8>,
}

/// Adds or replaces what is remembered of a client.
pub fn put(
    tx: &Transaction<'_>,
    activation: &Signed<keymuster_core::activation::Activation>,
    counted: u64,
    first_at: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT INTO activation (product_key, client_key, client, request, counted, first_at, issued_at, document) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (product_key, client_key) DO UPDATE SET \
               client = excluded.client, request = excluded.request, counted = excluded.counted, \
               first_at = excluded.first_at, issued_at = excluded.issued_at, document = excluded.document";
    let values = params![
        activation.key.to_string(),
        public_key(&activation.client_key),
        activation.client.to_string(),
        activation.request.to_string(),
        integer(counted),
        time(first_at),
        time(activation.issued),
        document(activation.bytes()),
    ];
    write(tx, sql, values)?;
    Ok(())
}

/// What is remembered of this client with this MAK.
pub fn of_client(tx: &Transaction<'_>, key: KeyId, client_key: &PublicKey) -> Result<Option<Activated>, Failure> {
    let sql = "SELECT product_key, client_key, request, counted, first_at, document FROM activation \
               WHERE product_key = $1 AND client_key = $2";
    first(tx, sql, params![key.to_string(), public_key(client_key)], read)
}

/// The activation that answered this request.
pub fn answering(tx: &Transaction<'_>, request: RequestId) -> Result<Option<Activated>, Failure> {
    let sql = "SELECT product_key, client_key, request, counted, first_at, document FROM activation \
               WHERE request = $1";
    first(tx, sql, [request.to_string()], read)
}

/// An activation as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The client's id.
    pub client: ClientId,
    /// The hexadecimal digits of the client's key: the place in the list.
    pub client_key: String,
    /// How often it was counted.
    pub counted: u64,
    /// When it was last counted.
    pub first_at: Timestamp,
    /// When its newest activation was signed.
    pub issued_at: Timestamp,
}

/// The activations by a MAK, in the order of the clients' keys, after one of them; at most `limit`.
pub fn of_key(tx: &Transaction<'_>, key: KeyId, after: &str, limit: u32) -> Result<Vec<Listed>, Failure> {
    let sql = "SELECT client, client_key, counted, first_at, issued_at FROM activation \
               WHERE product_key = $1 AND client_key > $2 ORDER BY client_key LIMIT $3";
    all(tx, sql, params![key.to_string(), after, limit], |row| {
        let columns = Columns::of("activation", "client_key", row);
        Ok(Listed {
            client: columns.text("client")?,
            client_key: columns.text("client_key")?,
            counted: columns.number("counted")?,
            first_at: columns.time("first_at")?,
            issued_at: columns.time("issued_at")?,
        })
    })
}

fn read(row: &Row<'_>) -> Result<Activated, Failure> {
    let columns = Columns::of("activation", "client_key", row);
    Ok(Activated {
        key: columns.text("product_key")?,
        client_key: columns.public_key("client_key")?,
        request: columns.text("request")?,
        counted: columns.number("counted")?,
        first_at: columns.time("first_at")?,
        document: columns.document("document")?,
    })
}
