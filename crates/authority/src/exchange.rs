//! An exchange: the requests that a host has collected, each activated as if it had come alone with the MAK that its
//! administrator added (`docs/spec/messages.md`, 6.2).
//!
//! What concerns the MAK refuses all of them, and changes nothing; what concerns one machine refuses that one alone.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::{Bundle, ISSUERS_MAX, Refused, SIZE_MAX};
use keymuster_core::document::{Document, Signed};
use keymuster_core::id::Label;
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_core::key::KeyKind;
use keymuster_core::refusal::Refusal;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::revocation::Revocations;
use keymuster_service::sql::{Connection, Transaction};

use crate::authority::Authority;
use crate::caller::Caller;
use crate::error::Error;
use crate::mak::Mak;
use crate::refused::{About, keep, settle};
use crate::store;

/// Bytes of results in one answer: those of a bundle but for what verifies them, and for the heads of its fields.
const RESULTS_BYTES_MAX: usize = SIZE_MAX - ISSUERS_MAX * Issuer::SIZE_MAX - Revocations::SIZE_MAX - 1024;
/// Bytes that a result has beside its document or its texts, at most.
const RESULT_HEAD_BYTES: usize = 32;

/// The requests of a file or body, verified, with the MAK.
#[derive(Debug)]
pub struct Exchange {
    /// The requests.
    pub requests: Vec<Signed<ClientRequest>>,
    /// The MAK, as it was sent.
    pub mak: Label,
}

/// What became of an exchange.
#[derive(Debug)]
pub struct Exchanged {
    /// The answer.
    pub bundle: Bundle,
    /// How many of the requests, from the first one on, have a result in it.
    pub decided: usize,
}

impl Exchange {
    /// Reads an exchange. A request that does not verify means that the file is damaged, so nothing of it is taken.
    pub fn read(bundle: Bundle) -> Result<Exchange, Invalid> {
        let (Some(requests), Some(mak)) = (bundle.client_requests, bundle.mak) else {
            return Err(Invalid::Malformed("an exchange holds requests of clients and a MAK".to_owned()));
        };
        let requests = requests.iter().map(|bytes| ClientRequest::verify(bytes)).collect::<Result<_, _>>()?;
        Ok(Exchange { requests, mak })
    }
}

/// Answers an exchange; one that is repeated gets the same activations and costs nothing.
pub fn exchange(
    authority: &Authority,
    db: &mut Connection,
    exchange: &Exchange,
    caller: &Caller,
) -> Result<Exchanged, Error> {
    let tx = store::begin(db)?;
    let decided = decide_all(authority, &tx, exchange, caller);
    settle(authority, tx, decided, &About::exchange(exchange.mak.as_str()), caller)
}

fn decide_all(
    authority: &Authority,
    tx: &Transaction<'_>,
    exchange: &Exchange,
    caller: &Caller,
) -> Result<Exchanged, Error> {
    let key = authority.read_key(exchange.mak.as_str(), KeyKind::Mak)?;
    let mut mak = Mak::open(authority, tx, &key)?;
    let (mut activations, mut refusals, mut room) = (Vec::new(), Vec::new(), RESULTS_BYTES_MAX);
    for request in &exchange.requests {
        // A request that was decided must find room for its result, or it would be counted without anybody hearing of it.
        if room < Activation::SIZE_MAX {
            break;
        }
        match decide(authority, &mut mak, request, caller) {
            Ok(activation) => {
                room = room.saturating_sub(activation.len() + RESULT_HEAD_BYTES);
                activations.push(activation.into());
            }
            Err(Error::Refused(refusal)) => {
                keep(authority, tx, &refusal, &About::client(request, exchange.mak.as_str()), caller)?;
                let refused = refused(request, &refusal);
                let detail = refused.detail.as_ref().map_or("", Label::as_str);
                room = room.saturating_sub(refused.code.as_str().len() + detail.len() + RESULT_HEAD_BYTES);
                refusals.push(refused);
            }
            Err(error) => return Err(error),
        }
    }
    let (activated, decided) = (activations.len(), activations.len() + refusals.len());
    let bundle = Bundle { activations: listed(activations), refusals: listed(refusals), ..Bundle::default() };
    let bundle = authority.answer(tx, bundle)?;
    let requests = exchange.requests.len();
    tracing::info!(requests, decided, activated, key = key.last_five(), "answered an exchange");
    Ok(Exchanged { bundle, decided })
}

fn decide(
    authority: &Authority,
    mak: &mut Mak<'_>,
    request: &ClientRequest,
    caller: &Caller,
) -> Result<Vec<u8>, Error> {
    authority.check_publisher(&request.publisher)?;
    if request.act != Act::Mak || request.key.is_some() {
        let why = "in an exchange, requests ask for an activation by a MAK and carry none of their own";
        return Err(Refusal::WrongWay { why }.into());
    }
    mak.activate(request, caller)
}

fn refused(request: &ClientRequest, refusal: &Refusal) -> Refused {
    let detail = Label::cut(&refusal.to_string());
    Refused { request: request.request, code: refusal.code().slug(), detail }
}

/// A list as a bundle has it: with entries, or absent.
fn listed<T>(entries: Vec<T>) -> Option<Vec<T>> {
    Some(entries).filter(|entries| !entries.is_empty())
}
