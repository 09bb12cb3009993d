//! Getting an entitlement: a signed request to the publisher's authority, over HTTP or by file, and its answer.

use std::time::Duration;

use anyhow::{bail, ensure};
use keymuster_core::bundle::{self, Bundle};
use keymuster_core::chain::Chain;
use keymuster_core::codes;
use keymuster_core::document::{Document as _, Signed};
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{Label, RequestId};
use keymuster_core::invalid::Invalid;
use keymuster_core::key::ProductKey;
use keymuster_core::lease::{BACKDATED_SECS, Position};
use keymuster_core::refusal::Refusal;
use keymuster_core::request::HostRequest;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Env;
use keymuster_service::console::By;
use keymuster_service::console::permission::Keys;
use keymuster_service::database::{self, Failure};
use keymuster_service::exit::Coded;
use keymuster_service::sql::Transaction;
use ureq::Body;
use ureq::http::Uri;

use crate::outgoing::{self, Trust};
use crate::pack::{self, NotTaken};
use crate::site::{Home, Publisher, Site, ledger_head};
use crate::store::{self, audit, entitlement::Asked};

/// How long an answer to a request is waited for, in seconds; then a new request is made.
const PENDING_SECS_MAX: u64 = 30 * DAY;
/// How long the authority may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The request for one host key: the one that is still open, byte for byte, or a new one, which is stored before it is
/// handed out.
pub fn request(home: &mut Home, publisher: usize, key: &ProductKey, env: &Env) -> anyhow::Result<Vec<u8>> {
    let now = env.now();
    let tx = database::begin(&mut home.db)?;
    let held = &home.site.publishers[publisher];
    if let Some(asked) = store::entitlement::last_asked(&tx, held.number, key.id())?
        && is_open(&asked, held, now)
    {
        return Ok(asked.request);
    }
    let head = ledger_head(&tx, &home.site)?;
    let body = HostRequest {
        publisher: held.trust.publisher.clone(),
        host: home.site.host,
        host_key: home.key.public(),
        request: RequestId::from_bytes(env.random()),
        time: now,
        key: key.reveal().parse::<Label>()?,
        catalogue_version: held.catalogue.version,
        name: machine_name(),
        ledger: Some(Position {
            host: home.site.host,
            epoch: home.site.epoch,
            sequence: head.sequence,
            head: head.short(),
        }),
        clients: None,
        tls_spki: Some(home.certificate.facts.spki),
        extensions: None,
    };
    let asked = Asked { request: Signed::sign(body, &home.key)?.bytes().to_vec(), at: now };
    store::entitlement::note_request(&tx, held.number, key.id(), &asked)?;
    tx.commit()?;
    Ok(asked.request)
}

/// The request for one host key that is still open, where there is one.
pub fn open_request(
    home: &mut Home,
    publisher: usize,
    key: &ProductKey,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Failure> {
    let held = &home.site.publishers[publisher];
    let asked = store::entitlement::last_asked(&home.db.transaction()?, held.number, key.id())?;
    Ok(asked.filter(|asked| is_open(asked, held, now)).map(|asked| asked.request))
}

/// Whether a stored request is young enough, of today's catalogue, and not answered by an entitlement that is held.
fn is_open(asked: &Asked, held: &Publisher, now: Timestamp) -> bool {
    let Ok(request) = HostRequest::verify(&asked.request) else { return false };
    let answered = held.entitlements.iter().any(|granted| granted.entitlement.request == request.request);
    !answered && now.secs_since(asked.at) < PENDING_SECS_MAX
}

fn machine_name() -> Option<Label> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().parse().ok()
}

/// What was taken of an authority's answer.
#[derive(Debug)]
pub struct Accepted {
    /// The entitlement.
    pub entitlement: Signed<Entitlement>,
    /// Whether it was held already, so that nothing has changed.
    pub is_repeated: bool,
    /// The licence pack, where the answer brought another one than was held.
    pub pack: Option<pack::Taken>,
    /// Why the licence pack of the answer was not taken: it needs a newer version of this program.
    pub pack_refused: Option<Refusal>,
}

