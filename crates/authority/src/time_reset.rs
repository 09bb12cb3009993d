//! Telling a client the time, so that one whose clock was once far ahead finds back (`docs/spec/messages.md`, 7).
//!
//! It needs no key and no customer: whoever holds a client's own key may know what time it is.

use keymuster_core::bundle::Bundle;
use keymuster_core::document::Signed;
use keymuster_core::refusal::Refusal;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time_reset::TimeReset;
use keymuster_service::sql::{Connection, Transaction};

use crate::authority::Authority;
use crate::caller::Caller;
use crate::error::Error;
use crate::refused::{About, settle};
use crate::{store, store::audit};

/// Answers a client's request with the authority's time.
pub fn reset_time(
    authority: &Authority,
    db: &mut Connection,
    request: &Signed<ClientRequest>,
    caller: &Caller,
) -> Result<Bundle, Error> {
    let tx = store::begin(db)?;
    let decided = decide(authority, &tx, request, caller);
    settle(authority, tx, decided, &About::client(request, ""), caller)
}

fn decide(
    authority: &Authority,
    tx: &Transaction<'_>,
    request: &Signed<ClientRequest>,
    caller: &Caller,
) -> Result<Bundle, Error> {
    authority.check_publisher(&request.publisher)?;
    if request.act != Act::ResetTime {
        return Err(Refusal::WrongWay { why: "this request asks for something else than the time" }.into());
    }
    let catalogue = authority.catalogue(tx)?;
    let unknown = Refusal::EditionUnknown { edition: request.edition, catalogue_version: catalogue.version };
    let edition = catalogue.edition(request.edition).ok_or(unknown)?;
    let reset = TimeReset {
        publisher: request.publisher.clone(),
        client: request.client,
        client_key: request.client_key,
        edition: edition.number,
        request: request.request,
        issued: caller.now,
        extensions: None,
    };
    let reset = authority.sign(reset, caller.now)?.bytes().to_vec();
    let detail = format!("edition {}, whose clock said {}", edition.id, request.time);
    audit::append(tx, caller, "reset time", &request.client.to_string(), &detail)?;
    let bundle = authority.answer(tx, Bundle { time_reset: Some(reset.into()), ..Bundle::default() })?;
    tracing::info!(client = %request.client, edition = %edition.id, "told a client the time");
    Ok(bundle)
}
