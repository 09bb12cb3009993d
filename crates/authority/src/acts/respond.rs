//! Answering a request that came as a file or as QR codes, by the same rules as over the network.

use keymuster_core::bundle::Bundle;
use keymuster_core::id::to_hex;
use keymuster_core::key::ProductKey;
use keymuster_core::request::{Act, ClientRequest, HostRequest};
use keymuster_service::console::By;
use keymuster_service::console::permission::Handle;
use keymuster_service::sql::Connection;

use crate::authority::Authority;
use crate::caller::Caller;
use crate::certify::certify;
use crate::error::Error;
use crate::exchange::{Exchange, exchange};
use crate::mak::activate;
use crate::store;
use crate::store::response::Response;
use crate::time_reset::reset_time;

/// What was decided on a request.
struct Answered {
    kind: &'static str,
    subject: String,
    /// The secret key of the request, which leads to the customer.
    typed: String,
    summary: String,
    bundle: Bundle,
}

/// Answers the request in a file, and keeps the answer to be downloaded.
pub fn respond(authority: &Authority, db: &mut Connection, file: &[u8], by: &By<Handle>) -> Result<Response, Error> {
    let answered = answer(authority, db, Bundle::parse_file(file)?, &Caller::from(by))?;
    let tx = store::begin(db)?;
    let key = ProductKey::parse(&answered.typed).ok();
    let minted = key.map(|key| store::product_key::find(&tx, key.id())).transpose()?.flatten();
    let response = Response {
        id: to_hex(&authority.env.random::<8>()),
        at: by.at(),
        actor: by.actor().to_owned(),
        kind: answered.kind.to_owned(),
        subject: answered.subject,
        customer: minted.map(|minted| minted.customer.to_string()),
        summary: answered.summary,
    };
    store::response::insert(&tx, &response, &answered.bundle.to_file())?;
    store::audit::append(&tx, &Caller::from(by), "answer request", &response.id, &response.summary)?;
    tx.commit()?;
    Ok(response)
}

fn answer(authority: &Authority, db: &mut Connection, asked: Bundle, caller: &Caller) -> Result<Answered, Error> {
    if let Some(bytes) = &asked.host_request {
        let request = HostRequest::verify(bytes)?;
        let bundle = certify(authority, db, &request, caller)?;
        let name = request.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let summary = format!("host {}{name} is certified", request.host);
        let (subject, typed) = (request.host.to_string(), request.key.to_string());
        return Ok(Answered { kind: "host", subject, typed, summary, bundle });
    }
    if let Some(bytes) = &asked.client_request {
        let request = ClientRequest::verify(bytes)?;
        let (subject, typed) = (request.client.to_string(), request.key.as_ref().map(ToString::to_string));
        let (kind, bundle, done) = match request.act {
            Act::ResetTime => ("time", reset_time(authority, db, &request, caller)?, "is told the time"),
            _ => ("client", activate(authority, db, &request, caller)?, "is activated"),
        };
        let summary = format!("client {subject} {done}");
        return Ok(Answered { kind, subject, typed: typed.unwrap_or_default(), summary, bundle });
    }
    if asked.client_requests.is_none() {
        return Err(Error::Rule("this is a file of Keymuster, and holds no request".to_owned()));
    }
    let asked = Exchange::read(asked)?;
    let exchanged = exchange(authority, db, &asked, caller)?;
    let refused = exchanged.bundle.refusals.as_deref().unwrap_or_default().len();
    let (activated, left) = (exchanged.decided - refused, asked.requests.len() - exchanged.decided);
    let mut summary = format!("{activated} clients are activated, {refused} are refused");
    if left > 0 {
        summary += &format!("; {left} have no room in one answer, and their host exports them again");
    }
    let subject = format!("{} clients", asked.requests.len());
    Ok(Answered { kind: "exchange", subject, typed: asked.mak.to_string(), summary, bundle: exchanged.bundle })
}