/// Takes an authority's answer: the entitlement, and the newer licence pack and revocations that came with it.
///
/// It fits the request that waits for it, for 30 days. One that was taken before is taken again without any effect.
/// A pack that this program is too old for stays out, and the entitlement is taken all the same: what is installed goes on.
pub fn accept(home: &mut Home, publisher: usize, answer: &Bundle, by: &By<Keys>) -> anyhow::Result<Accepted> {
    let now = by.at();
    let tx = database::begin(&mut home.db)?;
    let held = &home.site.publishers[publisher];
    let revocations = Chain::new(&held.trust, &held.pack, None)?.revocations().cloned();
    let chain = Chain::new(&held.trust, answer, revocations)?;
    let none = || Invalid::WrongType { expected: Entitlement::TYPE, found: "a file without one".to_owned() };
    let bytes = answer.entitlement.as_ref().ok_or_else(none)?;
    let entitlement = chain.entitlement(bytes)?;
    ensure!(entitlement.host == home.site.host && entitlement.host_key == home.key.public(), Invalid::ForAnotherHost);
    ensure!(now < entitlement.stop_at, Invalid::Expired { at: entitlement.stop_at });
    let is_repeated = held.granted(entitlement.id).is_some();
    if !is_repeated {
        check_awaited(&tx, held, &entitlement, now)?;
        keep(&tx, held, &entitlement, answer, by)?;
    }
    // Also with an answer that was taken before, the pack can be newer.
    let pack_refused = take_pack(&tx, held, &chain, answer)?;
    let site = Site::load(&tx)?;
    tx.commit()?;
    let before = std::mem::replace(&mut home.site, site).publishers.swap_remove(publisher);
    let after = home.site.publishers[publisher].clone();
    let pack = (before.pack != after.pack).then_some(pack::Taken { before: Some(before), after });
    Ok(Accepted { entitlement, is_repeated, pack, pack_refused })
}

/// Whether an entitlement answers the request that waits for it, and its time has come.
fn check_awaited(
    tx: &Transaction<'_>,
    held: &Publisher,
    entitlement: &Entitlement,
    now: Timestamp,
) -> anyhow::Result<()> {
    let asked = store::entitlement::last_asked(tx, held.number, entitlement.key)?;
    let request = asked.and_then(|asked| HostRequest::verify(&asked.request).ok());
    let Some(request) = request.filter(|request| request.request == entitlement.request) else {
        bail!(Invalid::AnswerToAnotherRequest);
    };
    if now.secs_since(request.time) >= PENDING_SECS_MAX {
        let why = "the answer came later than 30 days after its request; make a new one";
        return Err(anyhow::Error::new(Invalid::AnswerToAnotherRequest).context(why));
    }
    if now.plus(BACKDATED_SECS) < entitlement.issued {
        let detail = format!("this host's clock says {now}, and the authority signed at {}", entitlement.issued);
        return Err(Coded { code: &codes::HOST_CLOCK_WRONG, detail }.into());
    }
    Ok(())
}

/// Stores an entitlement, with its audit entry.
fn keep(
    tx: &Transaction<'_>,
    held: &Publisher,
    entitlement: &Entitlement,
    answer: &Bundle,
    by: &By<Keys>,
) -> anyhow::Result<()> {
    let issuers = answer.issuers.clone();
    let kept = Bundle { entitlement: answer.entitlement.clone(), issuers, ..Bundle::default() };
    store::entitlement::set_answer(tx, held.number, entitlement.key, &kept.to_bytes())?;
    let act = audit::Act {
        actor: by.actor(),
        act: "host activated",
        subject: &entitlement.id.to_string(),
        detail: &format!("publisher {}, until {}", held.trust.publisher, entitlement.stop_at),
    };
    Ok(audit::record(tx, act, by.at())?)
}

