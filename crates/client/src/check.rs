//! What the hosts of this machine would answer, without being counted (`docs/spec/client-state.md`, 10).
//!
//! Nothing of it is stored: neither the request nor its counter, nor what came of it.

use std::fmt;
use std::time::Instant;

use keymuster_core::bundle::Bundle;
use keymuster_core::chain::Chain;
use keymuster_core::codes::{self, Code};
use keymuster_core::document::Signed;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{Label, RequestId, Slug};
use keymuster_core::invalid::Invalid;
use keymuster_core::lease::LeaseKind;
use keymuster_core::report::Report;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::Timestamp;

use crate::answer::Held;
use crate::client::{Client, Loaded};
use crate::discovery::{Candidate, Finder, TARGETS_MAX};
use crate::error::Error;
use crate::route::{channel_to_hosts, via};
use crate::status::{Tried, Via};
use crate::tls::{Shown, Whom};
use crate::transport::{Answered, Channel, Reply, To, post};

/// What was found out about the hosts of this machine.
#[derive(Debug)]
#[non_exhaustive]
pub struct Check {
    /// The DNS names that were looked up, and what came of each.
    pub searched: Vec<Tried>,
    /// The hosts in the order in which they would be asked.
    pub hosts: Vec<CheckedHost>,
}

/// One host.
#[derive(Debug)]
#[non_exhaustive]
pub struct CheckedHost {
    /// Its address.
    pub address: String,
    /// How it was found.
    pub found_by: String,
    /// Its report, verified up to the publisher's root; or why there is none.
    pub report: Result<HostReport, Error>,
}

/// A host's statement of what it would do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostReport {
    /// How the host licenses the edition.
    pub kind: LeaseKind,
    /// Distinct clients counted now.
    pub count: u64,
    /// The threshold that the count has to reach.
    pub threshold: u32,
    /// The code's name of the refusal that a client would get that has not asked before; `None` for a lease.
    pub refusal: Option<Slug>,
    /// By how many seconds the host's clock is ahead of this machine's; negative where it is behind.
    pub clock_ahead_secs: i64,
    /// The customer of the entitlement on which the host would grant, by name.
    pub customer: Label,
    /// From when the host should renew that entitlement.
    pub warn_at: Timestamp,
    /// When that entitlement ends.
    pub stop_at: Timestamp,
    /// Why this client would not accept a lease from there.
    pub objection: Option<Invalid>,
    /// How the report has travelled.
    pub via: Via,
}

impl HostReport {
    /// Whether nothing is wrong with the host: it would activate this client, or only waits until others have asked or
    /// given back their seats.
    pub fn is_healthy(&self) -> bool {
        let waits = [&codes::THRESHOLD_NOT_MET, &codes::SEATS_EXHAUSTED];
        self.objection.is_none() && self.refusal.as_ref().is_none_or(|name| waits.iter().any(|code| is(name, code)))
    }

    /// The code of what stands in the way, if anything does.
    pub fn code(&self) -> Option<&'static Code> {
        let refusal = || {
            let name = self.refusal.as_ref()?;
            Some(codes::all().find(|code| is(name, code)).unwrap_or(&codes::VERSION_UNSUPPORTED))
        };
        self.objection.as_ref().map(Invalid::code).or_else(refusal)
    }
}

fn is(name: &Slug, code: &Code) -> bool {
    name.as_str() == code.name
}

/// The verdict in one sentence, with the numbers behind it.
impl fmt::Display for HostReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostReport { kind, count, threshold, .. } = self;
        if *kind == LeaseKind::Volume {
            write!(f, "count {count} of {threshold}: ")?;
        }
        let missing = u64::from(*threshold).saturating_sub(*count);
        match (&self.objection, &self.refusal, kind) {
            (Some(why), ..) => write!(f, "this client would not accept a lease from it: {why} ({})", why.code()),
            (None, None, LeaseKind::Seat) => f.write_str("healthy, would give a seat now"),
            (None, None, LeaseKind::Volume) if missing == 0 => f.write_str("healthy, would activate this client now"),
            (None, None, LeaseKind::Volume) => f.write_str("healthy, would activate the next client that is new to it"),
            (None, Some(name), _) if is(name, &codes::THRESHOLD_NOT_MET) => {
                write!(f, "healthy, will activate when {missing} more clients have asked")
            }
            (None, Some(name), _) if is(name, &codes::SEATS_EXHAUSTED) => f.write_str("healthy, all seats are taken"),
            (None, Some(name), _) => match codes::all().find(|code| is(name, code)) {
                Some(code) => write!(f, "would refuse a new client: {} ({code})", code.sentence),
                None => write!(f, "would refuse a new client: {name}"),
            },
        }
    }
}