/// Keeps the pack of an answer where it is at least as new as the one that is held; if this program is too old for it, says
/// so.
fn take_pack(
    tx: &Transaction<'_>,
    held: &Publisher,
    chain: &Chain<'_>,
    answer: &Bundle,
) -> anyhow::Result<Option<Refusal>> {
    if answer.catalogue.is_none() {
        return Ok(None);
    }
    match pack::judge(answer, chain, Some(held)) {
        Ok(_) => pack::replace(tx, held, answer).map(|()| None),
        Err(NotTaken::Older(_)) => Ok(None),
        Err(NotTaken::HostTooOld(refusal)) => Ok(Some(refusal)),
        Err(why @ NotTaken::Invalid(_)) => Err(why.into()),
    }
}

/// Where the authority of a publisher is asked: where somebody says, or at the address in the trust file.
pub fn address(held: &Publisher, said: Option<&str>) -> anyhow::Result<Option<String>> {
    let Some(said) = said else { return Ok(held.trust.authority.clone()) };
    let is_address = said.parse::<Uri>().is_ok_and(|uri| {
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        is_web && matches!(uri.path(), "" | "/") && uri.query().is_none()
    });
    ensure!(is_address, "{said:?} is not the address of an authority: http:// or https://, a name, perhaps a port");
    Ok(Some(said.to_owned()))
}

/// Sends a request to the authority at `url`.
pub fn send(url: &str, request: &[u8]) -> anyhow::Result<Bundle> {
    let errand =
        Errand { path: "/v1/certify", media_type: "application/cose", secret: "host key", within: ANSWER_WITHIN };
    post(url, &errand, request)
}

/// What is sent to an authority, and how.
#[derive(Clone, Copy, Debug)]
pub struct Errand {
    /// The path below the authority's URL.
    pub path: &'static str,
    /// The type of the body.
    pub media_type: &'static str,
    /// The kind of product key in the body.
    pub secret: &'static str,
    /// How long the answer may take.
    pub within: Duration,
}

/// Sends what holds a secret product key to the authority at `url`.
pub fn post(url: &str, errand: &Errand, body: &[u8]) -> anyhow::Result<Bundle> {
    outgoing::check_secrecy(url, errand.secret)?;
    let target = format!("{}{}", url.trim_end_matches('/'), errand.path);
    let agent = outgoing::agent(url, errand.within, Trust::System)?;
    bundle_of(url, agent.post(&target).header("content-type", errand.media_type).send(body))
}

/// Asks the authority at `url` for what is public.
pub fn get(url: &str, path: &str) -> anyhow::Result<Bundle> {
    let target = format!("{}{path}", url.trim_end_matches('/'));
    let agent = outgoing::agent(url, ANSWER_WITHIN, Trust::System)?;
    bundle_of(url, agent.get(&target).call())
}

/// The bundle that the authority at `url` has answered with, or its refusal.
fn bundle_of(url: &str, answered: Result<ureq::http::Response<Body>, ureq::Error>) -> anyhow::Result<Bundle> {
    let authority = format!("the authority at {url}");
    let mut response =
        answered.map_err(|error| outgoing::failure(&authority, &error, &codes::AUTHORITY_UNREACHABLE))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(bundle::SIZE_MAX as u64).read_to_vec();
    let body = body.map_err(|error| not_an_authority(url, &error.to_string()))?;
    if !status.is_success() {
        return Err(problem(&body).unwrap_or_else(|| not_an_authority(url, &format!("HTTP {status}"))).into());
    }
    Bundle::parse(&body).map_err(|error| not_an_authority(url, &error.to_string()).into())
}

fn not_an_authority(url: &str, why: &str) -> Coded {
    Coded { code: &codes::NOT_A_KEYMUSTER_HOST, detail: format!("what answers at {url} is no authority: {why}") }
}

/// A refusal or failure of an authority or a host, by its stable code.
pub(crate) fn problem(body: &[u8]) -> Option<Coded> {
    let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = codes::find(problem.get("code")?.as_str()?)?;
    Some(Coded { code, detail: problem.get("detail")?.as_str()?.to_owned() })
}