impl Client {
    /// Asks every host that this client would find what it would answer, without being counted or granted anything, and
    /// verifies the answers like leases. It takes as long as the network takes, for each host in turn.
    ///
    /// ```no_run
    /// # use keymuster_client::Client;
    /// # fn run(client: Client) {
    /// for host in client.check().hosts {
    ///     match host.report {
    ///         Ok(report) => println!("{}: {report}", host.address),
    ///         Err(error) => println!("{}: {error} ({})", host.address, error.code()),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn check(&self) -> Check {
        let (finder, loaded) = (self.finder(), self.current());
        let last = loaded.record.host.as_ref();
        let mut searched = Vec::new();
        let mut candidates = finder.at_hand(last, loaded.now(&self.shared.settings.env));
        let mut hosts: Vec<CheckedHost> = Vec::new();
        let end = Instant::now() + self.shared.settings.timeouts.attempt();
        candidates.extend(finder.search(last, end, &mut searched).0);
        for candidate in candidates {
            let address = candidate.address.to_string();
            if hosts.len() < TARGETS_MAX && hosts.iter().all(|host| host.address != address) {
                let report = self.check_host(&candidate, &finder, &loaded);
                hosts.push(CheckedHost { address, found_by: candidate.found_by, report });
            }
        }
        let searched = searched.into_iter().map(|tried| Tried { what: tried.what, outcome: tried.outcome });
        Check { searched: searched.collect(), hosts }
    }

    /// Asks at one address of a host after the other, until one answers anything.
    pub(crate) fn check_host(
        &self,
        candidate: &Candidate,
        finder: &Finder<'_>,
        loaded: &Loaded,
    ) -> Result<HostReport, Error> {
        let host = candidate.address.to_string();
        let request = self.check_request(loaded);
        let is_tls_only = candidate.address.tls_only;
        let channel = if is_tls_only { Channel::TlsOnly(Whom::Host) } else { channel_to_hosts(loaded) };
        let mut last = Error::HostUnreachable { host: host.clone(), why: "no address".into() };
        for address in finder.addresses(candidate)? {
            let to = To { address, host: &candidate.address, channel, timeouts: self.shared.settings.timeouts };
            let Answered { reply, shown } = post(to, "/v1/activate", request.bytes());
            match reply {
                Ok(Reply::Bundle(bytes)) => {
                    let judge = |bundle| self.judge(&bundle, request.request, shown, loaded);
                    return Bundle::parse(&bytes)
                        .and_then(judge)
                        .map_err(|why| Error::AnswerInvalid { from: host, why });
                }
                Ok(Reply::Done) => {
                    return Err(Error::NotAKeymusterHost { host, found: "an answer to something else".into() });
                }
                Err(error) if error.is_unreachable() => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// A request of its own: it is not stored, and says of this client only what the host needs to answer.
    fn check_request(&self, loaded: &Loaded) -> Signed<ClientRequest> {
        let Loaded { identity, record, .. } = loaded;
        let env = &self.shared.settings.env;
        let request = ClientRequest {
            act: Act::Check,
            publisher: self.product().publisher().clone(),
            client: identity.client,
            client_key: identity.key(),
            edition: self.product().edition().number,
            request: RequestId::from_bytes(env.random()),
            time: env.reading().wall,
            high_water: record.mark.mark().at,
            counter: record.counter,
            product_version: None,
            previous: None,
            audience: None,
            pool: None,
            fence: None,
            ratchet: None,
            key: None,
            name: None,
            system: None,
            boot: None,
            fingerprint: None,
            replaces: None,
            standing: None,
            extensions: None,
        };
        Signed::sign(request, &identity.secret())
            .expect("a request of this program keeps the rules of its own documents")
    }

    /// Reads a host's report, and adds what this client would say to its lease.
    fn judge(
        &self,
        bundle: &Bundle,
        request: RequestId,
        shown: Option<Shown>,
        loaded: &Loaded,
    ) -> Result<HostReport, Invalid> {
        let reader = &loaded.reader;
        let known = loaded.record.revocations.as_ref().and_then(|bytes| reader.revocations(bytes));
        let chain = Chain::new(reader.product.trust(), bundle, known)?;
        let missing = || Invalid::Malformed("no report with its entitlement".into());
        let (report, entitlement) = bundle.report.as_ref().zip(bundle.entitlement.as_ref()).ok_or_else(missing)?;
        let entitlement = chain.entitlement(entitlement)?;
        let edition = reader.product.edition();
        let report = chain.report(report, &entitlement, &reader.asker(edition, Some(request), None))?;
        let wall = self.shared.settings.env.reading().wall;
        let ahead = i128::from(report.time.as_secs()) - i128::from(wall.as_secs());
        Ok(HostReport {
            kind: edition.kind,
            count: report.count,
            threshold: report.threshold,
            refusal: report.refusal.clone(),
            clock_ahead_secs: i64::try_from(ahead).unwrap_or(i64::MAX),
            customer: entitlement.customer_name.clone(),
            warn_at: entitlement.warn_at,
            stop_at: entitlement.stop_at,
            objection: self.objection(&report, &entitlement, loaded),
            via: via(shown, entitlement.tls_spki),
        })
    }

    /// What this client would say to a lease that stands on `entitlement`.
    fn objection(&self, report: &Report, entitlement: &Entitlement, loaded: &Loaded) -> Option<Invalid> {
        let now = loaded.now(&self.shared.settings.env);
        let valid = loaded.held.as_ref().filter(|held| held.is_valid(now)).and_then(Held::lease);
        let in_force = self.in_force(loaded);
        let is_other = |customer: &Slug| *customer != entitlement.customer;
        if in_force.customer().is_some_and(is_other) || valid.is_some_and(|(_, pinned)| is_other(&pinned.customer)) {
            return Some(Invalid::CustomerChanged);
        }
        let held = loaded.held.as_ref().and_then(Held::position);
        if held.is_some_and(|held| report.position.is_older_than(&held)) {
            return Some(Invalid::OlderThanHeld);
        }
        let (edition, catalogue) = (self.product().edition(), self.product().catalogue());
        match edition.kind {
            LeaseKind::Seat => {
                let has_pool = entitlement.pools.iter().any(|pool| pool.edition == edition.number);
                (!has_pool).then_some(Invalid::BeyondLimits("the pool"))
            }
            LeaseKind::Volume => match entitlement.threshold(edition, catalogue.group_of(edition)?) {
                None => Some(Invalid::BeyondLimits("the edition")),
                Some(least) => (report.threshold < least).then_some(Invalid::CountBelowThreshold),
            },
        }
    }
}
